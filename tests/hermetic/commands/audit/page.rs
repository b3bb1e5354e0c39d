//! `-o html`: the page alone, and in a browser.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Scene, owned, pod, run};
use crate::support::browser::Browser;

/// Texts that a page could take for something else.
const HOSTILE: [&str; 5] = [
    "<img src=x onerror=alert(1)>",
    "\"'><script>alert(1)</script>",
    "javascript:alert(1)",
    "\u{202e}desrever\u{1b}[31m",
    "</style></script><svg onload=alert(1)>",
];

/// The page of a cluster and a log with such texts.
async fn hostile() -> String {
    let scene = Scene::new().await;
    scene.namespace("shop", &[], &[]);
    for (number, text) in HOSTILE.iter().enumerate() {
        let mut pod = owned(pod(&format!("x-{number}")), "Widget", text);
        pod["spec"]["serviceAccountName"] = (*text).into();
        pod["spec"]["containers"][0]["name"] = (*text).into();
        pod["spec"]["containers"][0]["volumeMounts"][0]["mountPath"] = format!("/{text}").into();
        let token = &mut pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
        token["audience"] = format!("{text}{}", "x".repeat(10_000)).into();
        scene.add("pods", pod);
    }
    let log = scene.directory.path().join("audit.log");
    std::fs::write(
        &log,
        HOSTILE.iter().enumerate().map(|(number, text)| request(number, text)).collect::<String>(),
    )
    .unwrap();
    let page = scene.audit(&["-o", "html", "--audit-log", log.to_str().unwrap()]).out;
    assert_eq!(page.matches("<dt>client</dt><dd>agent/").count(), HOSTILE.len(), "each user agent is shown");
    page
}

/// An audit event of a Pod of the cluster, with a text as user agent.
fn request(number: usize, text: &str) -> String {
    let extra = json!({"authentication.kubernetes.io/pod-name": [format!("x-{number}")],
        "authentication.kubernetes.io/pod-uid": [format!("uid-x-{number}")]});
    let user = json!({"username": format!("system:serviceaccount:shop:{text}"), "extra": extra});
    let event = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
        "auditID": text, "stage": "ResponseComplete", "requestURI": "/api/v1/pods", "verb": "list", "user": user,
        "sourceIPs": ["10.0.0.1"], "userAgent": format!("agent/{text}{}", "x".repeat(10_000)),
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": "2026-11-20T08:00:00.100000Z", "stageTimestamp": "2026-11-20T08:00:00.200000Z",
        "annotations": {"authorization.k8s.io/decision": "allow"}});
    format!("{event}\n")
}

/// The page of the recorded cluster.
fn demo() -> String {
    let path = |name: &str| format!("{}/demo/{name}", env!("CARGO_MANIFEST_DIR"));
    let page =
        run(&["audit", "--from", &path("cluster.json"), "--audit-log", &path("audit.log.gz"), "-o", "html"]);
    assert_eq!(page.code, 1, "{}", page.err);
    page.out
}

fn write(scene: &Scene, page: &str) -> PathBuf {
    let file = scene.directory.path().join("page.html");
    std::fs::write(&file, page).unwrap();
    file
}

/// Console messages, exceptions, violations of the policy, and requests other than for the page.
fn complaints(browser: &Browser) -> Vec<&Value> {
    let is_complaint = |event: &&Value| match event["method"].as_str().unwrap_or_default() {
        "Runtime.consoleAPICalled"
        | "Runtime.exceptionThrown"
        | "Log.entryAdded"
        | "Page.javascriptDialogOpening" => true,
        "Network.requestWillBeSent" => event["params"]["type"] != "Document",
        _ => false,
    };
    browser.events.iter().filter(is_complaint).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_stays_text() {
    let page = hostile().await;
    for text in HOSTILE {
        assert!(
            !page.contains(&format!("widget/{text}")) || !text.contains(['<', '"', '\'', '\u{1b}']),
            "{text}"
        );
    }
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(!page.contains("<img") && !page.contains("<svg onload") && !page.contains('\u{202e}'));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_names_the_cluster_and_the_time_at_which_it_was_read() {
    let scene = Scene::shop().await;
    let saved = scene.directory.path().join("snapshot.json");
    let saved = saved.to_str().unwrap();
    let page = scene.audit(&["-o", "html", "--save", saved]);
    let later = run(&["audit", "--from", saved, "-o", "html"]);
    assert_eq!(page.out, later.out);
    let line = page.out.lines().find(|line| line.contains("Cluster ")).unwrap();
    let address = scene.api.address();
    let start = format!("<p class=\"soft\">Cluster x at {address} with Kubernetes v1.37.2, read at ");
    let time = line.strip_prefix(&start).unwrap_or_else(|| panic!("{line} does not begin with {start}"));
    assert!(boundtoken::clock::parse(time.split(',').next().unwrap()).is_some(), "{time}");
    let cluster = run(&["audit", "--from", saved, "-o", "json"]).json()["cluster"].take();
    assert_eq!((&cluster["context"], &cluster["address"]), (&json!("x"), &json!(address)));
    // A snapshot of an older program has neither.
    assert!(demo().contains("<p class=\"soft\">Cluster with Kubernetes v1.37.2, audited with boundtoken "));
}

#[test]
fn the_page_begins_with_the_number_of_pods_that_hold_a_long_token() {
    let page = demo();
    let (before, after) = page.split_once("<p class=\"headline\">").unwrap();
    assert!(after.starts_with("9 of 10 Pods hold a token that is valid for up to 1y.</p>"), "{after:.100}");
    assert!(!before.contains("<svg"), "the pictures follow");
}

#[test]
fn the_page_explains_each_of_its_words() {
    let page = demo();
    let (_, glossary) = page.split_once("<summary>What the words mean</summary>").unwrap();
    let glossary = glossary.split("</details>").next().unwrap();
    for column in ["TOKEN", "USE", "VERDICT"] {
        let section =
            glossary.split_once(&format!("<h3>{column}</h3>")).unwrap().1.split("</dl>").next().unwrap();
        let mark = format!("data-name=\"{column}\"");
        let cells = page.split(&mark).skip(1);
        for cell in cells.map(|cell| cell.split("</td>").next().unwrap()) {
            let text = cell.split_once("<div>").unwrap().1.split("</summary>").next().unwrap();
            let text = text.rsplit("</svg>").next().unwrap().trim_end_matches("</div>");
            for word in text.split(", ").map(|word| word.split(' ').next().unwrap()) {
                assert!(section.contains(&format!("<dt>{word}</dt>")), "{column} {word}: {section}");
            }
        }
    }
    assert!(glossary.matches("<dt>unknown</dt>").count() == 2, "as a use and as a verdict");
}

#[test]
fn the_page_has_nothing_from_elsewhere() {
    let page = demo();
    for part in ["http:", "https:", "src=", "href=", "url(", "@import", "style=\"", "onclick"] {
        // The audience of the API server is an address.
        let page = page.replace("https://kubernetes.default.svc.cluster.local", "");
        assert!(!page.contains(part), "{part}");
    }
    let policy =
        page.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_the_page_without_a_complaint() {
    let Some(mut browser) = Browser::start() else { return };
    let scene = Scene::new().await;
    for (name, page) in [("demo", demo()), ("hostile", hostile().await)] {
        let file = write(&scene, &page);
        for (width, scheme, has_script) in [
            (1280, "light", true),
            (1280, "dark", true),
            (390, "light", true),
            (390, "dark", false),
            (1280, "light", false),
        ] {
            browser.emulate(width, scheme, has_script);
            browser.open(&file);
            let rows = page.matches("<tr data-verdict").count();
            if has_script {
                assert_eq!(browser.evaluate("document.querySelectorAll('tbody tr').length"), json!(rows));
                let overflow = browser.evaluate("document.documentElement.scrollWidth - innerWidth");
                assert!(overflow.as_i64().unwrap() <= 0, "{name} at {width}: {overflow}");
            }
            assert_eq!(complaints(&browser), Vec::<&Value>::new(), "{name} {width} {scheme} {has_script}");
            browser.picture(&format!("{name}-{width}-{scheme}-{has_script}"));
        }
    }
}

#[test]
fn the_page_says_what_its_words_mean() {
    let page = demo();
    for word in page.split("data-verdict=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page.contains(&format!("<dt>{word}</dt>")), "{word}");
    }
    assert!(page.contains("not ready: 1 unknown, 1 replace"), "the numbers of a bar, without its colours");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_fold_leaves_room_for_the_names() {
    let Some(mut browser) = Browser::start() else { return };
    let scene = Scene::new().await;
    browser.emulate(1280, "light", true);
    browser.open(&write(&scene, &demo()));
    browser.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })");
    let height = "[...document.querySelectorAll('tbody tr')].map((row) => row.cells[1].firstElementChild).find((name) => name.textContent === 'deployment/web').offsetHeight";
    assert!(browser.evaluate(height).as_u64().unwrap() < 30, "a short name is on one line");
    let overflow = browser.evaluate("document.documentElement.scrollWidth - innerWidth");
    assert!(overflow.as_i64().unwrap() <= 0, "{overflow}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_is_sorted_and_filtered() {
    let Some(mut browser) = Browser::start() else { return };
    let scene = Scene::new().await;
    browser.emulate(1280, "light", true);
    browser.open(&write(&scene, &demo()));
    let shown =
        "[...document.querySelectorAll('tbody tr:not([hidden])')].map((row) => row.cells[1].textContent)";
    let first = browser.evaluate(shown);
    browser.evaluate("document.querySelectorAll('th button')[1].click()");
    let sorted = browser.evaluate(shown);
    let mut expected: Vec<Value> = first.as_array().unwrap().clone();
    expected.sort_by_key(|cell| cell.as_str().unwrap().to_owned());
    assert_eq!(sorted.as_array(), Some(&expected));
    browser.evaluate("document.querySelectorAll('th button')[8].click()");
    assert_eq!(browser.evaluate(shown), first, "the order of the verdicts");
    browser.evaluate("document.querySelector('input').value = 'REPORT'; document.querySelector('input').dispatchEvent(new Event('input'))");
    assert_eq!(browser.evaluate(shown), json!(["deployment/report-worker"]));
    browser.evaluate("document.querySelector('input').value = ''; document.querySelector('select').value = 'done'; document.querySelector('select').dispatchEvent(new Event('change'))");
    assert_eq!(browser.evaluate(shown), json!(["deployment/bot"]));
    assert_eq!(
        browser.evaluate("document.querySelector('output').textContent"),
        json!(format!("1 of {}", expected.len()))
    );
}
