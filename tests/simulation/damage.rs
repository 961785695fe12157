//! A way to a node on which snapshots arrive with a byte changed, while that is asked for.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use proto::raft::{self, snapshot_frame::Frame};
use replica::seams::{AppendResponses, Lost, Peer};

use crate::place::Place;
use crate::sim::net::SimPeer;

/// The way.
pub struct Damaging {
    /// The way beneath.
    pub inner: SimPeer,
    /// Where it is asked for and counted.
    pub place: Place,
}

impl Peer for Damaging {
    async fn append(
        &self,
        requests: BoxStream<'static, raft::AppendRequest>,
    ) -> Result<AppendResponses, Lost> {
        self.inner.append(requests).await
    }

    async fn vote(&self, request: raft::VoteRequest) -> Result<raft::VoteResponse, Lost> {
        self.inner.vote(request).await
    }

    async fn pre_vote(&self, request: raft::VoteRequest) -> Result<raft::VoteResponse, Lost> {
        self.inner.pre_vote(request).await
    }

    async fn snapshot(
        &self,
        frames: BoxStream<'static, raft::SnapshotFrame>,
    ) -> Result<raft::SnapshotResponse, Lost> {
        let place = self.place.clone();
        let frames = frames.map(move |mut frame| {
            if let Some(Frame::Chunk(chunk)) = &mut frame.frame
                && place.damaging.load(Ordering::Relaxed) > 0
                && chunk.len() > 200
            {
                // Late in the piece: within some row's value, so that it still reads as rows.
                let mut bytes = chunk.to_vec();
                let at = bytes.len() - 3;
                bytes[at] ^= 1;
                *chunk = Bytes::from(bytes);
                place.damaged.fetch_add(1, Ordering::Relaxed);
            }
            frame
        });
        self.inner.snapshot(frames.boxed()).await
    }

    async fn transfer_leader(
        &self,
        request: raft::TransferLeaderRequest,
    ) -> Result<raft::TransferLeaderResponse, Lost> {
        self.inner.transfer_leader(request).await
    }
}
