//! `-o sarif`: SARIF 2.1.0, checked with the schema of OASIS in `sarif-schema-2.1.0.json`, and with the types of
//! serde-sarif.

use std::collections::BTreeSet;

use boundtoken::policy::diagnostics::of_pods;
use jsonschema::Validator;
use regex::Regex;
use serde_json::{Value, json};
use serde_sarif::sarif::Sarif;

use super::{findings, hostile, hostile_file};
use crate::commands::command_line::run;

fn schema() -> Validator {
    let mut schema: Value = serde_json::from_str(include_str!("sarif-schema-2.1.0.json")).unwrap();
    // Its expression has a bracket too many, and our logs have no such field.
    for definition in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][definition]["properties"]["language"];
        language.as_object_mut().unwrap().remove("pattern").unwrap();
    }
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

/// The log, which must be valid.
fn log(printed: &str) -> Value {
    let log: Value = serde_json::from_str(printed).unwrap();
    let errors: Vec<String> = schema().iter_errors(&log).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    log
}

/// The texts that a viewer shows for the results, as serde-sarif reads the log.
fn shown(printed: &str) -> Vec<String> {
    let log: Sarif = serde_json::from_str(printed).unwrap();
    let results = log.runs.into_iter().flat_map(|run| run.results.unwrap_or_default());
    results.map(|result| shown_message(&result.message.text.unwrap())).collect()
}

/// A message as a viewer shows it (SARIF 2.1.0, 3.11.5 and 3.11.6). Panics at a placeholder or a link.
fn shown_message(text: &str) -> String {
    let placeholder = Regex::new(r"^(?:[^{}]|\{\{|\}\})*$").unwrap();
    assert!(placeholder.is_match(text), "{text:?}");
    let link = Regex::new(r"\[(?:[^\[\]\\]|\\.)*\]\(").unwrap();
    assert!(!link.is_match(text), "{text:?}");
    text.replace("{{", "{").replace("}}", "}").replace(r"\](", "](")
}

fn results(log: &Value) -> &Vec<Value> {
    log["runs"][0]["results"].as_array().unwrap()
}

#[test]
fn logs_follow_the_schema_of_oasis() {
    for words in ["-f mistakes.yaml -f untouched.yaml -f unquoted.yaml", "-f shop.yaml", "-R -f directory"] {
        let log = log(&run(&format!("preview -o sarif {words}"), "").out);
        for result in results(&log) {
            let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
            assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]), "{result}");
            assert!(result["locations"][0]["physicalLocation"]["region"]["startLine"].is_u64(), "{result}");
        }
    }
}

#[test]
fn the_schema_finds_mistakes() {
    let log = log(&run("preview -o sarif -f mistakes.yaml", "").out);
    let physical = "/locations/0/physicalLocation";
    for (pointer, value) in [
        ("/level".to_owned(), json!("fatal")),
        ("/message".to_owned(), json!({})),
        (format!("{physical}/region/startLine"), json!(0)),
        (format!("{physical}/artifactLocation/uri"), json!("a b%")),
    ] {
        let mut broken = log.clone();
        *broken["runs"][0]["results"][0].pointer_mut(&pointer).unwrap() = value;
        assert!(!schema().is_valid(&broken), "{pointer}");
    }
}

#[test]
fn another_reader_sees_the_texts_of_the_findings() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations:\n    boundtoken.dev/mode: '{0} [a](http://b.example)'\n    \
               boundtoken.dev/tokens: '[{path: /a/b, ttl: {}}]'\nspec: {containers: [{name: a}]}\n";
    for (words, stdin) in [("-f -", pod), ("-f mistakes.yaml -f unquoted.yaml -f slips.yaml", "")] {
        let texts: Vec<String> = findings(words, stdin)
            .into_iter()
            .filter(|finding| finding["file"].is_string())
            .map(|finding| finding["text"].as_str().unwrap().to_owned())
            .collect();
        let printed = run(&format!("preview -o sarif {words}"), stdin).out;
        assert!(texts.len() >= 2, "{texts:?}");
        assert_eq!(shown(&printed), texts, "{printed}");
        log(&printed);
    }
}

#[test]
fn a_result_is_at_the_line_of_its_setting() {
    let log = log(&run("preview -o sarif -f mistakes.yaml -n shop", "").out);
    let mode = results(&log).iter().find(|result| result["ruleId"] == "BT001").unwrap();
    let location = &mode["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "mistakes.yaml");
    assert_eq!(location["region"], json!({"startLine": 9, "startColumn": 30}));
    assert_eq!(mode["level"], "error");
    assert_eq!(mode["locations"][0]["logicalLocations"][0]["fullyQualifiedName"], "StatefulSet shop/db");
}

#[test]
fn a_finding_without_a_file_is_a_notification() {
    let log = log(&run("preview -o sarif -f mistakes.yaml -n shop", "").out);
    let notifications = &log["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(notifications[0]["associatedRule"]["id"], "BT075", "{notifications}");
    assert!(!results(&log).iter().any(|result| result["ruleId"] == "BT075"));
}

#[test]
fn each_code_is_a_rule_with_help() {
    let log = log(&run("preview -o sarif -f shop.yaml", "").out);
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids, of_pods().map(|diagnostic| diagnostic.name).collect());
    for rule in rules {
        assert!(rule["help"]["text"].as_str().is_some_and(|text| text.len() > 40), "{rule}");
        // Without a public repository there is no page to link to.
        let page = rule.get("helpUri").map(|page| page.as_str().unwrap());
        assert_eq!(page.is_some(), !env!("CARGO_PKG_REPOSITORY").is_empty(), "{rule}");
        let anchor = format!("#{}", rule["id"].as_str().unwrap().to_lowercase());
        assert!(page.is_none_or(|page| page.ends_with(&anchor)), "{rule}");
    }
}

#[test]
fn hostile_text_is_escaped() {
    let log = log(&hostile("sarif").out);
    assert!(results(&log).len() >= 2, "{log}");
    for result in results(&log) {
        let location = &result["locations"][0];
        let uri = location["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        assert_eq!(percent_decoded(uri), hostile_file());
        let shown = [&result["message"]["text"], &location["logicalLocations"][0]["fullyQualifiedName"]];
        for text in shown.map(|text| text.as_str().unwrap()) {
            let unfit =
                |character: char| character.is_control() && character != '\t' || character == '\u{202e}';
            assert!(!text.contains(unfit), "{text:?}");
        }
    }
}

fn percent_decoded(uri: &str) -> String {
    let mut pieces = uri.split('%');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}
