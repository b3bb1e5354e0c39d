//! Namespaces that did not opt in: failures of boundtoken must not slow their Pods down.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::traffic::creations;

/// How many Pods are created in each.
const COUNT: usize = 30;

/// The shortest time of a creation whose call of boundtoken times out (`timeoutSeconds`).
const IN_VAIN: Duration = Duration::from_secs(5);

/// Such Namespaces, each with the median time of a creation there.
pub(crate) struct Others(Vec<(String, Duration)>);

impl Others {
    /// Creates Pods in one without the label, in kube-system and in boundtoken's own, while boundtoken is well.
    pub(crate) async fn measure(cluster: &Cluster, unlabelled: &str) -> Self {
        let mut others = Vec::new();
        for namespace in [&cluster.namespace(unlabelled, None).await, "kube-system", "boundtoken"] {
            let (usual, _) = creations(&cluster.api, namespace, COUNT).await;
            others.push((namespace.to_owned(), usual));
        }
        Self(others)
    }

    /// They take as long as before.
    pub(crate) async fn assert_undisturbed(&self, cluster: &Cluster) {
        for (namespace, usual) in &self.0 {
            let (median, longest) = creations(&cluster.api, namespace, COUNT).await;
            println!(
                "{COUNT} Pods in {namespace}: median {median:.1?}, before {usual:.1?}; longest {longest:.1?}"
            );
            // The machine may have other things to do; a webhook that is asked costs more than that.
            assert!(
                median <= *usual * 3 + Duration::from_millis(50),
                "{namespace}: {median:?}, not {usual:?}"
            );
            assert!(longest < IN_VAIN, "{namespace}: {longest:?}");
        }
    }
}
