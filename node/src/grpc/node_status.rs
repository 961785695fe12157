//! `Status`: what this node knows of itself and of the cluster. It answers before there is a
//! cluster, too: then its one member is this node with its configured addresses, which is what
//! `tally cluster init` needs to know.

use std::sync::Arc;

use proto::v1::node_status::Member;
use proto::v1::status_server::Status as StatusService;
use proto::v1::{GetStatusRequest, NodeStatus};
use replica::{ReplicaStatus, Role};
use tonic::{Request, Response, Status};

use super::status;
use crate::admission::sources::Source;
use crate::core::Core;
use crate::orders::rules::Lines;

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    core: Arc<Core>,
}

impl Service {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

#[tonic::async_trait]
impl StatusService for Service {
    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<NodeStatus>, Status> {
        let _place = self
            .core
            .admission
            .read(Source::of(request.extensions()))
            .map_err(status::rejected)?;
        let core = &self.core;
        let tree = core.read_for_caller(|core, view| {
            let size = view.tree_size()?;
            let charter = core.charters.at(view, size)?;
            Ok(Tree {
                size: size.get(),
                root: view.root()?.as_bytes().to_vec(),
                leaf_digest: view
                    .leaf_digest(size)?
                    .map(|digest| digest.as_bytes().to_vec()),
                side_digest: view.side_digest()?.as_bytes().to_vec(),
                rehearsal: charter.is_some_and(|charter| charter.is_rehearsal()),
                lines: Lines::of(view)?,
            })
        });
        Ok(Response::new(message(
            core,
            &core.replica.status(),
            tree.await?,
        )))
    }
}

struct Tree {
    size: u64,
    root: Vec<u8>,
    leaf_digest: Option<Vec<u8>>,
    side_digest: Vec<u8>,
    rehearsal: bool,
    lines: Option<Lines>,
}

fn message(core: &Core, status: &ReplicaStatus, tree: Tree) -> NodeStatus {
    let whoami = &core.whoami;
    let lines = tree.lines.as_ref();
    let problems = core.problems();
    let checkpoint_size = core.checkpoints.newest_size().get();
    NodeStatus {
        election: whoami.election.clone(),
        genesis: whoami.genesis.as_bytes().to_vec().into(),
        origin: whoami.origin.to_string(),
        rehearsal: tree.rehearsal,
        node: whoami.id.clone(),
        ordinal: whoami.ordinal,
        role: role(status).to_owned(),
        leader: status.leader.unwrap_or_default(),
        term: status.term,
        last_log_index: status.last_log.unwrap_or_default(),
        committed_index: status.committed.unwrap_or_default(),
        applied_index: status.applied.unwrap_or_default(),
        // The log's end is exclusive.
        flushed_index: core.log.flushed_end().saturating_sub(1),
        tree_size: tree.size,
        root: tree.root.into(),
        leaf_digest: tree.leaf_digest.unwrap_or_default().into(),
        side_digest: tree.side_digest.into(),
        checkpoint_size,
        receipts_pending: tree.size.saturating_sub(checkpoint_size),
        cosigning_stopped: core.cosigner.stopped().unwrap_or_default(),
        members: members(core, status, lines),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        membership_index: status.membership_index.unwrap_or_default(),
        joint: status.joint,
        incarnation: core.incarnation.to_string(),
        run: core.run,
        ready: problems.is_empty(),
        problems,
        draining: core.admission.draining(),
        manifest_version: lines.map_or(0, Lines::version),
        admitted: core.admitted.is(),
        peer_address: whoami.peer_address.as_str().to_owned(),
        api_address: whoami.api_address.as_str().to_owned(),
    }
}

fn members(core: &Core, status: &ReplicaStatus, lines: Option<&Lines>) -> Vec<Member> {
    if status.members.nodes.is_empty() {
        return vec![Member {
            ordinal: core.whoami.ordinal,
            name: core.whoami.id.clone(),
            peer_address: core.whoami.peer_address.as_str().to_owned(),
            api_address: core.whoami.api_address.as_str().to_owned(),
            voter: false,
            matched_index: None,
            answered_ms_ago: None,
            line: String::new(),
        }];
    }
    let member = |(ordinal, node): (&u64, &replica::PeerNode)| Member {
        ordinal: *ordinal,
        name: node.name.clone(),
        peer_address: node.peer_address.clone(),
        api_address: node.api_address.clone(),
        voter: status.members.voters.contains(ordinal),
        matched_index: status.matched.get(ordinal).copied().flatten(),
        answered_ms_ago: status.answered_ms_ago.get(ordinal).copied().flatten(),
        line: lines.map_or("", |lines| lines.word(*ordinal)).to_owned(),
    };
    status.members.nodes.iter().map(member).collect()
}

fn role(status: &ReplicaStatus) -> &'static str {
    if status.members.nodes.is_empty() && status.role != Role::Stopped {
        return "uninitialized";
    }
    match status.role {
        Role::Leader => "leader",
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Learner => "learner",
        Role::Stopped => "stopped",
    }
}
