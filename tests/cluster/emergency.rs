//! The lines of docs/emergency.md, typed as they stand there, while nobody answers.

use std::process::Output;
use std::sync::Arc;

use crate::control_plane::{ControlPlane, eventually};
use crate::world::World;

const CARD: &str = include_str!("../../docs/emergency.md");

/// The Namespace `shop` of the card.
const NAMESPACE: &str = "emergency";

/// Each line lets Pods through or shuts them out, and says so; all of it without the webhook.
pub(crate) async fn the_card_works_while_nobody_answers(plane: Arc<ControlPlane>) {
    let world = World::start(&plane, NAMESPACE, &[(NAMESPACE, &[])]).await;
    until(&plane, "3600").await;
    let world = world
        .without_webhook(async || {
            until(&plane, REFUSED).await;
            for (opens, closes) in [
                (
                    "label namespace shop boundtoken.dev/webhook-",
                    "label namespace shop boundtoken.dev/webhook=enabled",
                ),
                (r#""op":"add""#, r#""op":"remove""#),
                (r#""value":"Ignore""#, r#""value":"Fail""#),
            ] {
                run(&plane, line(opens));
                until(&plane, "3607").await;
                run(&plane, line(closes));
                until(&plane, REFUSED).await;
            }
        })
        .await;
    until(&plane, "3600").await;
    drop(world);
}

/// What the API server says of a webhook that it cannot ask.
const REFUSED: &str = "failed calling webhook";

/// Until the card's probe says this.
async fn until(plane: &ControlPlane, expected: &str) {
    eventually(&format!("{expected:?} from the probe"), async || {
        let Output { stdout, stderr, .. } = type_in(plane, line("kubectl run probe"));
        let told = String::from_utf8([stdout, stderr].concat()).unwrap();
        if told.trim() == expected || expected == REFUSED && told.contains(REFUSED) {
            Ok(())
        } else {
            Err(told)
        }
    })
    .await;
}

/// The first line of the card with these words.
fn line(words: &str) -> &'static str {
    CARD.lines().find(|line| line.starts_with("kubectl ") && line.contains(words)).unwrap()
}

fn run(plane: &ControlPlane, line: &str) {
    let output = type_in(plane, line);
    assert!(output.status.success(), "{line}: {output:?}");
}

/// Types a line, with the names of this test.
fn type_in(plane: &ControlPlane, line: &str) -> Output {
    let line = line.replace("configuration boundtoken ", &format!("configuration boundtoken-{NAMESPACE} "));
    let arguments = arguments(&line.replace(" shop ", &format!(" {NAMESPACE} ")));
    let arguments: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    plane.kubectl(&arguments, "")
}

/// Takes a line apart as a shell does that knows nothing but spaces and single quotes.
fn arguments(line: &str) -> Vec<String> {
    let (mut arguments, mut quoted) = (vec![String::new()], false);
    for letter in line.chars() {
        match (letter, quoted) {
            ('\'', _) => quoted = !quoted,
            (' ', false) => arguments.push(String::new()),
            _ => arguments.last_mut().unwrap().push(letter),
        }
    }
    arguments
}
