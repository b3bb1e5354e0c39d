//! Reads each shape of an audit log: whole, cut and damaged.

use boundtoken::audit::event::{AuditEvent, Staleness};
use boundtoken::audit::log::{LogCounts, LogError, read};
use time::OffsetDateTime;

use super::{events, file};

/// The logs of `tests/audit-log` with the same four events: a fresh token, a stale one, a refused one, and a node.
const SHAPES: [&str; 15] = [
    "api-server.jsonl",
    "api-server.jsonl.gz",
    "event-list.json",
    "pretty.json",
    "eks-s3.log",
    "eks-subscription.json",
    "eks-filter-log-events.json",
    "eks-insights.json",
    "eks-insights-console.json",
    "eks-insights.csv",
    "aks-records.json",
    "aks-records.jsonl",
    "aks-table.json",
    "aks-table.jsonl",
    "gke.json",
];

#[test]
fn each_shape_has_the_same_events() {
    let (expected, counts) = events(&file("api-server.jsonl")).unwrap();
    assert_eq!((counts.events, counts.malformed, counts.truncated), (4, 0, 0));
    for name in SHAPES.iter().filter(|name| !name.starts_with("gke")) {
        let (found, counts) = events(&file(name)).unwrap();
        assert_eq!((counts.events, counts.malformed, counts.truncated), (4, 0, 0), "{name}");
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn an_event_has_the_fields_of_its_line() {
    let mut found = Vec::new();
    let log = file("api-server.jsonl");
    read(&*log, &mut |event: &AuditEvent<'_>| {
        let pod = event.pod.map(|pod| (pod.name.to_owned(), pod.uid.to_owned()));
        found.push((
            event.account().map(|(_, name)| name.to_owned()),
            pod,
            event.staleness,
            event.is_denied(),
        ));
        assert_eq!(event.logged.map(OffsetDateTime::minute), Some([0, 30, 45, 0][found.len() - 1]));
        // The event of the node is not parsed.
        assert_eq!(event.time.is_some(), found.len() < 4);
    })
    .unwrap();
    let web = Some("web".to_owned());
    let pod = Some(("web-5d4f8c7b9-abcde".to_owned(), "20000000-0000-4000-8000-000000000001".to_owned()));
    let expected = [
        (web.clone(), pod.clone(), Staleness::Fresh, false),
        (web, pod, Staleness::Stale(1793), false),
        (None, None, Staleness::Unknown, true),
        (None, None, Staleness::Unknown, false),
    ];
    assert_eq!(found, expected);
}

#[test]
fn some_shapes_name_the_api_server() {
    for (name, server) in [
        ("eks-filter-log-events.json", "kube-apiserver-audit-0"),
        ("eks-subscription.json", "kube-apiserver-audit-0"),
        ("aks-records.json", ""),
        ("api-server.jsonl", ""),
    ] {
        let mut found = Vec::new();
        read(&*file(name), &mut |event: &AuditEvent<'_>| found.push(event.server.to_owned())).unwrap();
        assert_eq!(found[..3], [server, server, server], "{name}");
    }
    let row = r#"{"AuditId":"a","Verb":"get","User":{"username":"system:serviceaccount:a:b"},"PodName":"kube-apiserver-7"}"#;
    let pod = r#"{"properties":{"log":"{\"auditID\":\"a\",\"user\":{\"username\":\"system:serviceaccount:a:b\"}}","pod":"kube-apiserver-7"}}"#;
    for log in [row, pod] {
        let mut found = Vec::new();
        read(log.as_bytes(), &mut |event: &AuditEvent<'_>| found.push(event.server.to_owned())).unwrap();
        assert_eq!(found, ["kube-apiserver-7"], "{log}");
    }
}

/// A subscription names the log stream once for all of its events, and its files have parts of many streams.
#[test]
fn each_subscription_document_names_its_api_server() {
    let one = String::from_utf8(file("eks-subscription.json")).unwrap();
    let other = one.replace("kube-apiserver-audit-0", "kube-apiserver-audit-1");
    let array = String::from_utf8(file("gke.json")).unwrap();
    let mut found = Vec::new();
    let log = [one.as_str(), &other, &array, &one].join("\n");
    read(log.as_bytes(), &mut |event: &AuditEvent<'_>| found.push(event.server.to_owned())).unwrap();
    let expected = ["kube-apiserver-audit-0", "kube-apiserver-audit-1", "", "kube-apiserver-audit-0"];
    assert_eq!(found, expected.map(|server| [server; 4]).concat());
}

#[test]
fn the_time_of_a_row_is_the_more_exact_one() {
    let row = r#"{"AuditId":"a","Verb":"get","User":{"username":"system:serviceaccount:a:b"},"StageReceivedTime":"2026-11-20T08:00:00Z","TimeGenerated":"2026-11-20T08:07:00Z"}"#;
    let mut found = Vec::new();
    read(row.as_bytes(), &mut |event: &AuditEvent<'_>| found.push(event.logged.unwrap().minute())).unwrap();
    assert_eq!(found, [0]);
}

#[test]
fn only_records_without_a_user_are_lost() {
    let line = r#"{"auditID":"a","user":{"username":"system:serviceaccount:a:b"},"verb":"get""#;
    for (log, expected) in [(line, 0), (r#"{"auditID":"a","us"#, 1), ("nonsense", 1), (r#"{"a":1}"#, 0)] {
        let counts = read(log.as_bytes(), &mut |_: &AuditEvent<'_>| {}).unwrap();
        assert_eq!(counts.lost, expected, "{log}");
    }
}

#[test]
fn google_cloud_names_the_account_and_not_the_pod() {
    for name in ["gke.json", "gke.jsonl"] {
        let mut found = Vec::new();
        let log = file(name);
        let counts = read(&*log, &mut |event: &AuditEvent<'_>| {
            found.push((event.user.to_owned(), event.verb.to_owned(), event.staleness, event.code));
            assert!(event.pod.is_none() && event.time.is_some() && !event.source_ip.is_empty());
        });
        assert_eq!(counts.unwrap().events, 4, "{name}");
        let web = "system:serviceaccount:shop:web".to_owned();
        assert_eq!(found[0], (web.clone(), "list".to_owned(), Staleness::Fresh, Some(200)), "{name}");
        assert_eq!(found[1], (web, "get".to_owned(), Staleness::Stale(1793), Some(200)), "{name}");
        assert_eq!((found[2].0.as_str(), found[2].3), ("", Some(401)), "{name}");
    }
}

/// The `auditID` and the time of each event, and the counts.
fn ids(log: &[u8]) -> (Vec<(String, Option<OffsetDateTime>)>, LogCounts) {
    let mut found = Vec::new();
    let counts = read(log, &mut |event: &AuditEvent<'_>| found.push((event.id.to_owned(), event.time)));
    (found, counts.unwrap())
}

/// Of a log that ends early, every event before the end is read, and the one that it cuts is counted.
#[test]
fn a_log_may_end_at_any_byte() {
    std::thread::scope(|scope| {
        for name in SHAPES.iter().chain(&["gke.jsonl"]) {
            scope.spawn(move || cut_anywhere(name));
        }
    });
}

fn cut_anywhere(name: &str) {
    let log = file(name);
    let (whole, _) = ids(&log);
    let mut known = 0;
    for end in 0..log.len() {
        let (found, counts) = ids(&log[..end]);
        let complete = usize::try_from(counts.events).unwrap();
        // An event that lacks only brackets may count as complete.
        assert!(complete + 1 >= known && complete <= 4, "{name} at {end}: {complete} after {known}");
        assert!(found.len() <= complete + 1, "{name} at {end}: {found:?}");
        assert_eq!(found[..complete], whole[..complete], "{name} at {end}");
        // Of an archive, its own end is missing as well.
        let missing = 1 + u64::from(name.ends_with("gz"));
        assert!(counts.truncated + counts.malformed <= missing, "{name} at {end}: {counts:?}");
        known = known.max(complete);
    }
    assert!(known >= 3, "{name}");
}

/// A line that is cut anywhere leaves the lines around it alone.
#[test]
fn a_line_may_be_cut_at_any_byte() {
    for name in [
        "api-server.jsonl",
        "eks-s3.log",
        "eks-insights.csv",
        "aks-records.jsonl",
        "aks-table.jsonl",
        "gke.jsonl",
    ] {
        let text = String::from_utf8(file(name)).unwrap();
        let (whole, _) = ids(text.as_bytes());
        let lines: Vec<&str> = text.lines().collect();
        let cut = lines.len() - 3;
        // The quote at the end of a row of CSV is no part of the event.
        let length = lines[cut].len() - usize::from(name.ends_with("csv"));
        for end in 1..length {
            let mut lines = lines.clone();
            lines[cut] = &lines[cut][..end];
            let (found, counts) = ids(lines.join("\n").as_bytes());
            assert_eq!((counts.events, counts.truncated + counts.malformed), (3, 1), "{name} at {end}");
            let others = [&found[0], &found[found.len() - 2], &found[found.len() - 1]];
            assert_eq!(others, [&whole[0], &whole[2], &whole[3]], "{name} at {end}");
        }
    }
}

/// An element of a list that is cut anywhere leaves the next ones alone.
#[test]
fn an_element_on_its_own_line_may_be_cut_at_any_byte() {
    let text = String::from_utf8(file("gke.jsonl")).unwrap();
    let (whole, _) = events(text.as_bytes()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for end in 1..lines[1].len() {
        let log = format!("[{},\n{}\n{},\n{}]\n", lines[0], &lines[1][..end], lines[2], lines[3]);
        let (found, counts) = events(log.as_bytes()).unwrap();
        assert_eq!((counts.events, counts.truncated), (3, 1), "at {end}");
        assert_eq!(found, [&*whole[0], &*whole[2], &*whole[3]], "at {end}");
    }
}

/// A document that is cut anywhere leaves the next one alone, as in a file to which an exporter appends.
#[test]
fn a_document_may_be_cut_at_any_byte_before_the_next_one() {
    let documents = SHAPES.iter().filter(|name| name.ends_with("json"));
    std::thread::scope(|scope| {
        for name in documents {
            scope.spawn(move || cut_before_another(name));
        }
    });
}

fn cut_before_another(name: &str) {
    let log = file(name);
    let (whole, _) = ids(&log);
    for end in 1..log.len() {
        let both = [&log[..end], b"\n", &log].concat();
        let (found, counts) = ids(&both);
        let next = found.len().checked_sub(4).map(|start| &found[start..]);
        assert_eq!(next, Some(&*whole), "{name} at {end}: {counts:?}");
        assert!((4..=8).contains(&counts.events), "{name} at {end}: {counts:?}");
    }
}

/// A cloud provider cuts the event inside of its record. The others are read.
#[test]
fn a_wrapped_event_may_be_cut_at_any_byte() {
    for (name, field) in [
        ("eks-subscription.json", "message"),
        ("eks-filter-log-events.json", "message"),
        ("eks-insights.json", "value"),
        ("aks-records.json", "log"),
        ("aks-records.jsonl", "log"),
    ] {
        let text = String::from_utf8(file(name)).unwrap();
        let (whole, _) = ids(text.as_bytes());
        let mark = format!("\"{field}\":\"{{");
        let compact = text.replace(&format!("\"{field}\": \"{{"), &mark);
        let start = compact.match_indices(&mark).nth(1).unwrap().0 + mark.len();
        let is_end = |pair: &[u8]| pair[0] != b'\\' && pair[1] == b'"';
        let length = compact.as_bytes()[start..].windows(2).position(is_end).unwrap() + 1;
        for end in 0..compact[start..start + length].rfind('}').unwrap() {
            // The text is escaped: a cut after a backslash would take the quote with it.
            let kept = compact[start..start + end].trim_end_matches('\\');
            let log = format!("{}{kept}{}", &compact[..start], &compact[start + length..]);
            let (found, counts) = ids(log.as_bytes());
            assert_eq!((counts.events, counts.truncated + counts.malformed), (3, 1), "{name} at {end}");
            let others = [&found[0], &found[found.len() - 2], &found[found.len() - 1]];
            assert_eq!(others, [&whole[0], &whole[2], &whole[3]], "{name} at {end}");
        }
    }
}

#[test]
fn a_truncated_event_keeps_its_user_and_verb() {
    let line = String::from_utf8(file("api-server.jsonl")).unwrap().lines().nth(1).unwrap().to_owned();
    let cut = &line[..line.find("\"objectRef\"").unwrap()];
    let wrapped = |message: &str| {
        let event = serde_json::json!({"timestamp": 1_795_167_000_100_i64, "message": message});
        serde_json::json!({"events": [event]}).to_string()
    };
    for (log, has_time) in [
        (cut.to_owned(), false),
        (format!("{cut}[Truncated...]"), false),
        (wrapped(cut), true),
        (wrapped(&format!("{cut}[Truncated...]")), true),
        (format!("2026-11-20T09:30:00.100Z {cut}"), true),
    ] {
        let mut found = Vec::new();
        let counts = read(log.as_bytes(), &mut |event: &AuditEvent<'_>| {
            let (account, verb) = (event.account().map(|(_, name)| name.to_owned()), event.verb.to_owned());
            found.push((account, verb, event.time.is_some(), event.staleness));
        });
        assert_eq!(counts.map(|counts| (counts.events, counts.truncated)).unwrap(), (0, 1), "{log}");
        assert_eq!(
            found,
            [(Some("web".to_owned()), "get".to_owned(), has_time, Staleness::Unknown)],
            "{log}"
        );
    }
}

#[test]
fn malformed_lines_are_counted_and_skipped() {
    let good = file("api-server.jsonl");
    for bad in
        ["{", "nonsense", "{\"a\":1}", "{\"auditID\":7}", "\"\"", "}", "\u{0}\u{1}", "{\"verb\":\"\\x\"}"]
    {
        let log = [bad.as_bytes(), b"\n", &good, bad.as_bytes()].concat();
        let (found, counts) = events(&log).unwrap();
        assert_eq!((found.len(), counts.events, counts.malformed + counts.truncated), (4, 4, 2), "{bad:?}");
    }
}

#[test]
fn the_text_format_is_refused_with_the_flag_to_change() {
    let error = events(&file("text.log")).unwrap_err();
    assert!(matches!(error, LogError::TextFormat));
    assert!(error.to_string().contains("--audit-log-format=json"), "{error}");
}

/// The text format inside of an event is text of a client.
#[test]
fn a_user_agent_cannot_make_the_log_look_like_text() {
    let log = String::from_utf8(file("api-server.jsonl")).unwrap();
    let log = log.replace("app/1.0 (linux/amd64)", r#" AUDIT: id=\"x\" {\"items\":[ "#);
    assert_eq!(events(log.as_bytes()).unwrap().1.events, 4);
}

#[test]
fn shapes_may_follow_each_other_in_one_log() {
    let mixed = SHAPES.iter().filter(|name| !name.ends_with("gz")).map(|name| file(name));
    let mixed: Vec<u8> = mixed.flat_map(|log| [log, b"\r\n\n".to_vec()].concat()).collect();
    let (_, counts) = events(&mixed).unwrap();
    assert_eq!((counts.events, counts.malformed, counts.truncated), (14 * 4, 0, 0));
}

#[test]
fn a_damaged_archive_is_read_up_to_the_damage() {
    let mut log = file("api-server.jsonl.gz");
    let end = log.len() - 20;
    log[end] ^= 0xff;
    let (_, counts) = events(&log).unwrap();
    assert!(counts.malformed + counts.truncated >= 1, "{counts:?}");
}

#[test]
fn an_impersonated_request_belongs_to_the_owner_of_the_token() {
    let log = String::from_utf8(file("api-server.jsonl")).unwrap();
    let other = r#""impersonatedUser":{"username":"system:serviceaccount:shop:other"},"sourceIPs""#;
    let log = log.replace(r#""sourceIPs""#, other);
    let mut users = Vec::new();
    read(log.as_bytes(), &mut |event: &AuditEvent<'_>| users.push(event.user.to_owned())).unwrap();
    let web = "system:serviceaccount:shop:web";
    assert_eq!(users, [web, web, "", "system:node:node-a"]);
}
