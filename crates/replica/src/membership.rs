//! Who takes part: a node's addresses, the first membership, and what may never be one.
//!
//! The Raft id of a node is the ordinal of its line in the manifest and is never used again.
//! Quorums of receipts count the manifest's lines; the voters here decide only what is committed.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::types::Membership;

/// Most nodes a membership may name, voters and learners together: five voters, and as many
/// spares that are catching up.
pub(crate) const MAX_NODES: usize = 10;

/// Longest address or name, in bytes: a DNS name has at most 253, and a port five digits more.
pub(crate) const MAX_ADDRESS_BYTES: usize = 260;

/// Where a node is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerNode {
    /// The node's id in the manifest, for example `n1`.
    pub name: String,
    /// Host and port of its peer listener.
    pub peer_address: String,
    /// Host and port of its public API.
    pub api_address: String,
    /// The life of its data directory, 32 hexadecimal digits. A node that lost its directory has
    /// another, and is not heard.
    pub incarnation: String,
}

impl PeerNode {
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let needed = [&self.name, &self.peer_address, &self.api_address];
        if needed.iter().any(|field| field.is_empty()) {
            return Some("a node needs a name, a peer address and an API address");
        }
        let mut fields = needed.into_iter().chain([&self.incarnation]);
        if fields.any(|field| field.len() > MAX_ADDRESS_BYTES) {
            return Some("a name or an address of a node is too long");
        }
        None
    }
}

/// The members as a status shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// The voters; while the membership changes, those of both sides.
    pub voters: BTreeSet<u64>,
    /// Everybody, voters and learners, with their addresses.
    pub nodes: BTreeMap<u64, PeerNode>,
}

impl From<&Membership> for Members {
    fn from(membership: &Membership) -> Self {
        Self {
            voters: membership.voter_ids().collect(),
            nodes: membership
                .nodes()
                .map(|(ordinal, node)| (*ordinal, node.clone()))
                .collect(),
        }
    }
}

/// Checks the membership a cluster is to begin with: `ordinal` among it, an odd number of voters,
/// no name and no peer address twice.
pub(crate) fn check_first(ordinal: u64, nodes: &BTreeMap<u64, PeerNode>) -> Result<(), Error> {
    let invalid = |what: &str| Error::Invalid {
        what: what.to_owned(),
    };
    if !nodes.contains_key(&ordinal) {
        return Err(invalid("this node is not among the first members"));
    }
    if nodes.len() > MAX_NODES || nodes.len().is_multiple_of(2) {
        return Err(invalid("a cluster begins with 1, 3, 5, 7 or 9 nodes"));
    }
    if let Some(problem) = nodes.values().find_map(PeerNode::problem) {
        return Err(invalid(problem));
    }
    let names: BTreeSet<_> = nodes.values().map(|node| &node.name).collect();
    let addresses: BTreeSet<_> = nodes.values().map(|node| &node.peer_address).collect();
    if names.len() < nodes.len() || addresses.len() < nodes.len() {
        return Err(invalid("two nodes share a name or a peer address"));
    }
    Ok(())
}

/// Whether a membership that a peer sent can be one at all.
pub(crate) fn problem_of_received(membership: &Membership) -> Option<&'static str> {
    let count = membership.nodes().count();
    if count == 0 || count > MAX_NODES {
        return Some("a membership of no node or of too many");
    }
    if membership.voter_ids().next().is_none() {
        return Some("a membership without voters");
    }
    membership.nodes().find_map(|(_, node)| node.problem())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{PeerNode, check_first};

    fn nodes(count: u64) -> BTreeMap<u64, PeerNode> {
        (1..=count)
            .map(|ordinal| {
                let node = PeerNode {
                    name: format!("n{ordinal}"),
                    peer_address: format!("10.0.0.{ordinal}:7000"),
                    api_address: format!("10.0.0.{ordinal}:443"),
                    incarnation: String::new(),
                };
                (ordinal, node)
            })
            .collect()
    }

    #[test]
    fn three_nodes_with_addresses_of_their_own_may_begin() {
        check_first(2, &nodes(3)).unwrap();
    }

    #[test]
    fn a_first_membership_that_cannot_work_is_refused() {
        let mut shared = nodes(3);
        shared.get_mut(&2).unwrap().peer_address = "10.0.0.1:7000".to_owned();
        let mut nameless = nodes(3);
        nameless.get_mut(&3).unwrap().name.clear();
        for (ordinal, nodes) in [
            (4, nodes(3)),
            (1, nodes(2)),
            (1, nodes(11)),
            (1, shared),
            (1, nameless),
        ] {
            assert!(check_first(ordinal, &nodes).is_err(), "{nodes:?}");
        }
    }
}
