//! Writes HTML in which every text is text.

use std::fmt::Write as _;

use crate::printable::printable;

/// The width of a picture, in its own units.
const WIDTH: usize = 1000;

/// HTML under construction.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Adds HTML of this program.
    pub(super) fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    /// Adds a text from anywhere.
    pub(super) fn text(&mut self, text: &str) {
        for character in printable(text).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                character => self.0.push(character),
            }
        }
    }

    /// Adds an element that contains a text. `class` may be empty.
    pub(super) fn element(&mut self, name: &str, class: &str, text: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        self.raw(&format!("<{name}{class}>"));
        self.text(text);
        self.raw(&format!("</{name}>\n"));
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Adds a bar with a part for each word, in the colour of the word.
pub(super) fn bar(counts: &[(&'static str, usize)], page: &mut Markup) {
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    let label: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    page.raw(
        "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
    );
    page.text(&label.join(", "));
    page.raw("\">");
    let mut before = 0;
    for (word, count) in counts {
        let (start, end) = (before * WIDTH / total.max(1), (before + count) * WIDTH / total.max(1));
        let mut part = String::new();
        // Writing to a String cannot fail.
        let _ =
            write!(part, "<rect class=\"{word}\" x=\"{start}\" width=\"{}\" height=\"10\"/>", end - start);
        page.raw(&part);
        before += count;
    }
    page.raw("</svg>\n");
}

/// Adds the words of a bar with their numbers.
pub(super) fn legend(counts: &[(&'static str, usize)], page: &mut Markup) {
    page.raw("<ul class=\"legend\">\n");
    for (word, count) in counts {
        page.raw("<li>");
        mark(word, page);
        page.text(&format!("{count} {word}"));
        page.raw("</li>\n");
    }
    page.raw("</ul>\n");
}

/// Adds a dot in the colour of a word.
pub(super) fn mark(word: &'static str, page: &mut Markup) {
    page.raw(&format!(
        "<svg class=\"mark\" viewBox=\"0 0 10 10\" aria-hidden=\"true\"><circle class=\"{word}\" cx=\"5\" cy=\"5\" r=\"5\"/></svg>"
    ));
}
