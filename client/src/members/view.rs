//! What every node says of itself, side by side, and what follows from it.

use std::collections::BTreeSet;
use std::time::Duration;

use proto::v1::NodeStatus;
use proto::v1::node_status::Member;

use super::{Error, LOOK};
use crate::answer::Trouble;
use crate::clock::Clock;
use crate::cluster::statuses;
use crate::connection::{Connections, NodeAddress};

/// A follower within so many log entries of the leader has caught up; the leader asks for the same.
pub const NEAR: u64 = 250;

/// A member that has not answered the leader for so long is silent.
const SILENT_MS: u64 = 1_000;

/// One look at all nodes.
#[derive(Debug)]
pub struct View {
    /// Each address with what its node says, in the order of the addresses.
    pub nodes: Vec<(NodeAddress, Result<NodeStatus, Trouble>)>,
}

/// A node that answered.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'v> {
    /// Its number among the connections.
    pub index: usize,
    /// Where it is.
    pub address: &'v NodeAddress,
    /// What it says.
    pub says: &'v NodeStatus,
}

impl View {
    /// Asks every node.
    pub async fn of(connections: &Connections) -> View {
        View {
            nodes: statuses(connections).await,
        }
    }

    /// The nodes that answered.
    pub fn seen(&self) -> impl Iterator<Item = Seen<'_>> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter_map(|(index, (address, answer))| {
            answer.as_ref().ok().map(|says| Seen {
                index,
                address,
                says,
            })
        })
    }

    /// The node with this id.
    pub fn node(&self, id: &str) -> Result<Seen<'_>, Error> {
        let mut seen = self.seen();
        seen.find(|seen| seen.says.node == id)
            .ok_or_else(|| Error::NoSuchNode(id.to_owned()))
    }

    /// The node that leads by its own word; of two the one of the later term, for the other has
    /// only not heard of it yet.
    pub fn leader(&self) -> Result<Seen<'_>, Error> {
        let leads = self.seen().filter(|seen| seen.says.role == "leader");
        leads.max_by_key(|seen| seen.says.term).ok_or_else(|| {
            let silent = self.nodes.iter().filter_map(|(address, answer)| {
                let trouble = answer.as_ref().err()?;
                Some((address.clone(), trouble.clone()))
            });
            Error::NoLeader(silent.collect())
        })
    }

    /// Looks until somebody leads.
    pub async fn led(
        connections: &Connections,
        patience: Duration,
        clock: &impl Clock,
    ) -> Result<View, Error> {
        let deadline = clock.monotonic().saturating_add(patience);
        loop {
            let view = View::of(connections).await;
            match view.leader() {
                Ok(_) => return Ok(view),
                Err(error) if clock.monotonic() >= deadline => return Err(error),
                Err(_) => clock.sleep(LOOK).await,
            }
        }
    }
}

/// The voters by the leader's word.
pub fn voters(leader: &NodeStatus) -> BTreeSet<u64> {
    let members = leader.members.iter().filter(|member| member.voter);
    members.map(|member| member.ordinal).collect()
}

/// A member by the leader's word.
pub fn member(leader: &NodeStatus, ordinal: u64) -> Option<&Member> {
    leader
        .members
        .iter()
        .find(|member| member.ordinal == ordinal)
}

/// A member by its id.
pub fn member_named<'s>(leader: &'s NodeStatus, id: &str) -> Option<&'s Member> {
    leader.members.iter().find(|member| member.name == id)
}

/// How far a member's log is behind the leader's, where the leader knows.
pub fn behind(leader: &NodeStatus, member: &Member) -> Option<u64> {
    if member.ordinal == leader.ordinal {
        return Some(0);
    }
    let matched = member.matched_index?;
    Some(leader.last_log_index.saturating_sub(matched))
}

/// Whether a member answers the leader.
pub fn answers(leader: &NodeStatus, member: &Member) -> bool {
    member.ordinal == leader.ordinal
        || member
            .answered_ms_ago
            .is_some_and(|silent| silent <= SILENT_MS)
}

/// Whether a member answers and has nearly all that the leader has.
pub fn is_near(leader: &NodeStatus, member: &Member) -> bool {
    answers(leader, member) && behind(leader, member).is_some_and(|entries| entries <= NEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(ordinal: u64, role: &str, term: u64) -> (NodeAddress, Result<NodeStatus, Trouble>) {
        let status = NodeStatus {
            node: format!("n{ordinal}"),
            ordinal,
            role: role.to_owned(),
            term,
            ..NodeStatus::default()
        };
        (NodeAddress::parse("h:1").unwrap(), Ok(status))
    }

    #[test]
    fn of_two_that_say_they_lead_the_later_term_counts() {
        let view = View {
            nodes: vec![
                node(1, "leader", 3),
                node(2, "leader", 4),
                node(3, "follower", 4),
            ],
        };
        assert_eq!(view.leader().unwrap().says.ordinal, 2);
        assert_eq!(view.node("n3").unwrap().index, 2);
        assert!(view.node("n4").is_err());
        let nobody = View {
            nodes: vec![node(1, "follower", 3)],
        };
        assert!(matches!(nobody.leader(), Err(Error::NoLeader(_))));
    }

    #[test]
    fn near_is_who_answers_and_holds_nearly_all() {
        let leader = NodeStatus {
            ordinal: 1,
            last_log_index: 1_000,
            ..NodeStatus::default()
        };
        let member = |matched, silent| Member {
            ordinal: 2,
            matched_index: matched,
            answered_ms_ago: silent,
            ..Member::default()
        };
        assert!(is_near(&leader, &member(Some(750), Some(1_000))));
        assert!(!is_near(&leader, &member(Some(749), Some(0))));
        assert!(!is_near(&leader, &member(Some(1_000), Some(1_001))));
        assert!(!is_near(&leader, &member(None, Some(0))));
    }
}
