//! Namespaces that have not opted in: failures of boundtoken must not slow down their Pods.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::traffic::creations;

/// The number of Pods that are created in each Namespace.
const COUNT: usize = 30;

/// The timeout of a call of boundtoken (`timeoutSeconds`): a creation that waits for one takes longer.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Namespaces that have not opted in, each with the median time of a creation in it.
pub(crate) struct Others(Vec<(String, Duration)>);

impl Others {
    /// Creates Pods in a Namespace without the label, in kube-system and in boundtoken's, while boundtoken is
    /// healthy.
    pub(crate) async fn measure(cluster: &Cluster, unlabelled: &str) -> Self {
        let mut others = Vec::new();
        for namespace in [&cluster.namespace(unlabelled, None).await, "kube-system", "boundtoken"] {
            let (usual, _) = creations(&cluster.api, namespace, COUNT).await;
            others.push((namespace.to_owned(), usual));
        }
        Self(others)
    }

    /// Asserts that creations take as long as before.
    pub(crate) async fn assert_undisturbed(&self, cluster: &Cluster) {
        for (namespace, usual) in &self.0 {
            let (median, longest) = creations(&cluster.api, namespace, COUNT).await;
            println!(
                "{COUNT} Pods in {namespace}: median {median:.1?}, before {usual:.1?}; longest {longest:.1?}"
            );
            // The limit has a margin for a busy machine. A call of an unreachable webhook takes longer than
            // that.
            assert!(
                median <= *usual * 3 + Duration::from_millis(50),
                "{namespace}: {median:?}, not {usual:?}"
            );
            assert!(longest < CALL_TIMEOUT, "{namespace}: {longest:?}");
        }
    }
}
