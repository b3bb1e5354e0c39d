//! Validates XML against an XML schema, as far as `junit-10.xsd` uses the language: global elements, sequences and
//! choices of references to them, attributes, and simple types with a pattern.

use regex::Regex;
use roxmltree::{Document, Node};

/// The violations of a schema in a document.
pub(super) fn violations(document: &str, schema: &str) -> Vec<String> {
    let (document, schema) = (Document::parse(document).unwrap(), Document::parse(schema).unwrap());
    let mut found = Vec::new();
    validate(document.root_element(), schema.root_element(), &mut found);
    found
}

/// A global definition of the schema, such as that of an element.
fn definition<'a>(schema: Node<'a, 'a>, kind: &str, name: &str) -> Option<Node<'a, 'a>> {
    schema.children().find(|node| node.tag_name().name() == kind && node.attribute("name") == Some(name))
}

fn child<'a>(node: Node<'a, 'a>, kinds: &[&str]) -> Option<Node<'a, 'a>> {
    node.children().find(|node| kinds.contains(&node.tag_name().name()))
}

fn validate<'a>(element: Node<'_, '_>, schema: Node<'a, 'a>, found: &mut Vec<String>) {
    let name = element.tag_name().name();
    let Some(declaration) = definition(schema, "element", name) else {
        found.push(format!("{name} is not declared"));
        return;
    };
    let complex = match declaration.attribute("type") {
        Some(named) => definition(schema, "complexType", named),
        None => Some(child(declaration, &["complexType"]).unwrap()),
    };
    let names: Vec<&str> =
        element.children().filter(Node::is_element).map(|child| child.tag_name().name()).collect();
    let children = names.iter().flat_map(|&name| [name, ";"]).collect::<String>();
    let model = complex.and_then(|complex| child(complex, &["sequence", "choice"])).map(content_model);
    let model = format!("^(?:{})$", model.unwrap_or_default());
    if !Regex::new(&model).unwrap().is_match(&children) {
        found.push(format!("{name} has the children {children:?}, expected {model}"));
    }
    let is_text = complex.is_none_or(|complex| complex.attribute("mixed") == Some("true"));
    let has_text =
        element.children().any(|child| child.is_text() && !child.text().unwrap().trim().is_empty());
    if has_text && !is_text {
        found.push(format!("{name} has text"));
    }
    attributes(element, complex, schema, found);
    element.children().filter(Node::is_element).for_each(|child| validate(child, schema, found));
}

/// A regular expression for the names of child elements, each followed by a semicolon.
fn content_model(particle: Node<'_, '_>) -> String {
    let parts = || particle.children().filter(Node::is_element).map(content_model);
    let content = match particle.tag_name().name() {
        "sequence" => parts().collect::<String>(),
        "choice" => parts().collect::<Vec<_>>().join("|"),
        "element" => format!("{};", particle.attribute("ref").unwrap()),
        other => panic!("{other} is not supported"),
    };
    let least = particle.attribute("minOccurs").unwrap_or("1");
    let most = particle.attribute("maxOccurs").unwrap_or("1").replace("unbounded", "");
    format!("(?:{content}){{{least},{most}}}")
}

fn attributes<'a>(
    element: Node<'_, '_>,
    complex: Option<Node<'a, 'a>>,
    schema: Node<'a, 'a>,
    found: &mut Vec<String>,
) {
    let name = element.tag_name().name();
    let declared: Vec<_> = complex
        .into_iter()
        .flat_map(|complex| complex.children())
        .filter(|node| node.tag_name().name() == "attribute")
        .collect();
    for attribute in element.attributes() {
        let Some(declaration) = declared.iter().find(|node| node.attribute("name") == Some(attribute.name()))
        else {
            found.push(format!("{name} has the attribute {}", attribute.name()));
            continue;
        };
        if let Some(simple) = definition(schema, "simpleType", declaration.attribute("type").unwrap()) {
            let pattern = simple.descendants().find_map(|node| node.attribute("value")).unwrap();
            if !Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(attribute.value()) {
                found.push(format!("{name}: {}={:?}", attribute.name(), attribute.value()));
            }
        }
    }
    let required = declared.iter().filter(|node| node.attribute("use") == Some("required"));
    for attribute in required.map(|node| node.attribute("name").unwrap()) {
        if element.attribute(attribute).is_none() {
            found.push(format!("{name} lacks the attribute {attribute}"));
        }
    }
}
