//! The replica's source of randomness: one seed given at start, a new stream for each entry into
//! openraft. There is no other randomness in the crate.

use std::cell::Cell;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use openraft::rt::deterministic_rng::DeterministicRng;
use openraft::rt::task_local::TaskLocalFuture;
use openraft_rt_tokio::TokioRuntime;

/// Hands out seeds.
#[derive(Debug)]
pub(crate) struct Seeds(AtomicU64);

impl Seeds {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Runs `work` with random numbers of its own; whatever openraft spawns within inherits them.
    pub(crate) fn scope<F: Future>(&self, work: F) -> TaskLocalFuture<Cell<u64>, F> {
        let seed = self.0.fetch_add(1, Ordering::Relaxed);
        DeterministicRng::<TokioRuntime>::scope(seed, work)
    }
}
