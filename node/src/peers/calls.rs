//! What this node asks of the others, each call with a deadline. Connections are kept by the
//! transport and shared with consensus' small messages.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ledger::{Command, Outcome};
use merkle::{Hash, TreeSize};
use proto::raft::{
    AgreeRequest, CosignRequest, CosignResponse, ForwardRequest, GossipRequest, GossipResponse,
    PublishRequest, ReadIndexRequest, forward_response, read_index_response,
};
use replica::grpc::{GrpcTransport, PeerConnection};
use replica::{PeerNode, ReplicaStatus, Rounds};
use tokio::sync::watch;
use tonic::Status;

/// A forwarded note comes back with its outcome within this time, or it is unknown. A little less
/// than a proposal's own deadline would be, so that the caller hears from the node it asked.
const FORWARD: Duration = Duration::from_secs(4);

/// One question of a cosigning round. The asked node may wait 250 ms for its disk.
const COSIGN: Duration = Duration::from_secs(1);

/// Whether a node agrees to begin: the first call to it, and it writes to its disk.
const AGREE: Duration = Duration::from_secs(5);

/// Everything else.
const ASIDE: Duration = Duration::from_millis(800);

/// How a forwarded command ended.
#[derive(Debug)]
pub(crate) enum Forwarded {
    /// The leader's answer.
    Outcome(Outcome),
    /// The node asked does not lead; nothing was proposed.
    NotLeader,
    /// No answer: whether it was recorded is unknown.
    Lost(String),
}

/// The way to the other nodes.
#[derive(Debug)]
pub(crate) struct PeerCalls {
    transport: Arc<GrpcTransport>,
    status: watch::Receiver<ReplicaStatus>,
    read_indexes: Rounds<Result<u64, replica::Error>>,
}

impl PeerCalls {
    pub(crate) fn new(
        transport: Arc<GrpcTransport>,
        status: watch::Receiver<ReplicaStatus>,
    ) -> Self {
        Self {
            transport,
            status,
            read_indexes: Rounds::default(),
        }
    }

    /// Passes a command on to `peer`, which is believed to lead.
    pub(crate) async fn forward(&self, peer: u64, command: &Command) -> Forwarded {
        let command = match replica::codec::encode(command.clone()) {
            Ok(command) => command,
            Err(error) => return Forwarded::Lost(error.to_string()),
        };
        let answer = self.ask(peer, FORWARD, |mut client| async move {
            client.forward(ForwardRequest { command }).await
        });
        match answer.await.map(|response| response.result) {
            Ok(Some(forward_response::Result::Outcome(bytes))) => match Outcome::decode(&bytes) {
                Ok(outcome) => Forwarded::Outcome(outcome),
                Err(what) => Forwarded::Lost(format!("the leader's answer is unreadable: {what}")),
            },
            Ok(Some(forward_response::Result::NotLeader(_))) => Forwarded::NotLeader,
            Ok(None) => Forwarded::Lost("the leader's answer is empty".to_owned()),
            Err(lost) => Forwarded::Lost(lost),
        }
    }

    /// Asks `peer` to cosign.
    pub(crate) async fn cosign(
        &self,
        peer: u64,
        size: TreeSize,
        root: Hash,
    ) -> Result<CosignResponse, String> {
        let request = CosignRequest {
            size: size.get(),
            root: root.as_bytes().to_vec().into(),
        };
        self.ask(peer, COSIGN, |mut client| async move {
            client.cosign(request).await
        })
        .await
    }

    /// Gives `peer` a published checkpoint.
    pub(crate) async fn publish(&self, peer: u64, checkpoint: Bytes) -> Result<(), String> {
        let request = PublishRequest { checkpoint };
        let given = self.ask(peer, ASIDE, |mut client| async move {
            client.publish(request).await
        });
        given.await.map(drop)
    }

    /// Compares notes with `peer`.
    pub(crate) async fn gossip(
        &self,
        peer: u64,
        request: GossipRequest,
    ) -> Result<GossipResponse, String> {
        self.ask(peer, ASIDE, |mut client| async move {
            client.gossip(request).await
        })
        .await
    }

    /// Up to where this node must have applied, as the leader knows it; asked once for all who want to
    /// know at the same time.
    pub(crate) async fn read_index(&self, leader: u64) -> Result<u64, replica::Error> {
        let asking = async || self.ask_read_index(leader).await;
        self.read_indexes.join(asking).await
    }

    async fn ask_read_index(&self, leader: u64) -> Result<u64, replica::Error> {
        let answer = self.ask(leader, ASIDE, |mut client| async move {
            client.read_index(ReadIndexRequest {}).await
        });
        match answer.await.map(|response| response.result) {
            Ok(Some(read_index_response::Result::LogIndex(index))) => Ok(index),
            Ok(Some(read_index_response::Result::NotLeader(_))) => {
                Err(replica::Error::NotLeader { hint: None })
            }
            Ok(None) | Err(_) => Err(replica::Error::Unavailable {
                what: "the leader does not answer",
            }),
        }
    }

    /// Asks a node that is to be a member, and is none yet, whether it begins with these members.
    pub(crate) async fn agree(
        &self,
        peer: u64,
        node: &PeerNode,
        members: Hash,
    ) -> Result<(), String> {
        let request = AgreeRequest {
            members: members.as_bytes().to_vec().into(),
        };
        let asked = self.ask_node(peer, node, AGREE, |mut client| async move {
            client.agree(request).await
        });
        asked.await.map(drop)
    }

    async fn ask<T, F>(
        &self,
        peer: u64,
        deadline: Duration,
        call: impl FnOnce(PeerConnection) -> F,
    ) -> Result<T, String>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let node = self.status.borrow().members.nodes.get(&peer).cloned();
        let node = node.ok_or_else(|| format!("node {peer} is not a member"))?;
        self.ask_node(peer, &node, deadline, call).await
    }

    async fn ask_node<T, F>(
        &self,
        peer: u64,
        node: &PeerNode,
        deadline: Duration,
        call: impl FnOnce(PeerConnection) -> F,
    ) -> Result<T, String>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let client = self.transport.peer_client(peer, node)?;
        let Ok(answer) = tokio::time::timeout(deadline, call(client)).await else {
            return Err("no answer in time".to_owned());
        };
        let answer = self.transport.answered(peer, node, answer);
        answer.map_err(|status| status.message().to_owned())
    }
}
