//! The background tasks that keep settings and certificates up to date while the program runs.

use std::future::pending;
use std::panic::resume_unwind;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// How often files are checked for changes. The kubelet itself needs up to 100 s to update a volume, so this
/// adds little.
pub const TICK: Duration = Duration::from_secs(5);

/// The background tasks of a server. None of them ends unless it has a defect.
#[derive(Debug, Default)]
pub struct BackgroundTasks(Vec<(&'static str, JoinHandle<()>)>);

impl BackgroundTasks {
    /// Starts a task that calls `reload` every [`TICK`]. `reload` logs its own errors.
    pub fn reload<F: Send + 'static>(&mut self, name: &'static str, files: F, reload: fn(&mut F)) {
        self.spawn(name, reload_every_tick(files, reload));
    }

    /// Starts a task that runs without end.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push((name, tokio::spawn(log_exit(name, tokio::spawn(task)))));
    }

    /// Checks that every task is running. After one has stopped, only a restart helps.
    ///
    /// # Errors
    /// When a task has stopped. The error is the reason for `/readyz` and `/livez`.
    pub fn check(&self) -> Result<(), String> {
        match self.0.iter().find(|(_, task)| task.is_finished()) {
            Some((name, _)) => Err(format!("background task {name:?} stopped; restart required")),
            None => Ok(()),
        }
    }
}

/// Waits for a task to stop, and logs it.
async fn log_exit(name: &'static str, task: JoinHandle<()>) {
    let error = match task.await {
        Ok(()) => "it returned".to_owned(),
        // The runtime is shutting down.
        Err(error) if error.is_cancelled() => return,
        Err(error) => error.to_string(),
    };
    tracing::error!(name, error, "a background task stopped; restart required");
}

/// Reloads on a thread that may block. Panics if `reload` does.
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
                // The runtime is shutting down. To return would be logged as a defect.
                Err(_) => return pending().await,
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
        let mut tasks = BackgroundTasks::default();
        tasks.reload("files", sender, |sender| sender.send(tokio::time::Instant::now()).unwrap());
        let first = reloads.recv().await.unwrap();
        let second = reloads.recv().await.unwrap();
        assert!((TICK..TICK * 2).contains(&(second - first)));
        assert_eq!(tasks.check(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panicking_task_is_logged() {
        let mut tasks = BackgroundTasks::default();
        tasks.reload("certificate", (), |()| {});
        tasks.reload("Namespaces", 1, |rest| *rest = u8::checked_sub(*rest, 1).unwrap());
        tokio::time::sleep(TICK / 2).await;
        assert_eq!(tasks.check(), Ok(()));
        tokio::time::sleep(TICK * 2).await;
        let reason = "background task \"Namespaces\" stopped; restart required".to_owned();
        assert_eq!(tasks.check(), Err(reason));
    }

    #[tokio::test(start_paused = true)]
    async fn every_exit_is_logged() {
        let (log, mut tasks) = (Log::default(), BackgroundTasks::default());
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        let _guard = tracing::subscriber::set_default(subscriber.finish());
        tasks.spawn("certificate", async {});
        tasks.spawn("Namespaces", async { panic!("a defect") });
        tasks.reload("file", (), |()| panic!("a defect of a file"));
        tokio::time::sleep(TICK).await;
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("a background task stopped; restart required").count(), 3, "{text}");
        for (name, error) in
            [("certificate", "it returned"), ("Namespaces", "a defect"), ("file", "of a file")]
        {
            let reports = |line: &str| line.contains(&format!("name=\"{name}\"")) && line.contains(error);
            assert!(text.lines().any(reports), "{text}");
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
