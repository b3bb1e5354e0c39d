//! README.md and docs/ are true: shell blocks run and print what the page shows, and what a page names exists.
//!
//! The fence says how a block is tested:
//!
//! - `sh` runs in a directory that holds `demo/`, `examples/` and `tests/reviews/`.
//! - `sh cluster=NAME` runs in a cluster: a test in `tests/cluster` or, where Pods have to run, in `tests/e2e` calls
//!   `block("NAME")`, runs it, and asserts what the page promises. This module fails if no test does.
//! - `console cluster=NAME` likewise: the test calls `console("NAME")`, types its commands, and compares what they print.
//! - `sh repo` names targets of the Makefile, which must exist.
//! - `sh parsed` is checked for its syntax and our flags only, since it does not end or needs what no test has.
//! - `console` is compared with its stdout, where a line `…` stands for any lines; `console server` likewise, while a
//!   server runs.
//! - `yaml file=NAME` writes a file for later blocks of the page.
//! - `yaml` is checked for our flags, where its lines call boundtoken as the steps of a pipeline do.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::{env, fs};

use crate::support::files::files_with_extension;
use crate::support::pages::{Block, blocks, fits, pages, prints, sessions};
use crate::support::program::Serving;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PROGRAM: &str = env!("CARGO_BIN_EXE_boundtoken");

#[test]
fn shell_blocks_are_true() {
    let mut failures = String::new();
    let mut checked = 0;
    for page in pages() {
        let directory = workplace();
        for block in blocks(&page) {
            if let Err(failure) = check(&block, directory.path()) {
                writeln!(failures, "{}: {failure}\n", block.place).unwrap();
            }
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked} blocks found");
    assert!(failures.is_empty(), "{failures}");
}

/// Each block for a cluster has a name of its own, and a test that types it; no test asks for another.
#[test]
fn every_cluster_block_is_typed_by_a_test() {
    let pages: Vec<Block> = pages().iter().flat_map(|page| blocks(page)).collect();
    let mut named = BTreeSet::new();
    for block in &pages {
        assert!(!block.is("cluster"), "{}: say `cluster=NAME`, and type it in a test", block.place);
        if let Some(name) = block.named("cluster") {
            assert!(named.insert(name.to_owned()), "{}: another block has this name", block.place);
        }
    }
    let typed: BTreeSet<String> = sources_with_a_cluster().iter().flat_map(|text| typed_in(text)).collect();
    let untyped: Vec<_> = named.difference(&typed).collect();
    assert!(untyped.is_empty(), "no test in tests/cluster or tests/e2e types {untyped:?}");
    let unknown: Vec<_> = typed.difference(&named).collect();
    assert!(unknown.is_empty(), "tests type {unknown:?}, and no page has such blocks");
    assert!(named.len() > 25, "only {} blocks for a cluster", named.len());
}

/// The names of the blocks that a test types.
fn typed_in(source: &str) -> Vec<String> {
    let calls = ["block(\"", "console(\""].into_iter().flat_map(|call| source.split(call).skip(1));
    calls.filter_map(|call| Some(call.split_once("\")")?.0.to_owned())).collect()
}

/// The tests of both kinds of clusters.
fn sources_with_a_cluster() -> Vec<String> {
    let rooms = ["tests/cluster", "tests/e2e"].map(|room| Path::new(ROOT).join(room));
    let sources = rooms.iter().flat_map(|room| files_with_extension(room, "rs"));
    sources.map(|file| fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn links_between_pages_resolve() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(path.exists(), "{}: {target} does not exist", page.display());
            let leads = anchor.is_empty() || anchors(&path).contains(anchor);
            assert!(leads, "{}: {target} has no such heading", page.display());
        }
    }
}

/// The anchors of the headings of a page, as GitHub makes them.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).unwrap();
    let headings =
        text.lines().filter_map(|line| Some(line.strip_prefix('#')?.trim_start_matches('#').trim()));
    let kept = |letter: &char| letter.is_alphanumeric() || " -_".contains(*letter);
    let anchor = |heading: &str| heading.to_lowercase().chars().filter(kept).collect::<String>();
    headings.map(|heading| anchor(heading).replace(' ', "-")).collect()
}

#[test]
fn footnotes_are_defined_once_and_used() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let marks = text.split("[^").skip(1).filter_map(|rest| rest.split_once(']'));
        let marks =
            marks.filter(|(name, _)| name.chars().all(|letter| letter.is_alphanumeric() || letter == '-'));
        let (defined, used): (Vec<_>, Vec<_>) =
            marks.map(|(name, rest)| (name, rest.starts_with(':'))).partition(|(_, defines)| *defines);
        let names = |marks: &[(&str, bool)]| -> BTreeSet<String> {
            marks.iter().map(|(name, _)| (*name).to_owned()).collect()
        };
        assert_eq!(names(&defined), names(&used), "{}", page.display());
        assert_eq!(names(&defined).len(), defined.len(), "{}: a footnote is defined twice", page.display());
    }
}

/// Directories of the repository whose files pages name.
const ROOMS: [&str; 7] = ["benches/", "demo/", "docs/", "examples/", "manifests/", "src/", "tests/"];

#[test]
fn files_that_pages_name_exist() {
    let mut named = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_-./*".contains(letter);
        let words = text.split(|letter| !is_part(letter)).map(|word| word.trim_end_matches('.'));
        for word in words.filter(|word| ROOMS.iter().any(|room| word.starts_with(room))) {
            // Of a pattern, the directory.
            let path = word.find('*').map_or(word, |star| word.get(..star).unwrap_or_default());
            assert!(Path::new(ROOT).join(path).exists(), "{}: {word} does not exist", page.display());
            named += 1;
        }
    }
    assert!(named > 30, "only {named} files are named");
}

#[test]
fn the_policy_of_the_comparison_is_the_one_that_is_measured() {
    let measured = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/cluster/policy.rs"));
    let constant = |name: &str| {
        let text = measured.split(&format!("const {name}: &str = r#\"")).nth(1).unwrap();
        text.split("\"#;").next().unwrap()
    };
    let page = unindented(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/explain/comparison.md")));
    for expression in [constant("EXPRESSION"), &constant("FILES").replace("OWN", constant("FOR_API"))] {
        assert!(
            page.contains(&unindented(expression)),
            "docs/explain/comparison.md shows another expression"
        );
    }
}

fn unindented(text: &str) -> String {
    text.lines().map(str::trim_start).collect::<Vec<_>>().join("\n")
}

/// `tests/FILE.rs::NAME`: the file has a function of this name.
#[test]
fn tests_that_pages_name_exist() {
    let mut named = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for (before, after) in
            text.match_indices(".rs::").map(|(at, mark)| (&text[..at], &text[at + mark.len()..]))
        {
            let file = before.rsplit(|letter: char| !is_of_path(letter)).next().unwrap_or_default();
            let name = after.split(|letter: char| !is_of_name(letter)).next().unwrap_or_default();
            let source = fs::read_to_string(Path::new(ROOT).join(format!("{file}.rs"))).unwrap_or_default();
            assert!(source.contains(&format!("fn {name}(")), "{}: {file}.rs has no {name}", page.display());
            named += 1;
        }
    }
    assert!(named > 50, "only {named} tests are named");
}

fn is_of_path(letter: char) -> bool {
    is_of_name(letter) || "-./".contains(letter)
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn check(block: &Block, directory: &Path) -> Result<(), String> {
    if let Some(name) = block.named("file") {
        fs::write(directory.join(name), &block.text).map_err(|error| error.to_string())
    } else if block.is("console") && block.named("cluster").is_some() {
        sessions(&block.text).iter().try_for_each(|(command, _)| check_parses(command, directory))
    } else if block.is("console") && block.is("server") {
        check_served(&block.text, directory)
    } else if block.is("console") {
        check_console(&block.text, directory)
    } else if block.is("yaml") {
        check_steps(&block.text, directory)
    } else if !block.is("sh") {
        Ok(())
    } else if block.is("repo") {
        check_make(&block.text)
    } else if block.is("parsed") || block.named("cluster").is_some() {
        check_parses(&block.text, directory)
    } else {
        accept(&shell(&block.text, directory), &block.text).map(drop)
    }
}

/// Runs a console while a server with the demo's Namespaces and `--tls-dir tls` listens.
fn check_served(text: &str, directory: &Path) -> Result<(), String> {
    let tls = directory.join("tls");
    fs::create_dir(&tls).map_err(|error| error.to_string())?;
    let server =
        Serving::start(&tls, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/demo/namespaces.yaml")), &[]);
    check_console(&text.replace("127.0.0.1:8443", &server.listen.to_string()), directory)
}

/// Runs what follows each `$ ` and compares what it prints.
fn check_console(text: &str, directory: &Path) -> Result<(), String> {
    for (command, expected) in sessions(text) {
        let output = accept(&shell(&command, directory), &command)?;
        if !prints(&output, &expected, |line, expected| line == expected) {
            return Err(format!("`{command}` printed\n{output}"));
        }
    }
    Ok(())
}

/// `make TARGET …`: each target is in the Makefile.
fn check_make(text: &str) -> Result<(), String> {
    let makefile = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Makefile"));
    for line in commands(text).iter().filter_map(|line| line.strip_prefix("make")) {
        for target in line.split_whitespace() {
            if !makefile.lines().any(|rule| rule.starts_with(&format!("{target}:"))) {
                return Err(format!("the Makefile has no target {target}"));
            }
        }
    }
    Ok(())
}

/// A shell understands it, and we our own command lines in it; `--help` keeps these from doing anything.
fn check_parses(text: &str, directory: &Path) -> Result<(), String> {
    accept(&shell(&format!("set -n\n{text}"), directory), text)?;
    commands(text).iter().try_for_each(|line| check_ours(line, directory))
}

/// Steps of a pipeline, such as `- run: boundtoken preview -f deploy`: we understand our own command lines.
fn check_steps(text: &str, directory: &Path) -> Result<(), String> {
    let steps = text.lines().map(|line| line.trim_start_matches([' ', '-']));
    let mut steps = steps.map(|step| step.strip_prefix("run: ").unwrap_or(step));
    steps.try_for_each(|step| check_ours(step, directory))
}

fn check_ours(line: &str, directory: &Path) -> Result<(), String> {
    let line = line.split('|').next().unwrap_or(line).trim_end_matches(['&', ' ']);
    if line.starts_with("boundtoken ") {
        accept(&shell(&format!("{line} --help"), directory), line)?;
    }
    Ok(())
}

/// The output, unless the shell or the program reported a usage error or failed.
///
/// 1 is the exit code of a command that found something, such as a difference.
fn accept(output: &Output, command: &str) -> Result<String, String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0 | 1) => Ok(text),
        code => {
            let error = String::from_utf8_lossy(&output.stderr);
            Err(format!("`{}` ended with {code:?}\n{text}{error}", command.trim_end()))
        }
    }
}

fn shell(script: &str, directory: &Path) -> Output {
    let programs = Path::new(PROGRAM).parent().unwrap();
    let path = env::var("PATH").unwrap_or_default();
    Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(directory)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("NO_COLOR", "1")
        .env_remove("KUBECONFIG")
        .output()
        .unwrap()
}

/// Command lines, continued lines joined, comments left out.
fn commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// A directory with copies of the files that blocks use.
fn workplace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for room in ["demo", "examples", "tests/reviews"] {
        let copy = directory.path().join(room);
        fs::create_dir_all(&copy).unwrap();
        for file in fs::read_dir(Path::new(ROOT).join(room)).unwrap().map(|entry| entry.unwrap().path()) {
            fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
        }
    }
    directory
}

#[test]
fn an_ellipsis_matches_any_lines() {
    let is_printed = |lines: &[&str], expected: &[&str]| {
        let expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        prints(&lines.join("\n"), &expected, fits)
    };
    assert!(is_printed(&["a", "b", "c"], &["a", "…", "c"]));
    assert!(is_printed(&["a"], &["a", "…"]));
    assert!(is_printed(&["a1c", "b"], &["a…c", "b"]));
    assert!(!is_printed(&["a1d", "b"], &["a…c", "b"]));
    assert!(!is_printed(&["a", "b"], &["a"]));
    assert!(!is_printed(&["a", "b"], &["…", "a"]));
}
