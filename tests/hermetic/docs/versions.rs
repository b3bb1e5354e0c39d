//! The page of the versions of Kubernetes follows the versions that the tests pin; `make docs` writes its table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use boundtoken::check::reference::checks;

const PAGE: &str = "docs/reference/versions.md";
const START: &str = "<!-- This table is written by `make docs`. -->\n\n";

/// A line of `tests/cluster/versions.txt`.
struct Tested {
    kubernetes: String,
    kubectl: String,
    rings: Vec<String>,
}

fn read(path: &str) -> String {
    fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).expect(path)
}

/// The text of a page, however its lines are wrapped.
fn on_one_line(path: &str) -> String {
    read(path).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn tested() -> Vec<Tested> {
    let text = read("tests/cluster/versions.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.split(' ').map(str::to_owned);
            let mut next = || words.next().expect("a version");
            Tested { kubernetes: next(), kubectl: next(), rings: words.collect() }
        })
        .collect()
}

/// The pinned releases by their minor version, such as `v1.33.13` by `1.33`.
fn pinned() -> BTreeMap<String, String> {
    let directory = format!("{}/tests/cluster", env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry"));
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let older = names.filter(|name| name.starts_with("kubernetes-")).map(|name| format!("{name}/go.mod"));
    older
        .chain(["go.mod".to_owned()])
        .map(|file| {
            let text = read(&format!("tests/cluster/{file}"));
            let version = text.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "));
            let version = version.and_then(|version| version.split(' ').next()).expect("a version");
            let minor =
                version.strip_prefix('v').and_then(|version| version.rsplit_once('.')).expect("a patch").0;
            assert!(
                !file.contains('-') || file.starts_with(&format!("kubernetes-{minor}/")),
                "{file}: {version}"
            );
            (minor.to_owned(), version.to_owned())
        })
        .collect()
}

/// The minor versions of the API servers, from the oldest on.
fn servers() -> BTreeSet<String> {
    tested().into_iter().map(|line| line.kubernetes).collect()
}

fn table() -> String {
    let pinned = pinned();
    let mut table = String::from("| API server and controllers | kubectl | tests |\n| --- | --- | --- |\n");
    for Tested { kubernetes, kubectl, rings } in tested() {
        let rings: Vec<String> = rings.iter().map(|ring| format!("`tests/{ring}`")).collect();
        let (kubernetes, kubectl) = (&pinned[&kubernetes], &pinned[&kubectl]);
        writeln!(table, "| {kubernetes} | {kubectl} | {} |", rings.join(", ")).expect("a string");
    }
    table
}

/// `a, b and c`.
fn listed(words: &[String]) -> String {
    let (last, others) = words.split_last().expect("a word");
    format!("{} and {last}", others.join(", "))
}

#[test]
fn page_has_the_table_of_versions() {
    let page = read(PAGE);
    let (before, after) = page.split_once(START).expect("the start of the table");
    let (_, after) = after.split_once("\n\n").expect("the end of the table");
    super::reference::compare("reference/versions.md", &format!("{before}{START}{}\n{after}", table()));
}

/// Continuous integration takes the oldest version from the last line.
#[test]
fn tested_versions_are_pinned_and_the_oldest_is_the_last() {
    let tested = tested();
    let minor = |line: &Tested| line.kubernetes.split_once('.')?.1.parse::<u32>().ok();
    let minors = tested.iter().map(minor);
    assert!(minors.is_sorted_by(|newer, older| newer >= older));
    let pinned = pinned();
    let mut words = tested.iter().flat_map(|line| [&line.kubernetes, &line.kubectl]);
    assert!(words.all(|minor| pinned.contains_key(minor)));
}

#[test]
fn readme_check_and_chart_name_these_versions() {
    let pinned = pinned();
    let releases: Vec<String> = servers().iter().map(|minor| pinned[minor].clone()).collect();
    let (readme, releases) = (on_one_line("README.md"), listed(&releases));
    assert!(readme.contains(&format!("Tested on Kubernetes {releases}")), "{releases}");

    let minors: Vec<String> = servers().iter().map(|minor| format!("v{minor}")).collect();
    let (page, minors) = (checks().expect("a page"), listed(&minors));
    assert!(page.contains(&format!("boundtoken is tested on {minors},")), "{minors}");

    let chart = read("charts/boundtoken/Chart.yaml");
    let oldest =
        chart.lines().find_map(|line| line.strip_prefix("kubeVersion: \">=")?.strip_suffix(".0-0\""));
    let oldest = oldest.expect("the oldest version");
    assert!(page.contains(&format!("its manifests need v{oldest} or later")), "{oldest}");
    for (file, words) in [("README.md", "needs "), ("docs/roll-out/install.md", "Kubernetes ")] {
        assert!(on_one_line(file).contains(&format!("{words}{oldest} or later")), "{file}: {oldest}");
    }
}
