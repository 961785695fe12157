//! A way to a node on which calls that are lost are counted, and snapshots arrive with a byte
//! changed, while that is asked for.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use proto::raft::{self, snapshot_frame::Frame};
use replica::seams::{AppendResponses, Lost, Peer, SnapshotFrames};

use crate::place::Place;
use crate::sim::net::SimPeer;

/// The way.
pub struct Damaging {
    /// The way beneath.
    pub inner: SimPeer,
    /// Where it is asked for and counted.
    pub place: Place,
}

impl Damaging {
    /// Does a call, and counts it if no answer comes: also if whoever made it gives up.
    async fn counted<T>(&self, calling: impl Future<Output = Result<T, Lost>>) -> Result<T, Lost> {
        let mut call = Call {
            place: &self.place,
            answered: false,
        };
        let called = calling.await;
        call.answered = called.is_ok();
        called
    }
}

struct Call<'a> {
    place: &'a Place,
    answered: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let lost = (!self.answered).into();
        self.place.broken.fetch_add(lost, Ordering::Relaxed);
    }
}

impl Peer for Damaging {
    async fn append(
        &self,
        requests: BoxStream<'static, raft::AppendRequest>,
    ) -> Result<AppendResponses, Lost> {
        let place = self.place.clone();
        let answers = self.counted(self.inner.append(requests)).await?;
        let answers = answers.inspect(move |answer| {
            place
                .broken
                .fetch_add(answer.is_err().into(), Ordering::Relaxed);
        });
        Ok(answers.boxed())
    }

    async fn vote(&self, request: raft::VoteRequest) -> Result<raft::VoteResponse, Lost> {
        self.counted(self.inner.vote(request)).await
    }

    async fn pre_vote(&self, request: raft::VoteRequest) -> Result<raft::VoteResponse, Lost> {
        self.counted(self.inner.pre_vote(request)).await
    }

    async fn snapshot(
        &self,
        frames: BoxStream<'static, raft::SnapshotFrame>,
    ) -> Result<raft::SnapshotResponse, Lost> {
        let place = self.place.clone();
        let mut leaves = false;
        let frames = frames.map(move |mut frame| {
            // Leaves only: other tables have short values, and what no longer reads as rows, or a
            // label that is another, is noticed without a hash.
            if let Some(Frame::File(file)) = &frame.frame {
                leaves = file.name == ledger::Table::Leaf.name();
            }
            if let Some(Frame::Chunk(chunk)) = &mut frame.frame
                && place.damaging.load(Ordering::Relaxed) > 0
                && leaves
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
        self.counted(self.inner.snapshot(frames.boxed())).await
    }

    async fn transfer_leader(
        &self,
        request: raft::TransferLeaderRequest,
    ) -> Result<raft::TransferLeaderResponse, Lost> {
        self.inner.transfer_leader(request).await
    }

    async fn fetch_snapshot(
        &self,
        request: raft::FetchSnapshotRequest,
    ) -> Result<SnapshotFrames, Lost> {
        self.counted(self.inner.fetch_snapshot(request)).await
    }
}
