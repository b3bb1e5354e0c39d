//! Pods with mounts near `/srv/conf/creds`: in which of them a token can be mounted there.
//!
//! The Secret `conf` and the ConfigMap `conf` have the key `key`.

use serde_json::{Value, json};

/// A Pod with one container `app`.
pub struct Nested {
    /// What the container mounts.
    pub name: &'static str,
    /// Its volumes, as JSON.
    volumes: &'static str,
    /// Its mounts, as JSON.
    mounts: &'static str,
}

impl Nested {
    /// The spec of the Pod.
    pub fn spec(&self, image: &str) -> Value {
        let parse = |text: &str| serde_json::from_str::<Value>(text).expect(text);
        json!({
            "terminationGracePeriodSeconds": 0,
            "volumes": parse(self.volumes),
            "containers": [{
                "name": "app", "image": image, "command": ["sleep", "infinity"], "volumeMounts": parse(self.mounts),
            }],
        })
    }
}

/// The name of the Pod with a file at the path of the token.
pub const INSIDE: &str = "file-at-the-token";

/// The name of the Pod with a file above the directory.
pub const ABOVE: &str = "secret-by-sub-path";

/// Mounts beside which the container starts with the token.
pub const WORKS: &[Nested] = &[
    Nested { name: "nothing", volumes: "[]", mounts: "[]" },
    Nested {
        name: "secret",
        volumes: r#"[{"name": "v", "secret": {"secretName": "conf"}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf"}]"#,
    },
    Nested {
        name: "secret-read-only",
        volumes: r#"[{"name": "v", "secret": {"secretName": "conf"}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/", "readOnly": true}]"#,
    },
    Nested {
        name: "config-map-read-only",
        volumes: r#"[{"name": "v", "configMap": {"name": "conf"}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv", "readOnly": true}]"#,
    },
    Nested {
        name: "config-map-recursively-read-only",
        volumes: r#"[{"name": "v", "configMap": {"name": "conf"}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf", "readOnly": true, "recursiveReadOnly": "IfPossible"}]"#,
    },
    Nested {
        name: "downward-api",
        volumes: r#"[{"name": "v", "downwardAPI": {"items": [
            {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf", "readOnly": true}]"#,
    },
    Nested {
        name: "projected-read-only",
        volumes: r#"[{"name": "v", "projected": {"sources": [
            {"secret": {"name": "conf"}}, {"serviceAccountToken": {"path": "mine"}}]}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf", "readOnly": true}]"#,
    },
    Nested {
        name: "empty-dir",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf"}]"#,
    },
    Nested {
        name: "directory-by-sub-path",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf", "subPath": "part"}]"#,
    },
    Nested {
        name: "empty-dir-below-a-secret",
        volumes: r#"[{"name": "v", "emptyDir": {}}, {"name": "s", "secret": {"secretName": "conf"}}]"#,
        mounts: r#"[{"name": "s", "mountPath": "/srv", "readOnly": true}, {"name": "v", "mountPath": "/srv/conf"}]"#,
    },
    Nested {
        name: "read-only-beside",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf-old", "readOnly": true}]"#,
    },
    Nested {
        name: "empty-dir-inside",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/creds/cache"}]"#,
    },
    Nested {
        name: "read-only-empty-dir-inside",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/creds/a/b/c", "readOnly": true}]"#,
    },
    Nested {
        name: "config-map-inside",
        volumes: r#"[{"name": "v", "configMap": {"name": "conf"}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/creds/more", "readOnly": true}]"#,
    },
    Nested {
        name: "directory-by-sub-path-inside",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/creds/part", "subPath": "part"}]"#,
    },
    Nested {
        name: "relative-empty-dir",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "srv/conf"}]"#,
    },
    Nested {
        name: "secret-with-dots",
        volumes: r#"[{"name": "v", "secret": {"secretName": "conf"}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/old/../conf", "readOnly": true}]"#,
    },
    Nested {
        name: "read-only-beside-with-dots",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/../old", "readOnly": true}]"#,
    },
    Nested {
        name: "hidden-empty-dir-inside",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/creds/..cache"}]"#,
    },
];

/// Mounts beside which the container would not start with the token, or would lose what it mounts.
pub const FAILS: &[Nested] = &[
    Nested {
        name: "read-only",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf", "readOnly": true}]"#,
    },
    Nested {
        name: "recursively-read-only",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv", "readOnly": true, "recursiveReadOnly": "IfPossible"}]"#,
    },
    Nested {
        name: "read-only-below-writable",
        volumes: r#"[{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "w", "mountPath": "/srv"}, {"name": "v", "mountPath": "/srv/conf", "readOnly": true}]"#,
    },
    Nested {
        name: "read-only-part",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf", "subPath": "part", "readOnly": true}]"#,
    },
    Nested {
        name: ABOVE,
        volumes: r#"[{"name": "v", "secret": {"secretName": "conf"}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf", "subPath": "key"}]"#,
    },
    Nested {
        name: "config-map-by-sub-path",
        volumes: r#"[{"name": "v", "configMap": {"name": "conf"}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf", "subPath": "key"}]"#,
    },
    Nested {
        name: "two-at-one-directory",
        volumes: r#"[{"name": "v", "emptyDir": {}}, {"name": "c", "configMap": {"name": "conf"}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/old/../conf"}, {"name": "c", "mountPath": "srv/conf", "subPath": "part"}]"#,
    },
    Nested {
        name: "token-by-sub-path",
        volumes: r#"[{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "mine"}}]}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf", "subPath": "mine"}]"#,
    },
    Nested {
        name: "token-of-the-name",
        volumes: r#"[{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "creds"}}]}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf"}]"#,
    },
    Nested {
        name: "key-in-a-directory-of-the-name",
        volumes: r#"[{"name": "v", "secret": {"secretName": "conf", "items": [{"key": "key", "path": "creds/k"}]}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf"}]"#,
    },
    Nested {
        name: INSIDE,
        volumes: r#"[{"name": "v", "configMap": {"name": "conf"}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/creds/token", "subPath": "key"}]"#,
    },
    Nested {
        name: "file-beside-the-token",
        volumes: r#"[{"name": "v", "configMap": {"name": "conf"}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/creds/extra", "subPath": "key"}]"#,
    },
    Nested {
        name: "directory-at-the-token",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/creds/token"}]"#,
    },
    Nested {
        name: "directory-below-the-token",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/creds/token/x"}]"#,
    },
    Nested {
        name: "taken",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/creds/"}]"#,
    },
    Nested {
        name: "taken-with-dots",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/old/../creds"}]"#,
    },
    Nested {
        name: "read-only-with-dots",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/../srv/old/../conf", "readOnly": true}]"#,
    },
    Nested {
        name: "relative-secret",
        volumes: r#"[{"name": "v", "secret": {"secretName": "conf"}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "srv/conf"}]"#,
    },
    Nested {
        name: "relative-empty-dir-inside",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "srv/conf/creds/cache"}]"#,
    },
    Nested {
        name: "data-directory-of-the-kubelet",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/creds/..data"}]"#,
    },
    Nested {
        name: "temporary-link-of-the-kubelet",
        volumes: r#"[{"name": "v", "emptyDir": {}}]"#,
        mounts: r#"[{"name": "v", "mountPath": "/srv/conf/creds/..data_tmp/x"}]"#,
    },
];
