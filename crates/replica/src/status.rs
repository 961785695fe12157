//! How a replica is doing, in words that are not openraft's.

use std::collections::BTreeMap;

use openraft::{Instant as _, ServerState};

use crate::membership::Members;
use crate::types::{LogId, Metrics};

/// A node's part in the cluster at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It orders the commands.
    Leader,
    /// It votes and follows.
    Follower,
    /// It stands for election.
    Candidate,
    /// It follows without a vote.
    Learner,
    /// It has stopped.
    Stopped,
}

/// How a replica is doing. Positions are log indexes; `None` where there is nothing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// This node's ordinal.
    pub ordinal: u64,
    /// The ordinal of the node that leads, as far as this one knows.
    pub leader: Option<u64>,
    /// This node's part.
    pub role: Role,
    /// The current term.
    pub term: u64,
    /// The last entry in this node's log, flushed or not.
    pub last_log: Option<u64>,
    /// The last entry this node knows to be committed.
    pub committed: Option<u64>,
    /// The last entry applied here.
    pub applied: Option<u64>,
    /// The last entry the current snapshot covers.
    pub snapshot: Option<u64>,
    /// The last entry removed from the log.
    pub purged: Option<u64>,
    /// The members, as the last membership entry has them.
    pub members: Members,
    /// The log position of that entry.
    pub membership_index: Option<u64>,
    /// Whether the membership is between two configurations.
    pub joint: bool,
    /// On the leader: how far each follower's log is known to agree.
    pub matched: BTreeMap<u64, Option<u64>>,
    /// On the leader: milliseconds since a majority last answered, as of when this status was
    /// made.
    pub quorum_ack_ms_ago: Option<u64>,
    /// On the leader: milliseconds since each other node last answered.
    pub answered_ms_ago: BTreeMap<u64, Option<u64>>,
    /// Why the replica has stopped, if it failed.
    pub failure: Option<String>,
}

impl From<&Metrics> for ReplicaStatus {
    fn from(metrics: &Metrics) -> Self {
        let index = |log_id: &Option<LogId>| log_id.map(|log_id| log_id.index);
        let failure = match &metrics.running_state {
            Ok(()) | Err(openraft::errors::Fatal::Stopped) => None,
            Err(fatal) => Some(fatal.to_string()),
        };
        let role = match metrics.state {
            _ if metrics.running_state.is_err() => Role::Stopped,
            ServerState::Leader => Role::Leader,
            ServerState::Follower => Role::Follower,
            ServerState::Candidate => Role::Candidate,
            ServerState::Learner => Role::Learner,
            ServerState::Shutdown => Role::Stopped,
        };
        let membership = metrics.membership_config.membership();
        let matched = metrics.replication.iter().flatten();
        let answered = metrics.heartbeat.iter().flatten();
        Self {
            ordinal: metrics.id,
            leader: metrics.current_leader,
            role,
            term: metrics.current_term,
            last_log: metrics.last_log_index,
            committed: index(&metrics.local_committed),
            applied: index(&metrics.last_applied),
            snapshot: index(&metrics.snapshot),
            purged: index(&metrics.purged),
            members: Members::from(membership),
            membership_index: index(metrics.membership_config.log_id()),
            joint: membership.get_joint_config().len() > 1,
            matched: matched
                .map(|(ordinal, log_id)| (*ordinal, index(log_id)))
                .collect(),
            quorum_ack_ms_ago: metrics
                .last_quorum_acked
                .map(|instant| milliseconds(instant.elapsed())),
            answered_ms_ago: answered
                .map(|(ordinal, instant)| {
                    (
                        *ordinal,
                        instant.map(|instant| milliseconds(instant.elapsed())),
                    )
                })
                .collect(),
            failure,
        }
    }
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
