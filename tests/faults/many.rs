//! Twenty replicas that observe an empty Secret at the same moment make one CA.

use std::sync::Arc;

use futures_util::future::join_all;
use http::Method;

use crate::Faults;
use crate::installed::{Installed, Replica};
use crate::support::control_plane::eventually;
use crate::table::Measuring;
use crate::traffic::Creator;
use crate::trust::settled;
use crate::written::Writes;

const REPLICAS: usize = 20;

/// Twenty processes start with an empty Secret.
pub(crate) async fn started_at_once(faults: Arc<Faults>) {
    for run in 0..faults.size.damage.mass_starts {
        let _turn = faults.turn().await;
        let name = format!("many-started-{run}");
        let installed = Arc::new(Installed::new(&faults.plane, &name).await);
        let writes = Writes::watch(&installed).await;
        let replicas = start(&installed, &writes).await;
        one_authority(&faults, &name, &installed, &writes, replicas).await;
    }
}

/// Twenty running replicas observe the empty Secret at the same moment.
pub(crate) async fn notified_at_once(faults: Arc<Faults>) {
    for run in 0..faults.size.damage.mass_starts {
        let _turn = faults.turn().await;
        let name = format!("many-notified-{run}");
        let installed = Arc::new(Installed::new(&faults.plane, &name).await);
        let api = &faults.plane.api;
        api.send(Method::DELETE, &installed.secret_path(), None).await.unwrap().ok().unwrap();
        let writes = Writes::watch(&installed).await;
        let replicas = start(&installed, &writes).await;
        for replica in &replicas {
            eventually("a replica that misses the Secret", async || {
                let readiness = replica.serving.admin().await.get("/readyz?verbose").await.body;
                if readiness.contains("contains no serving certificate yet") {
                    Ok(())
                } else {
                    Err(readiness)
                }
            })
            .await;
        }
        api.create(&installed.manifest_of("Secret")).await.unwrap();
        one_authority(&faults, &name, &installed, &writes, replicas).await;
    }
}

async fn start(installed: &Arc<Installed>, writes: &Writes) -> Vec<Replica> {
    let starts = (0..REPLICAS).map(|_| {
        let (installed, kubeconfig) = (Arc::clone(installed), writes.kubeconfig.clone());
        tokio::spawn(async move { installed.replica_by(&kubeconfig, &[]).await })
    });
    join_all(starts).await.into_iter().map(Result::unwrap).collect()
}

/// Asserts one CA and one write of each object, and that all replicas serve a certificate that the bundle
/// verifies.
async fn one_authority(
    faults: &Faults,
    name: &str,
    installed: &Installed,
    writes: &Writes,
    replicas: Vec<Replica>,
) {
    let replicas = join_all(replicas.into_iter().map(Replica::ready)).await;
    settled(installed, &replicas).await.unwrap();
    let creator = Creator::new(installed, &faults.apis()).await;
    let measuring = Measuring::start(name, installed, &faults.apis()).await;
    creator.burst(4 * REPLICAS).await;
    creator.burst(4 * REPLICAS).await;
    let row = measuring.finish(&creator).await.noted(format!("{writes}, of {} tries", writes.tries()));
    row.assert_zero();
    assert_eq!((writes.secret(), writes.configuration()), (1, 1));
    settled(installed, &replicas).await.unwrap();
    faults.report(row);
}
