//! Fenced blocks of the documentation pages.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

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
    let mut pages = pages_below(&Path::new(ROOT).join("docs"));
    pages.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|page| Path::new(ROOT).join(page)));
    pages.sort();
    pages
}

fn pages_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let pages = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.chain(folders.iter().flat_map(|folder| pages_below(folder))).collect()
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
