//! The tasks that keep something up to date, for as long as the program runs.

use std::panic::resume_unwind;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// How often files are looked at. The kubelet itself needs up to 100 s to bring
/// a change into a volume, so nobody waits for this.
pub const TICK: Duration = Duration::from_secs(5);

/// The tasks that keep something up to date.
#[derive(Debug, Default)]
pub struct Watchers(Vec<(&'static str, JoinHandle<()>)>);

impl Watchers {
    /// Calls `reload` every [`TICK`] from here on. It logs mistakes itself: nobody waits for an answer.
    pub fn watch<F: Send + 'static>(&mut self, name: &'static str, files: F, reload: fn(&mut F)) {
        self.run(name, reload_every_tick(files, reload));
    }

    /// Runs what looks after something else than files, without end.
    pub fn run(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push((name, tokio::spawn(tell_end(name, tokio::spawn(task)))));
    }

    /// Whether changes are still seen; once they are not, nothing but a restart helps.
    ///
    /// # Errors
    /// The reason for `/readyz` and `/livez`.
    pub fn check(&self) -> Result<(), String> {
        match self.0.iter().find(|(_, task)| task.is_finished()) {
            Some((name, _)) => Err(format!("changes of the {name} are no longer seen; restart")),
            None => Ok(()),
        }
    }
}

/// Waits for the end that no task should have.
async fn tell_end(name: &'static str, task: JoinHandle<()>) {
    let error = match task.await {
        Ok(()) => "it ended".to_owned(),
        // So does the program.
        Err(error) if error.is_cancelled() => return,
        Err(error) => error.to_string(),
    };
    tracing::error!(name, error, "changes are no longer seen; restart");
}

/// Reloads on a thread that may block, and panics as `reload` does.
async fn reload_every_tick<F: Send + 'static>(mut files: F, reload: fn(&mut F)) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let reloaded = tokio::task::spawn_blocking(move || {
            reload(&mut files);
            files
        });
        match reloaded.await {
            Ok(back) => files = back,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => return,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn files_are_reloaded_on_every_tick() {
        let (sender, mut reloads) = tokio::sync::mpsc::unbounded_channel();
        let mut watchers = Watchers::default();
        watchers.watch("files", sender, |sender| sender.send(tokio::time::Instant::now()).unwrap());
        let first = reloads.recv().await.unwrap();
        let second = reloads.recv().await.unwrap();
        assert!((TICK..TICK * 2).contains(&(second - first)));
        assert_eq!(watchers.check(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panicking_task_is_logged() {
        let mut watchers = Watchers::default();
        watchers.watch("certificate", (), |()| {});
        watchers.watch("Namespaces", 1, |rest| *rest = u8::checked_sub(*rest, 1).unwrap());
        tokio::time::sleep(TICK / 2).await;
        assert_eq!(watchers.check(), Ok(()));
        tokio::time::sleep(TICK * 2).await;
        let reason = "changes of the Namespaces are no longer seen; restart".to_owned();
        assert_eq!(watchers.check(), Err(reason));
    }

    #[tokio::test(start_paused = true)]
    async fn every_exit_is_logged() {
        let (log, mut watchers) = (Log::default(), Watchers::default());
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        let _guard = tracing::subscriber::set_default(subscriber.finish());
        watchers.run("certificate", async {});
        watchers.run("Namespaces", async { panic!("a defect") });
        watchers.watch("file", (), |()| panic!("a defect of a file"));
        tokio::time::sleep(TICK).await;
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("changes are no longer seen; restart").count(), 3, "{text}");
        for (name, error) in [("certificate", "it ended"), ("Namespaces", "a defect"), ("file", "of a file")]
        {
            let told = |line: &str| line.contains(&format!("name=\"{name}\"")) && line.contains(error);
            assert!(text.lines().any(told), "{text}");
        }
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().map_err(|_| io::ErrorKind::Other)?.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
