//! Fenced blocks of the documentation pages.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::files::files_with_extension;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A fenced block.
pub(crate) struct Block {
    /// `file:line` of the opening fence.
    pub(crate) place: String,
    /// The words after the opening fence.
    info: Vec<String>,
    pub(crate) text: String,
}

impl Block {
    pub(crate) fn is(&self, word: &str) -> bool {
        self.info.iter().any(|w| w == word)
    }

    /// The NAME of the word `KEY=NAME`.
    pub(crate) fn named(&self, key: &str) -> Option<&str> {
        self.info.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }
}

/// The block `sh cluster=NAME`, which a test runs unchanged.
pub(crate) fn block(name: &str) -> String {
    the_one("cluster", name)
}

/// The commands of the block `console cluster=NAME`, each with the lines that it prints.
pub(crate) fn console(name: &str) -> Vec<(String, Vec<String>)> {
    sessions(&the_one("cluster", name))
}

/// The commands of a console, after `$ ` each, with the lines below them.
pub(crate) fn sessions(text: &str) -> Vec<(String, Vec<String>)> {
    let text = format!("\n{}", text.replace("\\\n", " "));
    let sessions =
        text.split("\n$ ").skip(1).map(|session| session.split_once('\n').unwrap_or((session, "")));
    let lines = |printed: &str| printed.lines().map(str::to_owned).collect();
    sessions.map(|(command, printed)| (command.to_owned(), lines(printed))).collect()
}

/// Whether the printed lines are those expected, without trailing white space and empty lines at the end; a line `…`
/// stands for any lines. `is_same` compares a line with the expected one.
pub(crate) fn prints(text: &str, expected: &[String], is_same: fn(&str, &str) -> bool) -> bool {
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    matches(&trimmed(&text.lines().collect::<Vec<_>>()), &trimmed(&expected), is_same)
}

fn matches(lines: &[&str], expected: &[&str], is_same: fn(&str, &str) -> bool) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((&"…", rest)) => (0..=lines.len()).any(|skipped| matches(&lines[skipped..], rest, is_same)),
        Some((first, rest)) => lines
            .split_first()
            .is_some_and(|(line, more)| is_same(line, first) && matches(more, rest, is_same)),
    }
}

/// The lines without trailing white space and without empty lines at the end.
fn trimmed<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let mut lines: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

/// Whether a line is the expected one, in which `…` stands for any characters.
pub(crate) fn fits(line: &str, expected: &str) -> bool {
    match expected.split_once('…') {
        None => line == expected,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            line.char_indices().map(|(at, _)| at).chain([line.len()]).any(|at| fits(&line[at..], rest))
        }),
    }
}

/// The block `yaml file=NAME`.
pub(crate) fn file(name: &str) -> String {
    the_one("file", name)
}

fn the_one(key: &str, name: &str) -> String {
    let found: Vec<Block> =
        pages().iter().flat_map(|page| blocks(page)).filter(|block| block.named(key) == Some(name)).collect();
    let [block] = &found[..] else { panic!("{} blocks are {key}={name}, not one", found.len()) };
    block.text.clone()
}

/// README.md, docs/ and every other page for users.
pub(crate) fn pages() -> Vec<PathBuf> {
    let mut pages = files_with_extension(&Path::new(ROOT).join("docs"), "md");
    let others = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md"];
    pages.extend(others.map(|page| Path::new(ROOT).join(page)));
    pages.sort();
    pages
}

pub(crate) fn blocks(page: &Path) -> Vec<Block> {
    let text = fs::read_to_string(page).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        match (open, line.strip_prefix("```")) {
            (false, Some(info)) => {
                let place = format!("{}:{}", page.display(), number + 1);
                let info = info.split_whitespace().map(str::to_owned).collect();
                blocks.push(Block { place, info, text: String::new() });
                open = true;
            }
            (true, Some(_)) => open = false,
            (true, None) => writeln!(blocks.last_mut().unwrap().text, "{line}").unwrap(),
            (false, None) => {}
        }
    }
    blocks
}
