//! Polls until a condition is met by another process.

use std::fmt::Debug;
use std::time::Duration;

/// The result of an attempt: the wanted value, or a description of the current state.
pub(crate) trait Asked {
    type Wanted;
    type Instead: Debug;

    fn wanted(self) -> Result<Self::Wanted, Self::Instead>;
}

impl<T> Asked for Option<T> {
    type Wanted = T;
    type Instead = ();

    fn wanted(self) -> Result<T, ()> {
        self.ok_or(())
    }
}

impl<T, E: Debug> Asked for Result<T, E> {
    type Wanted = T;
    type Instead = E;

    fn wanted(self) -> Self {
        self
    }
}

/// Polls up to a limit that is generous even for a busy machine.
pub(crate) async fn eventually<A: Asked>(what: &str, mut ask: impl AsyncFnMut() -> A) -> A::Wanted {
    eventually_within(Duration::from_mins(3), what, &mut ask).await
}

/// Like [`eventually`], with another limit.
pub(crate) async fn eventually_within<A: Asked>(
    patience: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> A,
) -> A::Wanted {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let mut last = None;
    let asking = async {
        loop {
            ticks.tick().await;
            match ask().await.wanted() {
                Ok(answer) => return answer,
                Err(instead) => last = Some(instead),
            }
        }
    };
    let answer = tokio::time::timeout(patience, asking).await;
    answer.unwrap_or_else(|_| panic!("{what}: not within {patience:?}; at last {last:?}"))
}
