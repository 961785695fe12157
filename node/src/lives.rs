//! Which data directories the members have, as far as this node's log is committed: what a change
//! that may yet be taken back says of a node is not held against it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use replica::ReplicaStatus;
use replica::grpc::LifeOf;
use tokio::sync::watch;

/// Looks a node's life up. One that has left keeps the life it had: ordinals are never used again.
pub(crate) fn of_members(status: watch::Receiver<ReplicaStatus>) -> LifeOf {
    let known = Mutex::new(Known::default());
    Arc::new(move |ordinal| {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.learn(&status.borrow());
        known.lives.get(&ordinal).cloned()
    })
}

#[derive(Debug, Default)]
struct Known {
    /// The position of the membership that was learnt last.
    at: Option<u64>,
    lives: BTreeMap<u64, String>,
}

impl Known {
    fn learn(&mut self, status: &ReplicaStatus) {
        let committed = status.committed.max(status.applied);
        if status.membership_index == self.at || status.membership_index > committed {
            return;
        }
        self.at = status.membership_index;
        let nodes = status.members.nodes.iter();
        let lives = nodes.map(|(ordinal, node)| (*ordinal, node.incarnation.clone()));
        self.lives.extend(lives);
    }
}

#[cfg(test)]
mod tests {
    use replica::{Members, PeerNode, Role};

    use super::*;

    fn status(at: u64, committed: u64, nodes: &[(u64, &str)]) -> ReplicaStatus {
        let node = |(ordinal, life): &(u64, &str)| {
            let node = PeerNode {
                incarnation: (*life).to_owned(),
                ..PeerNode::default()
            };
            (*ordinal, node)
        };
        ReplicaStatus {
            ordinal: 1,
            leader: None,
            role: Role::Follower,
            term: 1,
            last_log: Some(at),
            committed: Some(committed),
            applied: None,
            snapshot: None,
            purged: None,
            members: Members {
                voters: nodes.iter().map(|(ordinal, _)| *ordinal).collect(),
                nodes: nodes.iter().map(node).collect(),
            },
            membership_index: Some(at),
            joint: false,
            matched: BTreeMap::new(),
            quorum_ack_ms_ago: None,
            answered_ms_ago: BTreeMap::new(),
            failure: None,
        }
    }

    #[test]
    fn only_what_is_committed_is_known_and_it_is_not_forgotten() {
        let (sender, receiver) = watch::channel(status(0, 0, &[(1, "a"), (2, "b")]));
        let life_of = of_members(receiver);
        assert_eq!(life_of(2).as_deref(), Some("b"));
        assert_eq!(life_of(3), None);
        sender.send_replace(status(5, 4, &[(1, "a"), (2, "b"), (3, "c")]));
        assert_eq!(life_of(3), None);
        sender.send_replace(status(6, 6, &[(1, "a"), (3, "d")]));
        assert_eq!(life_of(3).as_deref(), Some("d"));
        assert_eq!(life_of(2).as_deref(), Some("b"));
    }
}
