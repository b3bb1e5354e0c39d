//! Parts that the user may not read, or that the API server does not send.

use boundtoken::check::{Cell, CheckLevel, Installation, Part, judge, table};

use super::{NOW, found, healthy, installation};

#[test]
fn a_part_that_may_not_be_read_skips_what_needs_it_with_the_rule() {
    for part in Part::ALL {
        let mut installation = installation(&healthy());
        installation.set(part, Cell::Forbidden("Forbidden".to_owned()));
        for finding in found(&installation, CheckLevel::Skipped) {
            assert_eq!(finding.level, CheckLevel::Skipped, "{finding:?}");
            let rule = format!("Forbidden: needs the right to {}", part.needs());
            assert_eq!((finding.sentence, finding.command), (rule, None));
        }
    }
}

#[test]
fn a_user_without_any_right_gets_no_fault() {
    let mut installation = Installation::new(NOW);
    for part in Part::ALL {
        installation.set(part, Cell::Forbidden("Forbidden".to_owned()));
    }
    let findings = judge(&installation);
    assert_eq!(findings.len(), table::all().count());
    assert!(findings.iter().all(|finding| finding.level <= CheckLevel::Skipped), "{findings:#?}");
}

#[test]
fn an_api_server_that_does_not_answer_is_the_only_error() {
    let mut installation = Installation::new(NOW);
    for part in Part::ALL {
        installation.set(part, Cell::Failed("connection refused".to_owned()));
    }
    let errors = found(&installation, CheckLevel::Warning);
    let [error] = &errors[..] else { panic!("{errors:#?}") };
    assert_eq!(
        (error.id, &*error.sentence),
        ("cluster-reachable", "the API server cannot be used: connection refused")
    );
}
