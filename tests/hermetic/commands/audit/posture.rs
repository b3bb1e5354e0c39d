//! The tokens that Pods hold, their workloads, and what the settings of their Namespace ask for.

use serde_json::{Value, json};

use super::{Scene, metadata, owned, pod};

const OPTED_IN: &[(&str, &str)] = &[("boundtoken.dev/webhook", "enabled")];

/// Changes the token of a Pod.
fn with_token(name: &str, token: &Value) -> Value {
    let mut pod = pod(name);
    pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"] = token.clone();
    pod
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_has_every_field_of_the_contract() {
    let scene = Scene::shop().await;
    scene
        .api
        .set_text("/metrics", "serviceaccount_stale_tokens_total 3\nserviceaccount_valid_tokens_total 10\n");
    scene
        .api
        .set_text("/.well-known/openid-configuration", r#"{"issuer": "https://kubernetes.default.svc"}"#);
    let audit = scene.json();
    let mut json = audit.json();
    assert_eq!(json["schemaVersion"], 1);
    let cluster = json["cluster"].as_object_mut().unwrap();
    assert_eq!(cluster.remove("address"), Some(scene.api.address().into()));
    assert!(cluster.remove("context").is_some() && cluster.remove("read").is_some());
    assert_eq!(
        json["cluster"],
        json!({"serverVersion": "v1.37.2", "extendedLifetimeSeconds": 31_536_000,
        "extendedLifetimeFrom": "metrics", "apiAudiences": ["https://kubernetes.default.svc"],
        "staleTokensTotal": 3, "validTokensTotal": 10})
    );
    for (field, value) in
        [("files", json!(0)), ("events", json!(0)), ("holes", json!([])), ("from", Value::Null)]
    {
        assert_eq!(json["coverage"][field], value, "{field}");
    }
    assert_eq!(
        json["summary"],
        json!({"workloads": 1, "pods": 2, "byVerdict": {"unknown": 1}, "byToken": {"year": 1}})
    );
    let namespace = &json["namespaces"][0];
    assert_eq!(
        (&namespace["name"], &namespace["optedIn"], &namespace["ready"]),
        (&"shop".into(), &false.into(), &false.into())
    );
    let web = audit.workload("web");
    assert_eq!(
        (&web["namespace"], &web["kind"], &web["serviceAccount"]),
        (&"shop".into(), &"Deployment".into(), &"web".into())
    );
    assert_eq!(
        (&web["pods"], &web["predicted"], &web["optedIn"], &web["mode"]),
        (&2.into(), &false.into(), &false.into(), &Value::Null)
    );
    assert_eq!(
        web["tokens"],
        json!([{"class": "year", "seconds": 31_536_000, "audience": null,
        "path": "/var/run/secrets/kubernetes.io/serviceaccount/token", "containers": ["app"], "subPath": false, "pods": 2}])
    );
    assert_eq!(
        web["use"],
        json!({"state": "unknown", "requests": 0, "first": null, "last": null,
        "oldestTokenSeconds": null, "userAgents": []})
    );
    assert_eq!((&web["verdict"], &web["minTtlSeconds"]), (&"unknown".into(), &Value::Null));
    assert!(web["reasons"][0]["code"].as_str().unwrap().starts_with("BT1"), "{web:#}");
    assert_eq!(json["errors"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_class_of_a_token_follows_from_its_source() {
    let scene = Scene::new().await;
    scene.namespace("shop", &[], &[]);
    scene.add("pods", with_token("bounded", &json!({"expirationSeconds": 7200, "path": "token"})));
    scene.add("pods", with_token("audience", &json!({"audience": "vault", "path": "token"})));
    let mut legacy = pod("legacy");
    legacy["spec"]["volumes"][0] =
        json!({"name": "kube-api-access-egacy", "secret": {"secretName": "web-token"}});
    scene.add("pods", legacy);
    let mut none = pod("none");
    none["spec"]["containers"][0]["volumeMounts"] = json!([]);
    scene.add("pods", none);
    let mut secret =
        json!({"type": "kubernetes.io/service-account-token", "metadata": metadata("web-token")});
    secret["data"] = json!({"token": "c2VjcmV0"});
    scene.add("secrets", secret);
    let audit = scene.json();
    for (name, class, seconds, audience) in [
        ("bounded", "bounded", json!(7200), Value::Null),
        ("audience", "audience", json!(3600), json!("vault")),
        ("legacy", "legacy", Value::Null, Value::Null),
    ] {
        let token = &audit.workload(name)["tokens"][0];
        assert_eq!(
            (&token["class"], &token["seconds"], &token["audience"]),
            (&class.into(), &seconds, &audience)
        );
    }
    assert_eq!(
        (&audit.workload("none")["tokens"], &audit.workload("none")["verdict"]),
        (&json!([]), &json!("nothing"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_per_top_owner() {
    let scene = Scene::new().await;
    scene.namespace("shop", &[], &[]);
    for (name, kind, owner) in
        [("a-0", "StatefulSet", "a"), ("b-x-1", "Workflow", "b"), ("s-node", "Node", "node")]
    {
        scene.add("pods", owned(pod(name), kind, owner));
    }
    scene.add("replicasets", owned(json!({"metadata": metadata("c-5d")}), "Rollout", "c"));
    scene.add("pods", owned(pod("c-5d-aaaaa"), "ReplicaSet", "c-5d"));
    scene.add("jobs", owned(json!({"metadata": metadata("d-1")}), "CronJob", "d"));
    scene.add("pods", owned(pod("d-1-aaaaa"), "Job", "d-1"));
    scene.add("pods", owned(pod("e-aaaaa"), "Job", "e"));
    scene.add("pods", pod("bare"));
    let mut names: Vec<String> = scene.audit(&["-o", "name"]).out.lines().map(str::to_owned).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "shop/cronjob/d",
            "shop/job/e",
            "shop/pod/bare",
            "shop/pod/s-node",
            "shop/rollout/c",
            "shop/statefulset/a",
            "shop/workflow/b"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_without_pods_are_predicted() {
    let scene = Scene::new().await;
    scene.namespace("shop", &[], &[]);
    let template = json!({"spec": {"serviceAccountName": "web", "containers": [{"name": "app"}]}});
    scene.add("deployments", json!({"metadata": metadata("zero"), "spec": {"template": template}}));
    scene.add(
        "cronjobs",
        json!({"metadata": metadata("nightly"), "spec": {"jobTemplate": {"spec": {"template": template}}}}),
    );
    let audit = scene.json();
    for name in ["zero", "nightly"] {
        let workload = audit.workload(name);
        assert_eq!((&workload["pods"], &workload["predicted"]), (&0.into(), &true.into()));
        assert_eq!(
            (&workload["tokens"][0]["class"], &workload["serviceAccount"]),
            (&"year".into(), &"web".into())
        );
    }
    assert!(scene.audit(&[]).out.contains("0 (predicted)"));
    scene.add("serviceaccounts", json!({"metadata": metadata("web"), "automountServiceAccountToken": false}));
    assert_eq!(scene.json().workload("zero")["verdict"], "nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_hold_something_else_are_a_finding() {
    let scene = Scene::new().await;
    scene.namespace("shop", OPTED_IN, &[]);
    scene.add("pods", with_token("db-0", &json!({"expirationSeconds": 3600, "path": "token"})));
    let audit = scene.json();
    assert_eq!(
        (audit.code, &audit.workload("db-0")["verdict"], &audit.workload("db-0")["mode"]),
        (0, &"done".into(), &"replace".into())
    );
    scene.add("pods", owned(pod("db-1"), "StatefulSet", "db"));
    let audit = scene.json();
    assert_eq!((audit.code, &audit.workload("db")["verdict"]), (1, &"restart".into()));
    assert_eq!(audit.workload("db")["next"][0], "kubectl -n shop rollout restart statefulset/db");
    assert_eq!(scene.audit(&["--fail-on", "never"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_namespaces_that_are_never_matched_did_not_opt_in() {
    let scene = Scene::new().await;
    scene.namespace("kube-system", OPTED_IN, &[]);
    let mut dns = pod("dns");
    dns["metadata"]["namespace"] = "kube-system".into();
    scene.add("pods", dns);
    assert_eq!(scene.json().workload("dns")["optedIn"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lifetime_can_be_given() {
    let scene = Scene::shop().await;
    for (given, class, seconds) in [("90d", "year", 7_776_000), ("0", "bounded", 3607)] {
        let audit = scene.audit(&["-o", "json", "--extended-lifetime", given]);
        assert_eq!(audit.json()["cluster"]["extendedLifetimeFrom"], "given");
        let token = &audit.workload("web")["tokens"][0];
        assert_eq!((&token["class"], &token["seconds"]), (&class.into(), &seconds.into()));
    }
}

/// The kubelet gives a static Pod no token. Its mirror Pod belongs to the Node, and is a workload of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_static_pod_is_a_workload_without_a_token() {
    let scene = Scene::shop().await;
    for node in ["node-1", "node-2"] {
        let mut mirror = owned(pod(&format!("static-{node}")), "Node", node);
        mirror["metadata"]["annotations"] =
            json!({"kubernetes.io/config.mirror": node, "kubernetes.io/config.source": "file"});
        for field in ["volumes", "containers"] {
            mirror["spec"][field] = json!([{"name": "etcd"}]);
        }
        scene.add("pods", mirror);
    }
    let audit = scene.json();
    for name in ["static-node-1", "static-node-2"] {
        let found = audit.workload(name);
        assert_eq!(
            (&found["kind"], &found["pods"], &found["verdict"]),
            (&"Pod".into(), &1.into(), &"nothing".into())
        );
    }
    assert_eq!(audit.json()["errors"], json!([]));
}
