//! Builds the nodes of a YAML document from the events of the parser: aliases are replaced with their values, and
//! merge keys (`<<`) with the entries that they merge.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::compose_error::ComposeError;
use super::flow;
use super::limits::Limits;
use super::map::OpenMap;
use super::node::{Content, Node, TextPosition};
use super::scalar;

/// Parses the first document of a text, as Kubernetes does; `None` if it is empty. The text is part of a larger
/// one, where it starts at the byte `base`; `is_masked` says whether [`flow::mask`] changed it.
///
/// # Errors
/// When the text is not YAML, or exceeds the limits.
pub(super) fn compose(
    text: &str,
    base: usize,
    is_masked: bool,
    limits: &mut Limits,
) -> Result<Option<Node>, ComposeError> {
    let options = granit_parser::options! { emit_comments: false };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut composer =
        Composer { base, is_masked, limits, open: Vec::new(), anchors: HashMap::new(), root: None };
    while composer.root.is_none() {
        match next(&mut parser)? {
            (Event::StreamEnd | Event::DocumentEnd, _) => break,
            (event, span) => composer.add(event, span)?,
        }
    }
    // Text after the root, such as a second root, is an error.
    while composer.root.is_some() && !matches!(next(&mut parser)?.0, Event::DocumentEnd | Event::StreamEnd) {}
    Ok(composer.root.filter(|root| !root.is_null()))
}

fn next<'t>(parser: &mut Parser<'t, StrInput<'t>>) -> Result<(Event<'t>, Span), ComposeError> {
    match parser.next_event() {
        Some(event) => Ok(event?),
        None => Ok((Event::StreamEnd, Span::default())),
    }
}

/// The state of a document that is being built.
struct Composer<'l> {
    base: usize,
    is_masked: bool,
    limits: &'l mut Limits,
    /// The lists and maps that are not complete, the outermost first.
    open: Vec<OpenNode>,
    /// The values of anchors.
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
}

/// A list or map that is not complete.
struct OpenNode {
    position: TextPosition,
    anchor: usize,
    content: OpenContent,
}

enum OpenContent {
    List(Vec<Node>),
    Map(OpenMap),
}

impl Composer<'_> {
    fn add(&mut self, event: Event<'_>, span: Span) -> Result<(), ComposeError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(text, style, anchor, tag.as_deref(), span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::SequenceStart(_, anchor, _) => self.start(OpenContent::List(Vec::new()), anchor, span),
            Event::MappingStart(_, anchor, _) => {
                self.start(OpenContent::Map(OpenMap::default()), anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<(), ComposeError> {
        let position = TextPosition::of(&span.start);
        let text = if self.is_masked { flow::unmask(text) } else { text };
        let is_plain = style == ScalarStyle::Plain;
        let content = match tag.filter(|tag| tag.original() != "!") {
            Some(tag) => scalar::tagged(tag, &text),
            None if is_plain => scalar::plain(&text),
            None => Ok(Content::Text(text.clone().into())),
        };
        let content = content.map_err(|reason| ComposeError::new(position, reason))?;
        let node = Node::new(content).at_position(position).with_range(self.range(span));
        self.count(position)?;
        self.complete(node, anchor, is_plain && text == "<<")
    }

    /// The range of bytes in the file.
    fn range(&self, span: Span) -> std::ops::Range<usize> {
        let range = span.byte_range().unwrap_or_default();
        self.base + range.start..self.base + range.end
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), ComposeError> {
        let position = TextPosition::of(&span.start);
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(ComposeError::new(position, "the value of the anchor contains itself"));
        };
        self.limits
            .count_aliased(node, self.open.len())
            .map_err(|reason| ComposeError::new(position, reason))?;
        let node = node.clone().at_position(position).with_range(self.range(span));
        self.count(position)?;
        self.complete(node, 0, false)
    }

    fn start(&mut self, content: OpenContent, anchor: usize, span: Span) -> Result<(), ComposeError> {
        let position = TextPosition::of(&span.start);
        self.open.push(OpenNode { position, anchor, content });
        self.count(position)
    }

    fn end(&mut self) -> Result<(), ComposeError> {
        let Some(OpenNode { position, anchor, content }) = self.open.pop() else { return Ok(()) };
        let content = match content {
            OpenContent::List(items) => Content::List(items.into()),
            OpenContent::Map(map) => Content::Map(map.into_entries()),
        };
        self.complete(Node::new(content).at_position(position), anchor, false)
    }

    /// Counts a value once: a scalar or an alias, or the start of a list or map.
    fn count(&mut self, position: TextPosition) -> Result<(), ComposeError> {
        self.limits.count(self.open.len()).map_err(|reason| ComposeError::new(position, reason))
    }

    /// Adds a complete value to the list or map around it.
    fn complete(&mut self, node: Node, anchor: usize, is_merge: bool) -> Result<(), ComposeError> {
        if anchor != 0 {
            let counted = self.limits.count_aliased(&node, self.open.len());
            counted.map_err(|reason| ComposeError::new(node.position(), reason))?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            Some(OpenContent::List(items)) => items.push(node),
            Some(OpenContent::Map(map)) => map.add(node, is_merge)?,
            None => self.root = Some(node),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_counts_once() {
        for (text, values) in [
            ("a", 1),
            ("[]", 1),
            ("{}", 1),
            ("[a, [b, {}]]", 5),
            ("{a: {b: [c]}}", 6),
            ("a: [b]\nc:\n- d: e\n", 9),
            ("[&a [b], *a]", 4),
        ] {
            let composed = |max| compose(text, 0, false, &mut Limits::with_max_nodes(max));
            assert!(composed(values).is_ok(), "{text}");
            let error = composed(values - 1).unwrap_err();
            assert_eq!(
                error.reason,
                format!("more than {} values in one file; split it", values - 1),
                "{text}"
            );
        }
    }
}
