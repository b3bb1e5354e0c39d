//! Shows the answer of an admission webhook: `show REVIEW RESPONSE`, both JSON files.
//!
//! Prints the Pod before and after as a unified diff, the warnings, and a refusal as kubectl prints it.
//! Does not use the library: it decodes and applies the patch as an API server would.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::{env, fs};

use anstyle::{AnsiColor, Style};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use similar::{Change, ChangeTag, TextDiff};

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();
const SKIPPED: Style = Style::new().dimmed();

/// Lines of context around a change.
const CONTEXT: usize = 1;
/// Most lines that are shown of a run of added or removed lines.
const LONGEST_RUN: usize = 8;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let (Some(review), Some(answer), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: show REVIEW RESPONSE".into());
    };
    let review: Value = serde_json::from_slice(&fs::read(review)?)?;
    let answer: Value = serde_json::from_slice(&fs::read(answer)?)?;
    let request = review.get("request").ok_or("the review holds no request")?;
    let response = answer.get("response").ok_or("the answer holds no response")?;
    if response.get("uid") != request.get("uid") {
        return Err("the answer is for another request".into());
    }

    let mut out = anstream::stdout().lock();
    for warning in response.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        writeln!(out, "{WARNING}Warning:{WARNING:#} {}", warning.as_str().unwrap_or_default())?;
    }
    if response.get("allowed").and_then(Value::as_bool) != Some(true) {
        return refusal(&mut out, response);
    }
    let before = request.get("object").ok_or("the request holds no object")?;
    diff(&mut out, before, &patched(before, response)?)
}

/// The object with the patch of the response applied.
fn patched(before: &Value, response: &Value) -> Result<Value, Box<dyn Error>> {
    let mut after = before.clone();
    if let Some(patch) = response.get("patch").and_then(Value::as_str) {
        let patch: json_patch::Patch = serde_json::from_slice(&BASE64_STANDARD.decode(patch)?)?;
        json_patch::patch(&mut after, &patch)?;
    }
    Ok(after)
}

fn diff(out: &mut impl Write, before: &Value, after: &Value) -> Result<(), Box<dyn Error>> {
    if before == after {
        writeln!(out, "(unchanged)")?;
    }
    let (before, after) = (yaml(before)?, yaml(after)?);
    let diff = TextDiff::from_lines(&before, &after);
    for (index, hunk) in diff.unified_diff().context_radius(CONTEXT).iter_hunks().enumerate() {
        if index > 0 {
            writeln!(out, "{SKIPPED} …{SKIPPED:#}")?;
        }
        let changes: Vec<_> = hunk.iter_changes().collect();
        for run in changes.chunk_by(|one, next| one.tag() == next.tag()) {
            write_run(out, run)?;
        }
    }
    Ok(())
}

/// Writes a run of added, removed or equal lines, and cuts a long one short.
fn write_run(out: &mut impl Write, run: &[Change<&str>]) -> io::Result<()> {
    let tag = run.first().map_or(ChangeTag::Equal, Change::tag);
    let style = match tag {
        ChangeTag::Delete => REMOVED,
        ChangeTag::Insert => ADDED,
        ChangeTag::Equal => Style::new(),
    };
    let shown = if run.len() > LONGEST_RUN { LONGEST_RUN - 1 } else { run.len() };
    for change in run.iter().take(shown) {
        writeln!(out, "{style}{tag}{}{style:#}", change.value().trim_end_matches('\n'))?;
    }
    if shown < run.len() {
        writeln!(out, "{style}{tag}… and {} more lines{style:#}", run.len() - shown)?;
    }
    Ok(())
}

/// The object as YAML, without `managedFields`.
fn yaml(object: &Value) -> Result<String, Box<dyn Error>> {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    Ok(serde_saphyr::to_string(&object)?)
}

/// Writes a refusal as kubectl does: bullets for `Invalid`, one line otherwise.
fn refusal(out: &mut impl Write, response: &Value) -> Result<(), Box<dyn Error>> {
    let text = |pointer: &str| response.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let causes = response.pointer("/status/details/causes").and_then(Value::as_array);
    if let (Some(causes), "Invalid") = (causes, text("/status/reason")) {
        let (kind, name) = (text("/status/details/kind"), text("/status/details/name"));
        writeln!(out, "{REMOVED}The {kind} {name:?} is invalid:{REMOVED:#}")?;
        for cause in causes {
            let text = |key| cause.get(key).and_then(Value::as_str).unwrap_or_default();
            writeln!(out, "* {}: {}", text("field"), text("message"))?;
        }
    } else {
        let reason = text("/status/reason");
        writeln!(out, "{REMOVED}Error from server ({reason}):{REMOVED:#} {}", text("/status/message"))?;
    }
    Ok(())
}
