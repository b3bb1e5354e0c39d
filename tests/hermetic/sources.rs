//! Rules of the code that no lint knows: one subject per file, one type per name, and times that cannot be misread.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::support::files::{files_below, files_with_extension};

/// Longest file, in lines of code: neither blank lines nor comments count, nor unit tests at the bottom.
const MAX_LINES: usize = 300;

fn lines_of_code(text: &str) -> usize {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().lines().map(str::trim);
    code.filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

fn each_source(mut check: impl FnMut(&str, &str)) {
    let found = files_with_extension(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "rs");
    assert!(found.len() > 50, "only {} files", found.len());
    for path in found {
        check(&path.display().to_string(), &fs::read_to_string(&path).expect("a source"));
    }
}

#[test]
fn each_file_says_its_subject_first_and_stays_short() {
    each_source(|path, text| {
        assert!(text.starts_with("//! "), "{path} does not begin with its subject");
        assert!(lines_of_code(text) <= MAX_LINES, "{path} has more than {MAX_LINES} lines of code");
    });
}

/// A reader who meets `Entry` need not ask which one. Every module has its `Error`, every command its `Args`.
#[test]
fn no_two_types_have_the_same_name() {
    let mut defined: HashMap<String, String> = HashMap::new();
    each_source(|path, text| {
        let items = text.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| {
            let item =
                line.trim_start_matches("pub").trim_start_matches("(super)").trim_start_matches("(crate)");
            let (kind, rest) = item.trim_start().split_once(' ')?;
            let name = rest.split(|character: char| !character.is_alphanumeric()).next()?;
            matches!(kind, "struct" | "enum" | "trait" | "type").then(|| name.to_owned())
        });
        for name in items.filter(|name| !matches!(name.as_str(), "Args" | "Error")) {
            if let Some(other) = defined.insert(name.clone(), path.to_owned()) {
                panic!("{name} is defined in {path} and in {other}");
            }
        }
    });
    assert!(defined.len() > 200, "only {} types found", defined.len());
}

/// A constant `EXPIRY_HOURS` that counts minutes compiles; a `Duration` cannot be misread.
#[test]
fn no_constant_of_time_is_a_bare_number() {
    const UNITS: [&str; 7] = ["_SEC", "_MIN", "_HOUR", "_DAY", "_MS", "_MILLI", "_NANO"];
    each_source(|path, text| {
        for line in
            text.lines().filter(|line| line.trim_start().starts_with("const ") || line.contains("pub const "))
        {
            let name = line.split(':').next().unwrap_or_default();
            assert!(!UNITS.iter().any(|unit| name.contains(unit)), "{path}: {}", line.trim());
        }
    });
}

/// kustomize before 5.7 panics over several deletions in one file of patches, in kubectl 1.32, for one.
#[test]
fn a_deletion_is_alone_in_its_patch_file() {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let mut deletions = 0;
    for file in files_below(&manifests) {
        let text = fs::read_to_string(&file).expect("a manifest");
        if text.contains("\n$patch: delete\n") {
            assert!(!text.contains("\n---\n"), "{} has several documents", file.display());
            deletions += 1;
        }
    }
    assert!(deletions >= 3, "only {deletions} deletions found");
}
