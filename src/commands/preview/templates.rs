//! The Pod templates, the annotations of Pods and the keys of settings in objects of any kind, found by their structure.

use json_patch::jsonptr::PointerBuf;

use crate::manifest::Node;

/// The pointers to the Pod templates in an object: each map with a `spec` that has a list of `containers`, unless it
/// is an object of another kind. The object itself does not count, since its own metadata does not become a Pod's.
pub(super) fn find(object: &Node) -> Vec<PointerBuf> {
    let mut found = Vec::new();
    search(object, &mut PointerBuf::root(), &mut found);
    found
}

fn search(node: &Node, pointer: &mut PointerBuf, found: &mut Vec<PointerBuf>) {
    if !pointer.is_root() && is_template(node) {
        found.push(pointer.clone());
        return;
    }
    for (key, child) in node.as_map().into_iter().flatten() {
        pointer.push_back(&**key);
        search(child, pointer, found);
        pointer.pop_back();
    }
    for (index, child) in node.as_list().into_iter().flatten().enumerate() {
        pointer.push_back(index);
        search(child, pointer, found);
        pointer.pop_back();
    }
}

/// The pointers to annotations in an object that are neither its own nor those of a Pod template, such as
/// `spec.podMetadata.annotations`: each map with such a name and at least one key for which `is_wanted` is true.
pub(super) fn find_annotations(object: &Node, is_wanted: fn(&str) -> bool) -> Vec<PointerBuf> {
    let mut found = Vec::new();
    for (key, child) in object.as_map().into_iter().flatten().filter(|(key, _)| **key != *"metadata") {
        search_annotations(key, child, &mut PointerBuf::from_tokens([&**key]), is_wanted, &mut found);
    }
    found
}

fn search_annotations(
    name: &str,
    node: &Node,
    pointer: &mut PointerBuf,
    is_wanted: fn(&str) -> bool,
    found: &mut Vec<PointerBuf>,
) {
    if is_template(node) {
        return;
    }
    let entries = node.as_map().unwrap_or_default();
    let is_annotations = name == "annotations" || name.ends_with("Annotations");
    if is_annotations && entries.iter().any(|(key, _)| is_wanted(key)) {
        found.push(pointer.clone());
    }
    for (key, child) in entries {
        pointer.push_back(&**key);
        search_annotations(key, child, pointer, is_wanted, found);
        pointer.pop_back();
    }
    for (index, child) in node.as_list().into_iter().flatten().enumerate() {
        pointer.push_back(index);
        search_annotations("", child, pointer, is_wanted, found);
        pointer.pop_back();
    }
}

/// Maps whose keys are not settings: those that select by labels, and the fields that a manager owns.
const OTHER_MAPS: [&str; 4] = ["managedFields", "matchLabels", "nodeSelector", "selector"];

/// The keys of maps in an object for which `is_wanted` is true, each with the pointer to its map and its value.
/// Prefixes end with a slash, so names without one are not compared.
pub(super) fn find_keys(object: &Node, is_wanted: fn(&str) -> bool) -> Vec<(PointerBuf, &str, &Node)> {
    let mut found = Vec::new();
    search_keys(object, &mut PointerBuf::root(), is_wanted, &mut found);
    found
}

fn search_keys<'n>(
    node: &'n Node,
    pointer: &mut PointerBuf,
    is_wanted: fn(&str) -> bool,
    found: &mut Vec<(PointerBuf, &'n str, &'n Node)>,
) {
    for (key, child) in node.as_map().into_iter().flatten() {
        if key.contains('/') && is_wanted(key) {
            found.push((pointer.clone(), key, child));
        }
        if !OTHER_MAPS.contains(&&**key) {
            pointer.push_back(&**key);
            search_keys(child, pointer, is_wanted, found);
            pointer.pop_back();
        }
    }
    for (index, child) in node.as_list().into_iter().flatten().enumerate() {
        pointer.push_back(index);
        search_keys(child, pointer, is_wanted, found);
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
