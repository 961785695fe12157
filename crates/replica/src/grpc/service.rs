//! `tally.raft.v1.Raft`: what comes through the door goes to [`Inbound`].

use futures::stream::{BoxStream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use proto::raft;
use proto::raft::raft_server::{Raft, RaftServer};

use super::{MAX_MESSAGE_BYTES, PeerGuard};
use crate::error::Refused;
use crate::inbound::Inbound;
use crate::seams::State;

/// The consensus service of one node.
#[derive(Debug)]
pub struct RaftService<S: State> {
    inbound: Inbound<S>,
    guard: PeerGuard,
}

impl<S: State> RaftService<S> {
    /// A service that lets calls through `guard` to `inbound`.
    pub fn new(inbound: Inbound<S>, guard: PeerGuard) -> Self {
        Self { inbound, guard }
    }

    /// The tonic server for it, with limits that let the largest command through.
    pub fn into_server(self) -> RaftServer<Self> {
        RaftServer::new(self)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }
}

fn status(from: u64, refused: &Refused) -> Status {
    match refused {
        Refused::Invalid(_) => {
            tracing::warn!(peer = from, error = %refused, "message from a peer refused");
            Status::invalid_argument(refused.to_string())
        }
        Refused::Storage(_) => {
            tracing::warn!(peer = from, error = %refused, "snapshot from a peer not stored");
            Status::internal(refused.to_string())
        }
        Refused::Mending | Refused::Behind => Status::failed_precondition(refused.to_string()),
        Refused::Stopped => Status::unavailable(refused.to_string()),
    }
}

#[tonic::async_trait]
impl<S: State> Raft for RaftService<S> {
    type AppendStream = BoxStream<'static, Result<raft::AppendResponse, Status>>;
    type FetchSnapshotStream = BoxStream<'static, Result<raft::SnapshotFrame, Status>>;

    async fn append(
        &self,
        request: Request<Streaming<raft::AppendRequest>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        let from = self.guard.check(&request)?;
        let answers = self.inbound.append(from, request.into_inner());
        let answers = answers.map(move |answer| answer.map_err(|refused| status(from, &refused)));
        Ok(self.guard.answer(answers.boxed()))
    }

    async fn vote(
        &self,
        request: Request<raft::VoteRequest>,
    ) -> Result<Response<raft::VoteResponse>, Status> {
        let from = self.guard.check(&request)?;
        let answer = self.inbound.vote(from, request.into_inner()).await;
        answer
            .map(|answer| self.guard.answer(answer))
            .map_err(|refused| status(from, &refused))
    }

    async fn pre_vote(
        &self,
        request: Request<raft::VoteRequest>,
    ) -> Result<Response<raft::VoteResponse>, Status> {
        let from = self.guard.check(&request)?;
        let answer = self.inbound.pre_vote(from, request.into_inner()).await;
        answer
            .map(|answer| self.guard.answer(answer))
            .map_err(|refused| status(from, &refused))
    }

    async fn snapshot(
        &self,
        request: Request<Streaming<raft::SnapshotFrame>>,
    ) -> Result<Response<raft::SnapshotResponse>, Status> {
        let from = self.guard.check(&request)?;
        let answer = self.inbound.snapshot(from, request.into_inner()).await;
        answer
            .map(|answer| self.guard.answer(answer))
            .map_err(|refused| status(from, &refused))
    }

    async fn transfer_leader(
        &self,
        request: Request<raft::TransferLeaderRequest>,
    ) -> Result<Response<raft::TransferLeaderResponse>, Status> {
        let from = self.guard.check(&request)?;
        let answer = self
            .inbound
            .transfer_leader(from, request.into_inner())
            .await;
        answer
            .map(|answer| self.guard.answer(answer))
            .map_err(|refused| status(from, &refused))
    }

    async fn fetch_snapshot(
        &self,
        request: Request<raft::FetchSnapshotRequest>,
    ) -> Result<Response<Self::FetchSnapshotStream>, Status> {
        let from = self.guard.check(&request)?;
        let frames = self
            .inbound
            .fetch_snapshot(from, request.into_inner())
            .await
            .map_err(|refused| status(from, &refused))?;
        let frames = frames.map(move |frame| frame.map_err(|refused| status(from, &refused)));
        Ok(self.guard.answer(frames.boxed()))
    }
}
