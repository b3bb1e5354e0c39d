//! Pages and links of the site.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::site;
use crate::support::files::files_with_extension;
use crate::support::pages::pages;

/// The values of an attribute, with the characters that HTML escapes.
fn values(attribute: &str, html: &str) -> BTreeSet<String> {
    let pattern = Regex::new(&format!(r#"\s{attribute}="([^"]*)""#)).unwrap();
    pattern.captures_iter(html).map(|found| found[1].replace("&amp;", "&")).collect()
}

/// The page of a Markdown file; that of README.md is the index of its directory.
fn page_of(file: &Path) -> PathBuf {
    let file = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
    if file.ends_with("README.md") { file.with_file_name("index.html") } else { file.with_extension("html") }
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let listed = values("href", &fs::read_to_string(site().join("toc.html")).unwrap());
    for file in pages() {
        let page = page_of(&file);
        assert!(listed.contains(page.to_str().unwrap()), "{}: add it to docs/README.md", file.display());
        assert!(site().join(&page).exists(), "{}", page.display());
    }
    assert!(listed.len() > 25, "only {} pages", listed.len());
}

#[test]
fn every_link_leads_to_a_file_and_an_anchor() {
    let site = site();
    let pages = files_with_extension(&site, "html").into_iter();
    // A page that is not found is shown at any address, so its links are those of the root.
    let pages = pages.filter(|page| !page.ends_with("404.html"));
    let texts: BTreeMap<PathBuf, String> =
        pages.map(|page| (page.clone(), fs::read_to_string(page).unwrap())).collect();
    let mut dead = Vec::new();
    let mut checked = 0;
    for (page, html) in &texts {
        let links = values("href", html).into_iter().chain(values("src", html));
        for link in links.filter(|link| !link.contains(':')) {
            checked += 1;
            if !leads_somewhere(&texts, page, &link) {
                dead.push(format!("{}: {link}", page.strip_prefix(&site).unwrap().display()));
            }
        }
    }
    assert!(dead.is_empty(), "{} dead links: {dead:#?}", dead.len());
    assert!(checked > 1000, "only {checked} links");
}

fn leads_somewhere(texts: &BTreeMap<PathBuf, String>, page: &Path, link: &str) -> bool {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let mut target = page.to_owned();
    if !file.is_empty() {
        let Ok(path) = page.parent().unwrap().join(file).canonicalize() else { return false };
        target = if path.is_dir() { path.join("index.html") } else { path };
    }
    let has_anchor = || texts.get(&target).is_some_and(|html| values("id", html).contains(anchor));
    target.exists() && (anchor.is_empty() || has_anchor())
}
