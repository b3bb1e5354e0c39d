//! `examples` on the API server: each file is accepted, and Pods hold what the comments say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::pods::{DEFAULT, held, list};
use crate::shop::Terminal;
use crate::support::control_plane::ControlPlane;
use crate::support::control_plane::api::collection;
use crate::support::examples::{Example, manifests};
use crate::support::test_install::{TestInstall, namespace_of};

/// The name of the install, and the start of the names of its Namespaces.
const INSTALL: &str = "examples";

/// The objects of a file, all in a Namespace of its own.
struct Applied {
    example: Example,
    namespace: Value,
    objects: Vec<Value>,
}

impl Applied {
    fn of(example: Example) -> Self {
        let name = format!("{INSTALL}-{}", example.name.trim_end_matches(".yaml"));
        let mut namespace = namespace_of(INSTALL, &name, &[]);
        let (namespaces, mut objects): (Vec<Value>, Vec<Value>) =
            example.objects().into_iter().partition(|object| object["kind"] == "Namespace");
        for written in &namespaces {
            namespace["metadata"]["annotations"] = written["metadata"]["annotations"].clone();
            let label = &written["metadata"]["labels"]["boundtoken.dev/webhook"];
            namespace["metadata"]["labels"]["boundtoken.dev/webhook"] = label.clone();
        }
        for object in &mut objects {
            object["metadata"]["namespace"] = name.clone().into();
        }
        Self { example, namespace, objects }
    }

    fn namespace_name(&self) -> &str {
        self.namespace["metadata"]["name"].as_str().unwrap()
    }

    /// The rows of the result of the file as it is.
    fn expected(&self) -> BTreeMap<String, BTreeSet<String>> {
        let results = self.example.results();
        let as_it_is = results.iter().find(|(command, _)| !command.contains("--annotate"));
        let (_, rows) = as_it_is.unwrap();
        let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in rows.iter().filter_map(|row| row.strip_prefix("  ")) {
            let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
            let [container, audience, file, lives] = cells[..] else { panic!("{row}") };
            let held = expected.entry(container.to_owned()).or_default();
            held.extend(token(audience, file, lives.rsplit(" → ").next().unwrap()));
        }
        expected
    }
}

/// A row in the form of [`held`], unless there is no token afterwards.
fn token(audience: &str, file: &str, lives: &str) -> Option<String> {
    let audience = if audience == "API server" { "-" } else { audience };
    let file = file.replace("/var/run/…", DEFAULT);
    let (number, unit) = lives.split_once(' ').unwrap();
    let seconds = match unit {
        "h" => 3600 * number.parse::<u64>().unwrap(),
        "min" => 60 * number.parse::<u64>().unwrap(),
        _ => return None,
    };
    Some(format!("{file} {audience} {seconds}"))
}

/// A Namespace alone has no Pods, and the kinds of Argo CD and Flux are in [`crate::gitops`].
const WITHOUT_PODS: [&str; 3] = ["argo-cd.yaml", "flux.yaml", "namespace.yaml"];

pub(crate) async fn pods_hold_what_the_comments_say(plane: Arc<ControlPlane>) {
    let files = manifests().into_iter().filter(|example| !WITHOUT_PODS.contains(&example.name.as_str()));
    let files: Vec<Applied> = files.map(Applied::of).collect();
    assert!(files.len() >= 10, "only {} files", files.len());
    let namespaces = files.iter().map(|file| file.namespace.clone()).collect();
    let install = TestInstall::of("pods.boundtoken.dev", &plane, INSTALL, namespaces).await;
    let mut variables = BTreeSet::new();
    for file in &files {
        let pod = apply(&install, file).await;
        assert_eq!(held(&pod), file.expected(), "{}", file.example.name);
        variables.extend(variables_of_files(file, &pod));
    }
    let read_by_libraries = [
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AZURE_FEDERATED_TOKEN_FILE",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "PAYMENTS_TOKEN_FILE",
    ];
    assert_eq!(variables, read_by_libraries.map(str::to_owned).into());
}

/// Creates the objects, all of whose fields must be known, and returns a Pod of the workload.
async fn apply(install: &TestInstall, file: &Applied) -> Value {
    let mut pods = Vec::new();
    for object in &file.objects {
        let strict = format!("{}?fieldValidation=Strict", collection(object));
        let answer = install.plane.api.post(&strict, object).await;
        assert_eq!((answer.code, answer.warnings.len()), (201, 0), "{}: {answer:?}", file.example.name);
        let name = object["metadata"]["name"].as_str().unwrap();
        match object["kind"].as_str().unwrap() {
            "CronJob" => install.run_now(file.namespace_name(), name).await,
            "Deployment" => {}
            _ => continue,
        }
        pods.extend(install.pods_of(file.namespace_name(), name, 1).await);
    }
    pods.into_iter().next().unwrap()
}

/// The variables that name a file; each is a token or a file of a ConfigMap that is mounted, and a credential
/// configuration names a token.
fn variables_of_files(file: &Applied, pod: &Value) -> Vec<String> {
    let mut variables = Vec::new();
    let tokens: BTreeSet<String> =
        held(pod).values().flatten().map(|held| held.split(' ').next().unwrap().to_owned()).collect();
    for container in list(&pod["spec"]["containers"]) {
        let configured = configurations(file, pod, container);
        for variable in list(&container["env"]) {
            let value = variable["value"].as_str().unwrap();
            if value.starts_with('/') {
                let credentials =
                    configured.get(value).map(|text| serde_json::from_str::<Value>(text).unwrap());
                let token = credentials.map_or_else(
                    || value.to_owned(),
                    |credentials| credentials["credential_source"]["file"].as_str().unwrap().to_owned(),
                );
                assert!(tokens.contains(&token), "{}: {variable} in {tokens:?}", file.example.name);
                variables.push(variable["name"].as_str().unwrap().to_owned());
            }
        }
    }
    variables
}

/// The files that a container gets from `ConfigMaps`, with their texts.
fn configurations(file: &Applied, pod: &Value, container: &Value) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for mount in list(&container["volumeMounts"]) {
        let volume = list(&pod["spec"]["volumes"]).find(|volume| volume["name"] == mount["name"]).unwrap();
        let source = &volume["configMap"]["name"];
        let is_source =
            |object: &&Value| object["kind"] == "ConfigMap" && object["metadata"]["name"] == *source;
        let data = file.objects.iter().filter(is_source).filter_map(|object| object["data"].as_object());
        for (key, text) in data.flatten() {
            let path = format!("{}/{key}", mount["mountPath"].as_str().unwrap());
            files.insert(path, text.as_str().unwrap().to_owned());
        }
    }
    files
}

/// The Namespace of the Terraform example exists after the chart, and gives Pods the lifetime of its comment.
pub(crate) async fn terraform_creates_a_namespace_after_the_chart(plane: Arc<ControlPlane>) {
    let example = Example::named("terraform.tf");
    let body: Value = hcl::from_str(&example.text).unwrap();
    let chart = &body["resource"]["helm_release"]["boundtoken"];
    assert_eq!(
        (&chart["chart"], &chart["namespace"]),
        (&json!("${path.module}/../charts/boundtoken"), &json!("boundtoken"))
    );
    let resource = &body["resource"]["kubernetes_namespace_v1"]["payments"];
    assert_eq!(resource["depends_on"], json!(["${helm_release.boundtoken}"]));
    let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": resource["metadata"]});
    namespace["metadata"]["labels"]["install"] = "examples-terraform".into();
    let _install =
        TestInstall::of("pods.boundtoken.dev", &plane, "examples-terraform", vec![namespace]).await;
    let terminal = Terminal::of(&plane);
    let results = example.results();
    assert_eq!(results.len(), 2, "{results:?}");
    for (command, expected) in results {
        assert_eq!(terminal.type_in(&command).lines().collect::<Vec<_>>(), expected, "{command}");
    }
}

/// The label alone: `namespace.yaml` is accepted as it is, under another name.
pub(crate) async fn the_label_alone_is_accepted(plane: Arc<ControlPlane>) {
    let [mut namespace] = <[Value; 1]>::try_from(Example::named("namespace.yaml").objects()).unwrap();
    namespace["metadata"]["name"] = "examples-namespace".into();
    let answer = plane.api.post("/api/v1/namespaces?fieldValidation=Strict&dryRun=All", &namespace).await;
    assert_eq!((answer.code, answer.warnings.len()), (201, 0), "{answer:?}");
    let label = &answer.body["metadata"]["labels"]["boundtoken.dev/webhook"];
    assert_eq!(label, "enabled");
}
