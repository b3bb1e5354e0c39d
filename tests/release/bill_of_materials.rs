//! The bill of materials names what is in the binary.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use regex::bytes::Regex;
use serde_json::Value;

use crate::{ROOT, VERSION, dist, name, read, run, tool, unpacked};

/// The crates of a bill of materials, as name and version, with their checksums.
fn crates(document: &Value) -> BTreeMap<(String, String), String> {
    let mut crates = BTreeMap::new();
    for package in document["packages"].as_array().unwrap() {
        let [name, version] = ["name", "versionInfo"].map(|key| package[key].as_str().unwrap().to_owned());
        if package["externalRefs"][0]["referenceLocator"] == format!("pkg:cargo/{name}@{version}") {
            let checksum = package["checksums"][0]["checksumValue"].as_str().unwrap_or_default();
            crates.insert((name, version), checksum.to_owned());
        }
    }
    crates
}

fn document() -> Value {
    serde_json::from_str(&read(dist().join(name() + ".spdx.json"))).unwrap()
}

#[test]
fn its_crates_are_those_of_cargo_lock() {
    let lock = read(Path::new(ROOT).join("Cargo.lock"));
    for ((name, version), checksum) in crates(&document()) {
        let entry = format!("\nname = \"{name}\"\nversion = \"{version}\"\n");
        let entry = lock.split("[[package]]").find(|text| text.starts_with(&entry));
        let entry = entry.unwrap_or_else(|| panic!("{name} {version} is not in Cargo.lock"));
        assert!(
            ["boundtoken", "boundtoken-core"].contains(&name.as_str())
                || entry.contains(&format!("checksum = \"{checksum}\"")),
            "{name} {version}"
        );
    }
}

/// What the resolver of Cargo keeps, without the crates of tests, build scripts and macros.
#[test]
fn it_names_what_is_linked_and_nothing_else() {
    let crates = crates(&document());
    let names: BTreeSet<_> = crates.keys().map(|(name, _)| name.as_str()).collect();
    for linked in ["aws-lc-sys", "boundtoken", "kube-client", "rustls", "serde_json", "tokio"] {
        assert!(names.contains(linked), "{linked}");
    }
    for other in ["cc", "clap_mangen", "criterion", "jsonschema", "serde_derive", "syn"] {
        assert!(!names.contains(other), "{other}");
    }
    for library in ["glibc", "libgcc", "rust-std"] {
        assert!(document()["packages"].as_array().unwrap().iter().any(|package| package["name"] == library));
    }
}

/// Panics carry the path of their source, which names the crate.
#[test]
fn it_names_every_crate_that_the_binary_mentions() {
    let directory = tempfile::tempdir().unwrap();
    let binary = fs::read(unpacked(directory.path()).join("boundtoken")).unwrap();
    let path =
        Regex::new(r"(/rust/deps)?/([A-Za-z][A-Za-z0-9_-]*)-([0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*)/src/")
            .unwrap();
    let word = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    // The standard library brings crates of its own.
    let found = path.captures_iter(&binary).filter(|found| found.get(1).is_none());
    let mentioned: BTreeSet<_> = found.map(|found| (word(&found[2]), word(&found[3]))).collect();
    assert!(mentioned.len() > 20, "{mentioned:?}");
    let crates = crates(&document());
    for (name, version) in mentioned {
        assert!(crates.contains_key(&(name.clone(), version.clone())), "{name} {version}");
    }
}

#[test]
fn it_is_valid_and_complete() {
    let document = document();
    let packages = document["packages"].as_array().unwrap();
    let identifiers: BTreeSet<_> =
        packages.iter().map(|package| package["SPDXID"].as_str().unwrap()).collect();
    assert_eq!(identifiers.len(), packages.len());
    let mut reached = BTreeSet::new();
    for relationship in document["relationships"].as_array().unwrap() {
        let [from, to] =
            ["spdxElementId", "relatedSpdxElement"].map(|key| relationship[key].as_str().unwrap());
        assert!(from == "SPDXRef-DOCUMENT" || identifiers.contains(from), "{relationship}");
        reached.insert(to);
    }
    assert_eq!(reached, identifiers);
    assert!(identifiers.contains(format!("SPDXRef-boundtoken-{VERSION}").as_str()));
    for package in packages {
        assert_ne!(package["licenseDeclared"], "NOASSERTION", "{package}");
    }
    if let Some(spdx) = tool("spdx") {
        let count = run(Command::new(spdx).arg(dist().join(name() + ".spdx.json")));
        assert_eq!(count.trim_end(), packages.len().to_string());
    }
}
