//! How long creates fail after damage that no replica can prevent, such as an emptied `caBundle`.

use std::fmt;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::support::control_plane::Api;
use crate::traffic::Creator;

/// The results of dry-run creates through every API server.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    tried: usize,
    failed: usize,
    /// The times of the first and the last failure.
    span: Option<(Instant, Instant)>,
    last: String,
}

impl Outage {
    /// Creates Pods by dry run until `meanwhile` completes.
    pub(crate) async fn during<T>(creator: &Creator, meanwhile: impl Future<Output = T>) -> (Self, T) {
        let end = CancellationToken::new();
        let trying: Vec<_> = creator
            .apis()
            .iter()
            .map(|api| tokio::spawn(tries(creator.clone(), api.clone(), end.clone())))
            .collect();
        let done = meanwhile.await;
        end.cancel();
        let outages = join_all(trying).await.into_iter().map(Result::unwrap);
        (outages.fold(Self::default(), Self::and), done)
    }

    /// The time from the first to the last failure.
    pub(crate) fn lasted(&self) -> Duration {
        self.span.map_or(Duration::ZERO, |(first, last)| last - first)
    }

    fn note(&mut self, began: Instant, outcome: Result<(), String>) {
        self.tried += 1;
        if let Err(error) = outcome {
            self.failed += 1;
            self.span = Some((self.span.map_or(began, |(first, _)| first), Instant::now()));
            self.last = error;
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.tried += other.tried;
        self.failed += other.failed;
        if let Some((first, last)) = other.span {
            let (one, two) = self.span.unwrap_or((first, last));
            self.span = Some((one.min(first), two.max(last)));
            self.last = other.last;
        }
        self
    }
}

async fn tries(creator: Creator, api: Api, end: CancellationToken) -> Outage {
    let (mut outage, mut ticks) = (Outage::default(), interval(Duration::from_millis(25)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while end.run_until_cancelled(ticks.tick()).await.is_some() {
        let began = Instant::now();
        outage.note(began, creator.dry_run(&api).await);
    }
    outage
}

impl fmt::Display for Outage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tried, failed, .. } = self;
        write!(formatter, "{failed} of {tried} creates failed within {:.2} s", self.lasted().as_secs_f64())
    }
}
