//! The settings of a replica, all of them, with the reason for each default.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy};

use crate::error::Error;
use crate::mutant;
use crate::trace::Event;

/// How a replica behaves. [`ReplicaConfig::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct ReplicaConfig {
    /// This node's ordinal in the manifest, its Raft id.
    pub ordinal: u64,
    /// Where election timers take their randomness from. A node draws it from the operating
    /// system; a simulation repeats a run by giving the same one.
    pub seed: u64,
    /// A name for the cluster in log lines; the election's id.
    pub cluster: String,
    /// Where blocking work is done.
    pub workplace: Workplace,
    /// Takes a log whose end a power cut tore off as it is. For the one case in which every node
    /// has lost power and none is left to mend the others; a person decides that.
    pub accept_torn_log: bool,
    /// Who is told how long applying takes.
    pub observer: Arc<dyn Observer>,

    /// How often a leader proves that it lives. At least four times the slowest usual round trip,
    /// scheduling included: it is also the time a heartbeat may take.
    pub heartbeat: Duration,
    /// The shortest time without a leader after which a follower stands for election. At least
    /// three times (fsync + round trip): it is also the time a vote may take.
    pub election_min: Duration,
    /// The longest such time, and how long a leader may lead without hearing from a majority.
    pub election_max: Duration,
    /// Without a majority, a leader is silent and probes in turn for this long each, so that five
    /// nodes of which it reaches one do not wait for it for ever. At least twice `election_max`.
    pub quorum_loss_probe: Duration,
    /// An append stream with requests under way must show progress within this time.
    pub append_progress: Duration,
    /// A proposal that has no outcome by then is reported as unavailable. It may still be
    /// recorded.
    pub proposal_deadline: Duration,
    /// How long a whole snapshot may take, sending and installing.
    pub snapshot_deadline: Duration,
    /// The same for an offer of leadership.
    pub transfer_deadline: Duration,
    /// The same for a change of the membership, both its entries.
    pub membership_deadline: Duration,

    /// Most entries in one append request.
    pub append_entries: u64,
    /// Most bytes of entries in one append request; a single larger entry still goes.
    pub append_bytes: usize,
    /// Most entries applied and written in one step.
    pub apply_entries: usize,
    /// Proposals waiting to be taken into the log; beyond it proposing waits.
    pub queue: u64,
    /// A snapshot is made after this many entries.
    pub snapshot_every: u64,
    /// Entries kept although a snapshot covers them, so that a short absence is made good from
    /// the log. At least `snapshot_every`.
    pub keep_entries: u64,
    /// A follower further behind than this gets a snapshot. More than `keep_entries`.
    pub snapshot_behind: u64,
}

impl ReplicaConfig {
    /// The defaults: 40 ms heartbeats and elections after 120–160 ms, which on two busy cores is
    /// the shortest that does not flap and gives a new leader in about a third of a second.
    pub fn new(ordinal: u64, seed: u64) -> Self {
        Self {
            ordinal,
            seed,
            cluster: "tally".to_owned(),
            workplace: Workplace::Threads,
            accept_torn_log: false,
            observer: Arc::new(()),
            heartbeat: Duration::from_millis(40),
            election_min: Duration::from_millis(120),
            election_max: Duration::from_millis(160),
            quorum_loss_probe: Duration::from_millis(480),
            append_progress: Duration::from_millis(320),
            proposal_deadline: Duration::from_secs(5),
            snapshot_deadline: Duration::from_mins(2),
            transfer_deadline: Duration::from_millis(500),
            membership_deadline: Duration::from_secs(10),
            append_entries: 1024,
            append_bytes: 1024 * 1024,
            apply_entries: 128,
            queue: 8192,
            snapshot_every: 20_000,
            keep_entries: 20_000,
            snapshot_behind: 60_000,
        }
    }

    /// openraft's configuration for these settings.
    pub(crate) fn openraft(&self) -> Result<Config, Error> {
        if self.keep_entries < self.snapshot_every || self.snapshot_behind <= self.keep_entries {
            return Err(Error::Invalid {
                what: "snapshot_every <= keep_entries < snapshot_behind does not hold".to_owned(),
            });
        }
        let config = Config {
            cluster_name: self.cluster.clone(),
            heartbeat_interval: milliseconds(self.heartbeat),
            election_timeout_min: milliseconds(self.election_min),
            election_timeout_max: milliseconds(self.election_max),
            quorum_loss_probe_interval: (!mutant::is("no-probe"))
                .then(|| milliseconds(self.quorum_loss_probe)),
            install_snapshot_timeout: milliseconds(self.snapshot_deadline),
            max_payload_entries: self.append_entries,
            max_append_entries: Some(4096),
            api_channel_size: Some(self.queue),
            api_batch_capacity: 4096,
            api_batch_linger_ms: 0,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(self.snapshot_every),
            max_in_snapshot_log_to_keep: self.keep_entries,
            replication_lag_threshold: self.snapshot_behind,
            // Rewriting less than a sixteenth of what is kept is not worth the trouble.
            purge_batch_size: self.keep_entries.div_ceil(16).min(1024),
            backoff: "20ms ..200ms".to_owned(),
            // A node that cannot win must not disturb the leader by standing again and again.
            enable_pre_vote: Some(true),
            // A restarted leader whose state lags must not answer as if it still led.
            enable_leader_restore: Some(false),
            // A follower whose log shrank has lost data; it is not to be overwritten in silence.
            allow_log_reversion: None,
            ..Config::default()
        };
        config.validate().map_err(|error| Error::Invalid {
            what: format!("raft settings: {error}"),
        })
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Where blocking work (applying, reading old records, snapshots) is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workplace {
    /// On tokio's blocking threads: signatures are checked there without delaying a heartbeat.
    Threads,
    /// Where it is called. For simulations, whose order of events must not depend on threads.
    InPlace,
}

impl Workplace {
    /// Does `work`; an error when it panicked or the runtime is going down.
    pub(crate) async fn run<T, F>(self, work: F) -> io::Result<T>
    where
        F: FnOnce() -> io::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        match self {
            Self::Threads => tokio::task::spawn_blocking(work)
                .await
                .unwrap_or_else(|error| Err(io::Error::other(error))),
            Self::InPlace => work(),
        }
    }
}

/// Told of work done, for metrics. Called on the thread that did it: it must not block.
pub trait Observer: Send + Sync {
    /// One step of applying `entries` has been written.
    fn applied(&self, entries: usize, took: Duration);

    /// Something happened that a trace of the run records; by default nobody does.
    fn happened(&self, _event: &Event) {}
}

impl Observer for () {
    fn applied(&self, _entries: usize, _took: Duration) {}
}

impl fmt::Debug for dyn Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

#[cfg(test)]
mod tests {
    use super::ReplicaConfig;

    #[test]
    fn the_defaults_hold_together() {
        let config = ReplicaConfig::new(1, 0).openraft().unwrap();
        assert_eq!(config.enable_pre_vote, Some(true));
        assert_eq!(config.enable_leader_restore, Some(false));
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let mut shrunk = ReplicaConfig::new(1, 0);
        shrunk.keep_entries = 10;
        let mut hasty = ReplicaConfig::new(1, 0);
        hasty.election_min = hasty.heartbeat;
        for config in [shrunk, hasty] {
            assert!(config.openraft().is_err());
        }
    }
}
