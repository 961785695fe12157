//! Founding a cluster: with which members, and whether all of them agree.
//!
//! An administrator of the manifest orders it, naming the members. A new node founds the cluster when
//! every other member, over the peers' port and with its own certificate, says that it is new itself
//! and begins with exactly these members, data directories included. A node that holds the log never agrees, and a node that
//! lost its directory is not who the others know; so beside a cluster that runs, or of which a single
//! member is left, no second one is founded, however many lost their directories.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use merkle::Hash;
use proto::v1::Member;
use receipt::Manifest;
use receipt::founders::{Founder, founders_hash};
use replica::PeerNode;
use store::Incarnation;
use tonic::Status;

use crate::admitted::NotAdmitted;
use crate::core::Core;
use crate::grpc::status;

/// The members that a cluster is to begin with.
#[derive(Debug, Clone)]
pub(crate) struct Founders(BTreeMap<u64, PeerNode>);

impl Founders {
    /// Exactly the manifest's nodes, each once, each with its data directory.
    pub(crate) fn of(manifest: &Manifest, members: Vec<Member>) -> Result<Self, Status> {
        let expected: BTreeSet<(u64, String)> = manifest
            .nodes
            .iter()
            .map(|line| (line.ordinal, line.id.to_string()))
            .collect();
        let given: BTreeSet<(u64, String)> = members
            .iter()
            .map(|member| (member.ordinal, member.name.clone()))
            .collect();
        if expected != given || given.len() != members.len() {
            return Err(status::invalid(
                "the members must be the nodes of the manifest, each once",
            ));
        }
        let node = |member: Member| {
            let Member {
                ordinal,
                name,
                peer_address,
                api_address,
                incarnation,
            } = member;
            if incarnation.parse::<Incarnation>().is_err() {
                return Err(status::invalid(&format!(
                    "the members must name their data directories, 32 hexadecimal digits as each \
                     node's status says them; node {ordinal}'s is `{incarnation}`"
                )));
            }
            let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_word(&peer_address) || !is_word(&api_address) {
                return Err(status::invalid(&format!(
                    "an address of node {ordinal} is none"
                )));
            }
            let node = PeerNode {
                name,
                peer_address,
                api_address,
                incarnation,
            };
            Ok((ordinal, node))
        };
        members
            .into_iter()
            .map(node)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// What stands for all of it: nothing in it holds a space or a line feed.
    pub(crate) fn hash(&self) -> Hash {
        founders_hash(self.0.iter().map(|(ordinal, node)| Founder {
            ordinal: *ordinal,
            name: &node.name,
            incarnation: &node.incarnation,
            peer_address: &node.peer_address,
            api_address: &node.api_address,
        }))
    }

    /// Lets this node take part with these members. They must mean this data directory.
    pub(crate) fn admit(&self, core: &Core) -> Result<(), Status> {
        let own = core.incarnation.to_string();
        match self.0.get(&core.whoami.ordinal) {
            Some(node) if node.incarnation == own => {}
            Some(node) => {
                return Err(Status::failed_precondition(format!(
                    "the members have this node with data directory {}, and this is {own}: a node \
                     that lost its directory must be replaced",
                    node.incarnation
                )));
            }
            None => return Err(status::invalid("this node is not among the members")),
        }
        core.admitted
            .admit(self.hash())
            .map_err(|error| not_admitted(core, &error))
    }

    /// Founds the cluster, unless that was done before.
    pub(crate) async fn found(&self, core: &Arc<Core>) -> Result<(), Status> {
        if core.initialized() {
            return Ok(());
        }
        let hash = self.hash();
        core.admitted
            .agree(hash)
            .map_err(|error| not_admitted(core, &error))?;
        let others = self.0.iter();
        let others = others.filter(|(ordinal, _)| **ordinal != core.whoami.ordinal);
        for (ordinal, node) in others {
            let agreed = core.peers.agree(*ordinal, node, hash).await;
            agreed.map_err(|why| {
                Status::failed_precondition(format!(
                    "no cluster is founded, for node {ordinal} does not agree: {why}"
                ))
            })?;
        }
        tracing::info!(members = self.0.len(), "founding the cluster");
        let founded = core.replica.initialize(self.0.clone()).await;
        founded.map_err(|error| Status::failed_precondition(error.to_string()))
    }
}

/// Whether this node, new as it is, begins with the members that hash to this.
pub(crate) fn agree(core: &Core, members: Hash) -> Result<(), Status> {
    if core.initialized() {
        return Err(Status::failed_precondition(
            "this node belongs to a cluster already; a node that lost its directory must be replaced",
        ));
    }
    core.admitted
        .agree(members)
        .map_err(|error| not_admitted(core, &error))
}

fn not_admitted(core: &Core, error: &NotAdmitted) -> Status {
    match error {
        NotAdmitted::Otherwise(_) => Status::failed_precondition(error.to_string()),
        NotAdmitted::Disk(cause) => {
            tracing::error!(error = %cause, "the admission could not be kept");
            core.disk_failed(cause);
            Status::internal(error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::Fixture;

    use super::*;

    fn members(fixture: &Fixture) -> Vec<Member> {
        let member = |line: &receipt::NodeLine| Member {
            ordinal: line.ordinal,
            name: line.id.to_string(),
            peer_address: format!("10.0.0.{}:1", line.ordinal),
            api_address: format!("10.0.0.{}:2", line.ordinal),
            incarnation: format!("{:032x}", line.ordinal),
        };
        fixture.content.nodes.iter().map(member).collect()
    }

    #[test]
    fn every_part_of_a_member_counts_and_their_order_does_not() {
        let fixture = Fixture::small();
        let hash = |members| Founders::of(&fixture.content, members).unwrap().hash();
        let first = hash(members(&fixture));
        let reversed = members(&fixture).into_iter().rev().collect();
        assert_eq!(hash(reversed), first);
        let changes: [fn(&mut Member); 3] = [
            |member| member.peer_address.push('0'),
            |member| member.api_address.push('0'),
            |member| member.incarnation = "f".repeat(32),
        ];
        for change in changes {
            let mut other = members(&fixture);
            change(&mut other[0]);
            assert_ne!(hash(other), first);
        }
    }

    #[test]
    fn members_that_are_not_the_manifests_or_name_no_directory_are_refused() {
        let fixture = Fixture::small();
        let changes: [fn(&mut Vec<Member>); 6] = [
            |members| drop(members.pop()),
            |members| members[0].name = "n9".to_owned(),
            |members| members[1] = members[0].clone(),
            |members| members[0].incarnation.clear(),
            |members| members[0].incarnation = "F".repeat(32),
            |members| members[0].peer_address = "a b".to_owned(),
        ];
        for change in changes {
            let mut other = members(&fixture);
            change(&mut other);
            let refused = Founders::of(&fixture.content, other).unwrap_err();
            assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        }
    }
}
