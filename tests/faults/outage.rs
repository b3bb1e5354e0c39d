//! How long creates fail after damage that nobody who serves can prevent, such as an emptied `caBundle`.

use std::fmt;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::control_plane::Api;
use crate::traffic::Creator;

/// What became of Pods that were asked for through every API server, without storing them.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    pub(crate) tried: usize,
    pub(crate) failed: usize,
    /// From the beginning until the last failure.
    pub(crate) lasted: Duration,
    last: Option<String>,
}

impl Outage {
    /// Tries as long as `meanwhile` takes; it counts from its beginning.
    pub(crate) async fn during<T>(creator: &Creator, meanwhile: impl Future<Output = T>) -> (Self, T) {
        let (began, end) = (Instant::now(), CancellationToken::new());
        let trying = join_all(creator.apis().iter().map(|api| tries(creator, api, began, &end)));
        let (outages, done) = tokio::join!(trying, async {
            let done = meanwhile.await;
            end.cancel();
            done
        });
        (outages.into_iter().fold(Self::default(), Self::and), done)
    }

    fn and(self, other: Self) -> Self {
        let last = if other.lasted > self.lasted { other.last } else { self.last };
        let lasted = self.lasted.max(other.lasted);
        Self { tried: self.tried + other.tried, failed: self.failed + other.failed, lasted, last }
    }
}

async fn tries(creator: &Creator, api: &Api, began: Instant, end: &CancellationToken) -> Outage {
    let (mut outage, mut ticks) = (Outage::default(), interval(Duration::from_millis(25)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while end.run_until_cancelled(ticks.tick()).await.is_some() {
        outage.tried += 1;
        if let Err(error) = creator.dry_run(api).await {
            outage.failed += 1;
            outage.lasted = began.elapsed();
            outage.last = Some(error);
        }
    }
    outage
}

impl fmt::Display for Outage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tried, failed, lasted, .. } = self;
        write!(formatter, "{failed} of {tried} failed, the last after {:.2} s", lasted.as_secs_f64())
    }
}
