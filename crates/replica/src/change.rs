//! Changing who takes part, one change at a time.
//!
//! Whoever asks for a change says at which log position the membership it has seen stands. If
//! another change came in between, the call ends with [`Error::Overtaken`] and nothing is written:
//! of two administrators one decides, the other looks again. Voters change in one joint step, so
//! every decision on the way has a majority of the old voters and one of the new.

use std::collections::{BTreeMap, BTreeSet};

use openraft::ChangeMembers;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError};
use openraft::raft::Precondition;
use tokio::time::timeout;

use crate::error::Error;
use crate::membership::{MAX_NODES, PeerNode};
use crate::seams::State;
use crate::types::TypeConfig;
use crate::{Replica, Role};

/// What becomes of a voter that loses its vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Former {
    /// It leaves.
    Leaves,
    /// It follows on without a vote.
    Follows,
}

impl<S: State> Replica<S> {
    /// Lets a node follow without a vote. It is sent everything from here on; how far it has come
    /// stands in the status as `matched`.
    ///
    /// A node that is a member with the same addresses and the same directory already is left as
    /// it is; one with another directory is refused, for it has forgotten what it promised.
    pub async fn add_learner(
        &self,
        expected: u64,
        ordinal: u64,
        node: PeerNode,
    ) -> Result<(), Error> {
        let status = self.status();
        if status.role != Role::Leader {
            return Err(self.leader_elsewhere());
        }
        let nodes = &status.members.nodes;
        match nodes.get(&ordinal) {
            Some(known) if *known == node => return Ok(()),
            Some(known) => {
                return Err(Error::Invalid {
                    what: format!(
                        "node {ordinal} is a member already, at {} with another data directory; \
                         an ordinal is never used again",
                        known.peer_address
                    ),
                });
            }
            None => {}
        }
        let clashes = nodes
            .values()
            .any(|known| known.name == node.name || known.peer_address == node.peer_address);
        if clashes || nodes.len() >= MAX_NODES {
            return Err(Error::Invalid {
                what: format!(
                    "node {ordinal} shares its name or its peer address with a member, or there \
                     are {MAX_NODES} members already"
                ),
            });
        }
        if let Some(problem) = node.problem() {
            return Err(Error::Invalid {
                what: problem.to_owned(),
            });
        }
        let change = ChangeMembers::AddNodes(BTreeMap::from([(ordinal, node)]));
        self.change(expected, change, true).await
    }

    /// Makes exactly `voters` the voters, in one joint step. Each must be a member; who was a
    /// voter and is none now leaves, or follows on. Ends a change that broke off between its two
    /// entries, too.
    pub async fn change_voters(
        &self,
        expected: u64,
        voters: BTreeSet<u64>,
        former: Former,
    ) -> Result<(), Error> {
        let status = self.status();
        if status.role != Role::Leader {
            return Err(self.leader_elsewhere());
        }
        if !status.joint && status.members.voters == voters {
            return Ok(());
        }
        let change = ChangeMembers::ReplaceAllVoters(voters);
        self.change(expected, change, former == Former::Follows)
            .await
    }

    /// Removes a node without a vote.
    pub async fn remove_learner(&self, expected: u64, ordinal: u64) -> Result<(), Error> {
        let status = self.status();
        if status.role != Role::Leader {
            return Err(self.leader_elsewhere());
        }
        if !status.members.nodes.contains_key(&ordinal) {
            return Ok(());
        }
        let change = ChangeMembers::RemoveNodes(BTreeSet::from([ordinal]));
        self.change(expected, change, true).await
    }

    /// Whether this node stands for election when it hears no leader. One that is about to be
    /// stopped does not.
    pub fn stand_for_election(&self, stands: bool) {
        self.inner.raft.runtime_config().elect(stands);
    }

    async fn change(
        &self,
        expected: u64,
        change: ChangeMembers<u64, PeerNode>,
        retain: bool,
    ) -> Result<(), Error> {
        let raft = &self.inner.raft;
        let found = *raft.metrics().borrow_watched().membership_config.log_id();
        let overtaken = |found: Option<u64>| Error::Overtaken {
            expected,
            found: found.unwrap_or_default(),
        };
        let Some(position) = found.filter(|found| found.index == expected) else {
            return Err(overtaken(found.map(|found| found.index)));
        };
        let guard = Precondition::LastMembershipLogId {
            last_membership_log_id: Some(position),
        };
        let changing = Box::pin(
            self.write(|| raft.change_membership_if(change.clone(), retain, [guard.clone()])),
        );
        let Ok(changed) = timeout(self.inner.config.membership_deadline, changing).await else {
            return Err(Error::Unavailable {
                what: "the membership did not change within its deadline; see where it stands",
            });
        };
        let now = || {
            let metrics = raft.metrics();
            let metrics = metrics.borrow_watched();
            let position = metrics.membership_config.log_id().as_ref();
            position.map(|log_id| log_id.index)
        };
        match changed {
            Ok(_) => Ok(()),
            Err(RaftError::Fatal(fatal)) => Err(Error::fatal(fatal)),
            Err(RaftError::APIError(ClientWriteError::PreconditionFailed(_))) => {
                Err(overtaken(now()))
            }
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(
                ChangeMembershipError::InProgress(_),
            ))) => Err(overtaken(now())),
            Err(RaftError::APIError(error)) => Err(self.not_changed(error)),
        }
    }

    fn not_changed(&self, error: ClientWriteError<TypeConfig>) -> Error {
        match error {
            error @ ClientWriteError::ChangeMembershipError(
                ChangeMembershipError::UncommittedLeaderLog(_),
            ) => {
                tracing::info!(%error, "the membership stays as it is for the moment");
                Error::Unavailable {
                    what: "this node has only just become the leader",
                }
            }
            error @ (ClientWriteError::ForwardToLeader(_)
            | ClientWriteError::LogEntryDiscarded(_)
            | ClientWriteError::ChangeMembershipError(_)
            | ClientWriteError::PreconditionFailed(_)) => self.not_written(error),
        }
    }

    fn leader_elsewhere(&self) -> Error {
        let status = self.status();
        let others = |leader: &u64| *leader != status.ordinal;
        Error::NotLeader {
            hint: status.leader.filter(others),
        }
    }
}
