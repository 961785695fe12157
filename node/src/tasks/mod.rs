//! The node's background tasks: each has a name, all are told to stop together, and each is
//! awaited. A task that panics is the end of the node, because nobody would miss it otherwise.

pub(crate) mod cosign;
pub(crate) mod gossip;
pub(crate) mod observe;
pub(crate) mod publish;
pub(crate) mod witness;

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a task may take to notice that it is to stop.
const STOPPING: Duration = Duration::from_secs(5);

/// The tasks of one node.
#[derive(Debug)]
pub(crate) struct Tasks {
    stop: CancellationToken,
    running: Mutex<Vec<(&'static str, JoinHandle<()>)>>,
    broken: CancellationToken,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self {
            stop: CancellationToken::new(),
            running: Mutex::new(Vec::new()),
            broken: CancellationToken::new(),
        }
    }

    /// Is cancelled when the tasks are to stop.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Resolves when a task has ended by a panic.
    pub(crate) async fn broken(&self) {
        self.broken.cancelled().await;
    }

    /// Starts a task that ends soon after [`Tasks::stopping`] is cancelled.
    pub(crate) fn spawn(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let guard = Alarm {
            name,
            broken: self.broken.clone(),
        };
        let handle = tokio::spawn(async move {
            let _alarm = guard;
            work.await;
        });
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((name, handle));
    }

    /// Tells every task to stop and waits for each; one that does not stop in time is aborted.
    pub(crate) async fn finish(&self) {
        self.stop.cancel();
        let running =
            std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for (task, mut handle) in running {
            if tokio::time::timeout(STOPPING, &mut handle).await.is_err() {
                tracing::warn!(task, "a task did not stop in time");
                handle.abort();
            }
        }
    }
}

/// Raises the alarm when its task panics.
struct Alarm {
    name: &'static str,
    broken: CancellationToken,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.name, "a task panicked");
            self.broken.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_noticed() {
        let tasks = Tasks::new();
        tasks.spawn("calm", async {});
        tasks.spawn("broken", async { panic!("on purpose") });
        tasks.broken().await;
    }

    #[tokio::test]
    async fn every_task_is_told_to_stop_and_awaited() {
        let tasks = Tasks::new();
        let (stopping, (sender, receiver)) = (tasks.stopping(), tokio::sync::oneshot::channel());
        tasks.spawn("waits", async move {
            stopping.cancelled().await;
            let _ = sender.send(());
        });
        tasks.finish().await;
        receiver.await.unwrap();
        assert!(!tasks.broken.is_cancelled());
    }
}
