//! A node whose log a power cut has torn.
//!
//! What was torn off may have been acknowledged: entries to a leader, or a vote to a candidate. If
//! the node voted again before it holds those entries again, a leader without them could be
//! elected and they would be gone. So it neither votes nor stands until a leader has replicated an
//! entry of its own term to it: then everything committed before is in its log again.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Whether this node's log is whole.
#[derive(Debug)]
pub(crate) struct Mending {
    torn: AtomicBool,
    /// Rung when a leader's own entry is on disk.
    supplied: Notify,
}

impl Mending {
    pub(crate) fn new(torn: bool) -> Self {
        Self {
            torn: AtomicBool::new(torn),
            supplied: Notify::new(),
        }
    }

    /// Whether the node may not vote.
    pub(crate) fn is_torn(&self) -> bool {
        self.torn.load(Ordering::Acquire)
    }

    /// A leader's own entry, and so all before it, is on disk.
    pub(crate) fn supplied(&self) {
        self.supplied.notify_one();
    }

    /// Waits for a leader's own entry.
    pub(crate) async fn until_supplied(&self) {
        self.supplied.notified().await;
    }

    /// The log is noted as whole.
    pub(crate) fn mended(&self) {
        self.torn.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::stream::{self, StreamExt};

    use proto::raft;

    use crate::suite::others::{Others, members};
    use crate::suite::sim::disk::{SimDisk, SimState};
    use crate::types::{AppendEntries, Entry, LeaderId, LogId, Payload, Vote};
    use crate::{Error, Refused, Replica, ReplicaConfig, wire};

    async fn node_three(disk: &SimDisk) -> Replica<SimState> {
        let log = Arc::new(disk.log());
        let state = Arc::new(disk.state());
        let config = ReplicaConfig::new(3, 1);
        Replica::start(config, log, state, Arc::new(Others::default()))
            .await
            .unwrap()
    }

    fn candidate(term: u64) -> raft::VoteRequest {
        raft::VoteRequest {
            vote: Some(wire::vote_out(&Vote::new(term, 1))),
            last_log_id: Some(wire::log_id_out(at(term, 9))),
            leader_transfer: false,
        }
    }

    fn at(term: u64, index: u64) -> LogId {
        LogId::new(LeaderId { term, node_id: 1 }, index)
    }

    /// What node 1, leading in term 2, sends: the founding membership of term 1, and if `own` the
    /// blank entry its leadership begins with.
    fn entries(own: bool) -> raft::AppendRequest {
        let mut entries = vec![Entry {
            log_id: at(1, 0),
            payload: Payload::Membership(members()),
        }];
        entries.extend(own.then(|| Entry {
            log_id: at(2, 1),
            payload: Payload::Blank,
        }));
        wire::append_out(AppendEntries {
            vote: Vote::new_committed(2, 1),
            prev_log_id: None,
            entries,
            leader_commit: None,
        })
    }

    async fn send(replica: &Replica<SimState>, request: raft::AppendRequest) {
        let requests = stream::iter([Ok::<_, Refused>(request)]);
        let mut answers = replica.inbound().append(1, requests);
        let answer = answers.next().await.unwrap().unwrap();
        assert!(wire::appended_in(answer).unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_torn_log_does_not_vote_before_a_leader_has_mended_it() {
        let disk = SimDisk::new(1, 100..200);
        disk.tear();
        let replica = node_three(&disk).await;
        let inbound = replica.inbound();
        assert_eq!(inbound.vote(1, candidate(1)).await, Err(Refused::Mending));
        // An entry of an earlier leader proves nothing: the one torn off may lie behind it.
        send(&replica, entries(false)).await;
        assert_eq!(
            inbound.pre_vote(1, candidate(3)).await,
            Err(Refused::Mending)
        );
        send(&replica, entries(true)).await;
        while inbound.vote(1, candidate(3)).await == Err(Refused::Mending) {
            tokio::task::yield_now().await;
        }
        assert!(!disk.is_torn(), "the next start is to know, too");
        assert!(matches!(
            replica.read_barrier().await,
            Err(Error::NotLeader { .. })
        ));
        replica.shutdown().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_torn_log_may_be_accepted_by_a_person() {
        let disk = SimDisk::new(1, 100..200);
        disk.tear();
        let log = Arc::new(disk.log());
        let state = Arc::new(disk.state());
        let mut config = ReplicaConfig::new(3, 1);
        config.accept_torn_log = true;
        let replica = Replica::start(config, log, state, Arc::new(Others::default()))
            .await
            .unwrap();
        assert!(replica.inbound().vote(1, candidate(1)).await.is_ok());
        replica.shutdown().await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_orderly_end_is_no_failure() {
        let disk = SimDisk::new(1, 100..200);
        let replica = node_three(&disk).await;
        let watching = replica.clone();
        let failed = tokio::spawn(async move { watching.fatal().await });
        replica.shutdown().await;
        let waited = tokio::time::timeout(std::time::Duration::from_mins(1), failed).await;
        assert!(waited.is_err(), "{waited:?}");
    }
}
