//! Writes what is linked into the static binary, as SPDX 2.3 and as the licences that go with it:
//! `sbom TARGET DATE DIRECTORY`.
//!
//! The crates are those of `cargo tree` for this target without build scripts, procedural macros and tests; checksums
//! come from Cargo.lock. The libraries of C, of its compiler and of Rust are linked as well.

#![allow(
    clippy::indexing_slicing,
    reason = "a key that a JSON value lacks is null, and a failure ends the release"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const NAME: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The crates of this repository.
const OWN: [&str; 2] = [NAME, "boundtoken-core"];

/// The licences of linked libraries that are not crates. libgcc needs none: its runtime exception covers what it is
/// linked into.
const LICENCES: [(&str, &str); 2] =
    [("glibc", include_str!("licences/glibc")), ("rust-std", include_str!("licences/rust-std"))];

/// Name and version.
type Crate = (String, String);

/// What is linked, and who links what.
struct Linked {
    crates: BTreeSet<Crate>,
    edges: BTreeSet<(Crate, Crate)>,
}

fn main() -> Result<()> {
    let [target, date, directory] = env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "usage: sbom TARGET DATE DIRECTORY")?;
    let directory = Path::new(&directory);
    let linked = linked(&target)?;
    let packages = packages()?;
    let document = document(&target, &date, &linked, &packages)?;
    fs::write(directory.join("sbom.spdx.json"), serde_json::to_string_pretty(&document)? + "\n")?;
    Ok(fs::write(directory.join("LICENSES-THIRD-PARTY"), licences(&linked, &packages)?)?)
}

/// Runs a program and returns its output.
fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        return Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn cargo(arguments: &[&str]) -> Result<String> {
    output(&env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), arguments)
}

/// Reads `cargo tree`, whose lines are a depth, a name and a version, each below the crate that links it.
fn linked(target: &str) -> Result<Linked> {
    let edges_of = ["--edges", "normal,no-proc-macro", "--package", NAME, "--target", target];
    let tree: Vec<_> = ["tree", "--locked", "--prefix", "depth"].into_iter().chain(edges_of).collect();
    let (mut crates, mut edges, mut above) = (BTreeSet::new(), BTreeSet::new(), Vec::<Crate>::new());
    for line in cargo(&tree)?.lines() {
        let name = line.trim_start_matches(|character: char| character.is_ascii_digit());
        let depth: usize = line[..line.len() - name.len()].parse()?;
        let (name, rest) = name.split_once(" v").ok_or_else(|| format!("no version: {line}"))?;
        let version = rest.split_whitespace().next().unwrap_or_default();
        let found = (name.to_owned(), version.to_owned());
        above.truncate(depth);
        if let Some(parent) = above.last() {
            edges.insert((parent.clone(), found.clone()));
        }
        crates.insert(found.clone());
        above.push(found);
    }
    Ok(Linked { crates, edges })
}

/// What Cargo knows of each crate, with the checksum of Cargo.lock.
fn packages() -> Result<BTreeMap<Crate, Value>> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--locked", "--format-version", "1"])?)?;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut packages = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        packages.insert((word(&package["name"]), word(&package["version"])), package.clone());
    }
    let lock = fs::read_to_string("Cargo.lock")?;
    for entry in lock.split("[[package]]\n") {
        let field = |name: &str| {
            let line = entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
            line.map(|value| value.trim_end_matches('"').to_owned()).unwrap_or_default()
        };
        if let Some(package) = packages.get_mut(&(field("name"), field("version"))) {
            package["checksum"] = field("checksum").into();
        }
    }
    Ok(packages)
}

fn identifier((name, version): &Crate) -> String {
    let text = format!("SPDXRef-{name}-{version}");
    text.replace(|character: char| !character.is_ascii_alphanumeric() && character != '.', "-")
}

fn document(
    target: &str,
    date: &str,
    Linked { crates, edges }: &Linked,
    packages: &BTreeMap<Crate, Value>,
) -> Result<Value> {
    let root = (NAME.to_owned(), VERSION.to_owned());
    let mut listed = Vec::new();
    for found in crates {
        let metadata = packages.get(found).ok_or_else(|| format!("unknown crate {found:?}"))?;
        listed.push(package_of_crate(found, metadata));
    }
    let mut relationships = vec![related("SPDXRef-DOCUMENT", "DESCRIBES", &identifier(&root))];
    for (parent, child) in edges {
        relationships.push(related(&identifier(parent), "DEPENDS_ON", &identifier(child)));
    }
    for library in libraries()? {
        relationships.push(related(
            &identifier(&root),
            "STATIC_LINK",
            library["SPDXID"].as_str().unwrap_or_default(),
        ));
        listed.push(library);
    }
    let commit = output("git", &["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|_| "unknown".to_owned());
    Ok(json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": format!("{NAME}-{VERSION}-{target}"),
        "documentNamespace":
            format!("https://spdx.org/spdxdocs/{NAME}-{VERSION}-{target}-{}", commit.trim_end()),
        "creationInfo": {"created": date, "creators": [format!("Tool: {NAME}-sbom-{VERSION}")]},
        "packages": listed,
        "relationships": relationships,
    }))
}

fn related(from: &str, kind: &str, to: &str) -> Value {
    json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to})
}

/// A package as SPDX describes each.
fn package(identity @ (name, version): &Crate, licence: &str) -> Value {
    json!({
        "SPDXID": identifier(identity),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "supplier": "NOASSERTION",
    })
}

fn reference(purl: &str) -> Value {
    json!({"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl})
}

/// A crate. Older ones separate licences by a slash.
fn package_of_crate(found @ (name, version): &Crate, metadata: &Value) -> Value {
    let licence = metadata["license"].as_str().map(|text| text.replace(" OR ", "/").replace('/', " OR "));
    let mut package = package(found, licence.as_deref().unwrap_or("NOASSERTION"));
    package["externalRefs"] = json!([reference(&format!("pkg:cargo/{name}@{version}"))]);
    if let Some(checksum) = metadata["checksum"].as_str().filter(|checksum| !checksum.is_empty()) {
        package["downloadLocation"] =
            format!("https://static.crates.io/crates/{name}/{name}-{version}.crate").into();
        package["checksums"] = json!([{"algorithm": "SHA256", "checksumValue": checksum}]);
    } else {
        package["primaryPackagePurpose"] = if name == NAME { "APPLICATION" } else { "LIBRARY" }.into();
    }
    package
}

/// The libraries that are not crates of Cargo.lock.
fn libraries() -> Result<[Value; 3]> {
    let c = output("getconf", &["GNU_LIBC_VERSION"])?;
    let c = c.trim_end().rsplit(' ').next().unwrap_or_default();
    let gcc = output("cc", &["-dumpfullversion", "-dumpversion"])?;
    let rust = output("rustc", &["--version"])?;
    let rust = rust.split(' ').nth(1).unwrap_or_default();
    let library =
        |name: &str, version: &str, licence| package(&(name.to_owned(), version.to_owned()), licence);
    let mut glibc = library("glibc", c, "LGPL-2.1-or-later");
    if let Some(purl) = purl_of_glibc() {
        glibc["externalRefs"] = json!([reference(&purl)]);
    }
    Ok([
        glibc,
        library("libgcc", gcc.trim_end(), "GPL-3.0-or-later WITH GCC-exception-3.1"),
        library("rust-std", rust, "MIT OR Apache-2.0"),
    ])
}

/// The source package of glibc on Debian and its derivatives, by which scanners find advisories.
fn purl_of_glibc() -> Option<String> {
    let version = output("dpkg-query", &["--show", "--showformat=${source:Version}", "libc6-dev"]).ok()?;
    let release = fs::read_to_string("/etc/os-release").ok()?;
    let field =
        |name: &str| release.lines().find_map(|line| line.strip_prefix(name)).map(|id| id.trim_matches('"'));
    let (id, release) = (field("ID=")?, field("VERSION_ID=")?);
    Some(format!("pkg:deb/{id}/glibc@{version}?arch=source&distro={id}-{release}"))
}

/// The licences of the libraries, then those of the crates, each text once, and last the crates without a text.
fn licences(Linked { crates, .. }: &Linked, packages: &BTreeMap<Crate, Value>) -> Result<String> {
    let mut crates_of = BTreeMap::<String, Vec<String>>::new();
    let mut without = Vec::new();
    for found @ (name, version) in crates.iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
        let package = packages.get(found).ok_or_else(|| format!("unknown crate {found:?}"))?;
        let field = |key: &str| package[key].as_str().ok_or_else(|| format!("{found:?} has no {key}"));
        let texts =
            texts(Path::new(field("manifest_path")?).parent().ok_or("a manifest without a directory")?)?;
        if texts.is_empty() {
            without.push(format!("{name} {version}: {}, {}", field("license")?, field("repository")?));
        }
        for text in texts {
            crates_of.entry(text).or_default().push(format!("{name} {version}"));
        }
    }
    let mut blocks: Vec<_> = crates_of.into_iter().map(|(text, crates)| (crates.join(", "), text)).collect();
    blocks.sort();
    let libraries = LICENCES.map(|(name, text)| (name.to_owned(), text.trim().to_owned()));
    let last = ("crates whose packages have no file with their licence".to_owned(), without.join("\n"));
    let blocks = libraries.into_iter().chain(blocks).chain([last]);
    Ok(blocks.map(|(names, text)| format!("=== {names}\n\n{text}\n")).collect::<Vec<_>>().join("\n"))
}

/// The licence files in the directory of a crate.
fn texts(directory: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let file = entry.file_name().to_string_lossy().to_uppercase();
        let is_licence = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT"];
        if entry.file_type()?.is_file() && is_licence.iter().any(|start| file.starts_with(start)) {
            texts.push(String::from_utf8_lossy(&fs::read(entry.path())?).replace('\r', "").trim().to_owned());
        }
    }
    Ok(texts)
}
