//! The other members of a cluster of three, for tests of one node: they answer nothing, or give a
//! snapshot and answer nothing else.

use std::collections::BTreeMap;

use futures::stream::{BoxStream, StreamExt};

use ledger::Changes;
use proto::raft;

use super::sim::disk::SimDisk;
use crate::config::Workplace;
use crate::seams::{AppendResponses, Lane, Lost, Peer, SnapshotFrames, State, Transport};
use crate::snapshot::{self, Failure};
use crate::types::{LeaderId, LogId, Membership, SnapshotMeta, StoredMembership};
use crate::{PeerNode, wire};

/// Nodes 1 to 3, all voting.
pub(crate) fn members() -> Membership {
    let node = |ordinal| PeerNode {
        name: format!("n{ordinal}"),
        peer_address: format!("n{ordinal}:7000"),
        api_address: format!("n{ordinal}:443"),
        incarnation: String::new(),
    };
    let nodes: BTreeMap<u64, PeerNode> = (1..=3).map(|ordinal| (ordinal, node(ordinal))).collect();
    Membership::new(vec![[1, 2, 3].into()], nodes).unwrap()
}

/// The members that give a snapshot: up to where each has applied the log.
#[derive(Default)]
pub(crate) struct Others(pub(crate) BTreeMap<u64, LogId>);

/// One of them.
pub(crate) struct Other(Option<LogId>);

impl Transport for Others {
    type Peer = Other;

    fn peer(&self, ordinal: u64, _node: &PeerNode, _lane: Lane) -> Other {
        Other(self.0.get(&ordinal).copied())
    }
}

fn nobody<T>() -> Result<T, Lost> {
    Err(Lost::Unreachable("nobody is there".to_owned()))
}

impl Peer for Other {
    async fn append(
        &self,
        _requests: BoxStream<'static, raft::AppendRequest>,
    ) -> Result<AppendResponses, Lost> {
        nobody()
    }

    async fn vote(&self, _request: raft::VoteRequest) -> Result<raft::VoteResponse, Lost> {
        nobody()
    }

    async fn pre_vote(&self, _request: raft::VoteRequest) -> Result<raft::VoteResponse, Lost> {
        nobody()
    }

    async fn snapshot(
        &self,
        _frames: BoxStream<'static, raft::SnapshotFrame>,
    ) -> Result<raft::SnapshotResponse, Lost> {
        nobody()
    }

    async fn transfer_leader(
        &self,
        _request: raft::TransferLeaderRequest,
    ) -> Result<raft::TransferLeaderResponse, Lost> {
        nobody()
    }

    async fn fetch_snapshot(
        &self,
        _request: raft::FetchSnapshotRequest,
    ) -> Result<SnapshotFrames, Lost> {
        let Some(last) = self.0 else { return nobody() };
        let leader = LeaderId {
            term: 1,
            node_id: 1,
        };
        let founded = Some(LogId::new(leader, 0));
        let meta = SnapshotMeta {
            last_log_id: Some(last),
            last_membership: StoredMembership::new(founded, members()),
        };
        let theirs = SimDisk::new(2, 0..1).state();
        let nothing = Changes { rows: Vec::new() };
        theirs
            .commit(nothing, wire::applied_to_bytes(&meta))
            .unwrap();
        let frames = snapshot::frames(
            snapshot::header(None, &meta),
            theirs.freeze().unwrap(),
            Workplace::InPlace,
            Failure::default(),
        );
        Ok(frames.map(Ok).boxed())
    }
}
