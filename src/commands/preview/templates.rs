//! The Pod templates, the annotations of Pods and the keys of settings in objects of any kind, found by their structure.

use json_patch::jsonptr::{Pointer, PointerBuf, Token};

use super::place::METADATA;
use crate::manifest::Node;

/// The pointers to the Pod templates in an object: each map with a `spec` that has a list of `containers`, unless it
/// is an object of another kind. The object itself does not count, since its own metadata does not become a Pod's.
pub(super) fn find(object: &Node) -> Vec<PointerBuf> {
    let mut found = Vec::new();
    walk(object, &mut PointerBuf::root(), &mut |pointer, _, node| {
        let is_template = is_template(node);
        if is_template {
            found.push(pointer.to_owned());
        }
        !is_template
    });
    found
}

/// The pointers to annotations in an object that are neither its own nor those of a Pod template, such as
/// `spec.podMetadata.annotations`: each map with such a name and at least one key for which `is_wanted` is true.
pub(super) fn find_annotations(object: &Node, is_wanted: fn(&str) -> bool) -> Vec<PointerBuf> {
    let mut found = Vec::new();
    walk(object, &mut PointerBuf::root(), &mut |pointer, name, node| {
        if pointer == METADATA || is_template(node) {
            return false;
        }
        let is_annotations = name == "annotations" || name.ends_with("Annotations");
        let mut keys = node.as_map().into_iter().flatten().map(|(key, _)| key);
        if is_annotations && keys.any(|key| is_wanted(key)) {
            found.push(pointer.to_owned());
        }
        true
    });
    found
}

/// Maps whose keys are not settings: those that select by labels, and the fields that a manager owns.
const OTHER_MAPS: [&str; 4] = ["managedFields", "matchLabels", "nodeSelector", "selector"];

/// The keys of maps in an object for which `is_wanted` is true, each with the pointer to its map and its value.
/// Prefixes end with a slash, so names without one are not compared.
pub(super) fn find_keys(object: &Node, is_wanted: fn(&str) -> bool) -> Vec<(PointerBuf, &str, &Node)> {
    let mut found = Vec::new();
    walk(object, &mut PointerBuf::root(), &mut |pointer, key, node| {
        if key.contains('/') && is_wanted(key) {
            let map = pointer.parent().map_or_else(PointerBuf::root, Pointer::to_owned);
            found.push((map, key, node));
        }
        !OTHER_MAPS.contains(&key)
    });
    found
}

/// Visits the values within a node, each before those within it: with its pointer and its name, which is empty in a
/// list. `visit` returns whether to go on with the values within it.
fn walk<'n>(
    node: &'n Node,
    pointer: &mut PointerBuf,
    visit: &mut dyn FnMut(&Pointer, &'n str, &'n Node) -> bool,
) {
    let entries =
        node.as_map().into_iter().flatten().map(|(key, child)| (Token::from(&**key), &**key, child));
    let items = node.as_list().into_iter().flatten().enumerate();
    for (token, name, child) in entries.chain(items.map(|(index, child)| (index.into(), "", child))) {
        pointer.push_back(token);
        if visit(pointer, name, child) {
            walk(child, pointer, visit);
        }
        pointer.pop_back();
    }
}

fn is_template(node: &Node) -> bool {
    let containers = node.get("spec").and_then(|spec| spec.get("containers")?.as_list());
    let is_container = |item: &Node| {
        ["name", "image"].iter().any(|field| item.get(field).is_some_and(|field| field.as_str().is_some()))
    };
    let is_pod = node.get("kind").is_none_or(|kind| kind.as_str() == Some("Pod"));
    is_pod && containers.is_some_and(|items| !items.is_empty() && items.iter().all(is_container))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse;

    /// The pointers to the templates in an object with this content.
    fn found(content: &str) -> Vec<String> {
        let documents = parse("a.yaml", &format!("apiVersion: a/v1\nkind: A\n{content}")).unwrap();
        find(&documents[0].root).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn templates_are_found_at_any_depth() {
        let template = "{metadata: {}, spec: {containers: [{image: a}]}}";
        for (content, expected) in [
            (format!("template: {template}"), vec!["/template"]),
            (
                format!("spec: {{jobTargetRef: {{template: {template}}}}}"),
                vec!["/spec/jobTargetRef/template"],
            ),
            ("objects: [{kind: Pod, spec: {containers: [{name: a}]}}]".to_owned(), vec!["/objects/0"]),
            (
                format!(
                    "spec: {{head: {{template: {template}}}, workers: [{{a: 1}}, {{template: {template}}}]}}"
                ),
                vec!["/spec/head/template", "/spec/workers/1/template"],
            ),
        ] {
            assert_eq!(found(&content), expected, "{content}");
        }
    }

    #[test]
    fn annotations_are_found_outside_metadata_and_templates() {
        let content = "metadata: {annotations: {x: 1}}\nspec:\n  podMetadata: {annotations: {x: 1}}\n  \
            podAnnotations: {x: 1}\n  annotations: {y: 1}\n  other: {x: 1}\n  \
            list: [{annotations: {x: 1}}, {metadata: {annotations: {x: 1}}, spec: {containers: [{name: a}]}}]";
        let documents = parse("a.yaml", &format!("apiVersion: a/v1\nkind: A\n{content}")).unwrap();
        let found = find_annotations(&documents[0].root, |key| key == "x");
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["/spec/podMetadata/annotations", "/spec/podAnnotations", "/spec/list/0/annotations"]
        );
    }

    #[test]
    fn other_maps_are_no_templates() {
        for content in [
            "spec: {containers: [{name: a}]}",
            "spec: {template: {spec: {containers: []}}}",
            "spec: {template: {spec: {containers: {properties: {name: {type: string}}}}}}",
            "spec: {template: {spec: {containers: [a]}}}",
            "spec: {template: {spec: {containers: [{name: 1}]}}}",
            "spec: {template: {containers: [{name: a}]}}",
            "objects: [{kind: Prometheus, spec: {containers: [{name: a}]}}]",
        ] {
            assert!(found(content).is_empty(), "{content}");
        }
    }
}
