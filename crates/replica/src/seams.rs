//! The three seams of a replica: [`Log`], [`State`] and [`Transport`].
//!
//! Everything else in the crate is generic over them. RocksDB and tonic are two adapters at the
//! edge ([`crate::rocks`], [`crate::grpc`]); a simulated disk and a simulated network are two
//! others, under `tests/`. What crosses a seam is plain: bytes, positions, and the messages of
//! `tally.raft.v1`; no adapter sees a type of openraft's.

use std::future::Future;
use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures::stream::BoxStream;

use ledger::{Changes, Tables};
use proto::raft;

use crate::membership::PeerNode;

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The index; the first entry of a cluster has 0.
    pub index: u64,
    /// The term of the leader that wrote the entry; never falls from one entry to the next.
    pub term: u64,
}

/// One entry as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub position: Position,
    /// The encoded `tally.raft.v1.Entry`.
    pub bytes: Bytes,
}

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The label given with the last purge: everything at or below it is gone.
    pub purged: Option<Bytes>,
    /// The last record, flushed or not; `None` when there are no records.
    pub last: Option<Position>,
}

/// Single facts a log keeps beside its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// The vote. Durable before anyone is told of it.
    Vote,
    /// The highest position known to be committed. A hint for start-up, it may lag.
    Committed,
    /// The members, so that they can be asked by a node whose state is gone. A hint as well.
    Members,
}

/// Called once, when what was queued is on disk or will never be.
pub type Flushed = Box<dyn FnOnce(io::Result<()>) + Send>;

/// The Raft log and the vote: what a node must never forget.
///
/// Writes are taken in order and take effect in that order, votes included: a vote must not
/// overtake the entries before it, nor they the vote. An error of the disk is final: this and all
/// later writes fail, because after a failed fsync nobody knows what is on the disk. Whatever is
/// readable when the log is opened is on disk.
pub trait Log: Send + Sync + 'static {
    /// What the log holds.
    fn bounds(&self) -> io::Result<Bounds>;

    /// Queues records that continue the log. They are readable when this returns, and on disk
    /// when `done` is called; `done`s are called in the order of the appends.
    fn append(&self, records: Vec<Record>, done: Flushed);

    /// Drops every record above `after`, or all of them. Durable when it returns, and `done`s of
    /// dropped records have been called by then.
    fn truncate_after(&self, after: Option<u64>) -> impl Future<Output = io::Result<()>> + Send;

    /// Drops every record up to and including `to`, which may lie beyond the last one; the log
    /// then continues at `to + 1`. `label` comes back in [`Bounds::purged`].
    fn purge_to(&self, to: Position, label: Bytes) -> impl Future<Output = io::Result<()>> + Send;

    /// The records of `range` that the log holds, without a gap, at least one if there is any;
    /// stops after the record that reaches `max_bytes`.
    fn read(
        &self,
        range: Range<u64>,
        max_bytes: usize,
    ) -> impl Future<Output = io::Result<Vec<Record>>> + Send;

    /// Keeps a fact; on disk when it returns.
    fn save(&self, fact: Fact, value: Bytes) -> impl Future<Output = io::Result<()>> + Send;

    /// Keeps a fact with the next write; may be lost in a crash.
    fn note(&self, fact: Fact, value: Bytes);

    /// The latest value of a fact.
    fn fact(&self, fact: Fact) -> io::Result<Option<Bytes>>;

    /// Whether a power cut tore off the end of the log, so that entries or a vote which this node
    /// has acknowledged may be missing.
    fn torn(&self) -> bool;

    /// Notes durably that a leader has made good whatever was torn off.
    fn mended(&self) -> impl Future<Output = io::Result<()>> + Send;
}

/// The state that the log's commands have made: the ledger's tables, and how far they are.
///
/// Calls that write come from one place at a time. They may block; the replica makes them where
/// blocking is harmless ([`Workplace`](crate::Workplace)).
pub trait State: Tables + Send + Sync + 'static {
    /// A frozen copy, to be sent to a replica that has fallen behind.
    type Image: Image;
    /// A copy that is being received.
    type Incoming: Incoming<Image = Self::Image>;

    /// The label of the last commit; `None` for a state nothing was ever committed to.
    fn applied(&self) -> io::Result<Option<Bytes>>;

    /// Writes `changes` and the label in one step: after a crash both are there or neither is.
    /// It need not be on disk, since the log is and replays what is lost.
    fn commit(&self, changes: Changes, applied: Bytes) -> io::Result<()>;

    /// Puts every commit so far on disk. Called before consensus starts: it takes an applied
    /// position for one that is on this node's disk.
    fn sync(&self) -> io::Result<()>;

    /// Makes a consistent copy of the state as it is now, while commits may go on. It becomes the
    /// current image and the one before it may go.
    fn freeze(&self) -> io::Result<Self::Image>;

    /// The current image, if one was made or installed.
    fn image(&self) -> io::Result<Option<Self::Image>>;

    /// Begins to receive a copy. What is left of an earlier attempt is discarded.
    fn receive(&self) -> io::Result<Self::Incoming>;

    /// Replaces the state by a received copy: after a crash either the old state is there or the
    /// new one, whole and on disk. The copy becomes the current image.
    fn install(&self, image: Self::Image) -> io::Result<()>;
}

/// One file of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFile {
    /// Its name, without any directory.
    pub name: String,
    /// Its length.
    pub bytes: u64,
}

/// A frozen copy of a state, as files. It stays readable while it is held, also when a newer one
/// has taken its place.
pub trait Image: Clone + Send + Sync + 'static {
    /// The label of the last commit it contains; `None` for a copy of an empty state.
    fn applied(&self) -> Option<Bytes>;

    /// Its files, each name once.
    fn files(&self) -> io::Result<Vec<ImageFile>>;

    /// `length` bytes of a file from `offset` on; fewer only at its end.
    fn read(&self, name: &str, offset: u64, length: usize) -> io::Result<Bytes>;
}

/// A copy that is being received. Dropped before [`finish`](Incoming::finish), it leaves nothing.
pub trait Incoming: Send + 'static {
    /// What it becomes.
    type Image;

    /// Begins a file. The name was checked: letters, digits, `.`, `-`, `_`, no leading dot.
    fn create(&mut self, name: &str) -> io::Result<()>;

    /// Appends to the file last begun.
    fn write(&mut self, chunk: &[u8]) -> io::Result<()>;

    /// Opens what was received and refuses it when it is not a readable state whose own label
    /// is `applied`. Nothing is replaced yet.
    fn finish(self, applied: Bytes) -> io::Result<Self::Image>;
}

/// Which of a peer's channels a call goes over. They are separate connections, so that a large
/// snapshot or a full append stream cannot hold up a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Votes, heartbeats, hand-overs.
    Control,
    /// The stream of log entries.
    Append,
    /// Snapshots.
    Bulk,
    /// What nodes ask each other beside consensus. The replica itself does not use it.
    Aside,
}

/// The way to the other nodes.
pub trait Transport: Send + Sync + 'static {
    /// A way to one node over one lane.
    type Peer: Peer;

    /// The way to a node. Cheap, and makes no connection by itself; ways to the same node over
    /// the same lane share one.
    fn peer(&self, ordinal: u64, node: &PeerNode, lane: Lane) -> Self::Peer;
}

/// Why a peer did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// No connection, or it was refused. Trying again at once is pointless.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The connection broke, or the answer was not one.
    #[error("broken off: {0}")]
    Broken(String),
}

/// The frames of a snapshot, as they come in.
pub type SnapshotFrames = BoxStream<'static, Result<raft::SnapshotFrame, Lost>>;

/// The answers to a stream of append requests, in the order of the requests.
pub type AppendResponses = BoxStream<'static, Result<raft::AppendResponse, Lost>>;

/// Calls to one node. The replica puts a deadline on each, so an implementation needs none.
pub trait Peer: Send + Sync + 'static {
    /// Opens a stream of append requests. Dropping the answers closes it.
    fn append(
        &self,
        requests: BoxStream<'static, raft::AppendRequest>,
    ) -> impl Future<Output = Result<AppendResponses, Lost>> + Send;

    /// Asks for a vote.
    fn vote(
        &self,
        request: raft::VoteRequest,
    ) -> impl Future<Output = Result<raft::VoteResponse, Lost>> + Send;

    /// Asks whether a vote would be given.
    fn pre_vote(
        &self,
        request: raft::VoteRequest,
    ) -> impl Future<Output = Result<raft::VoteResponse, Lost>> + Send;

    /// Sends a snapshot; the answer comes when it is installed.
    fn snapshot(
        &self,
        frames: BoxStream<'static, raft::SnapshotFrame>,
    ) -> impl Future<Output = Result<raft::SnapshotResponse, Lost>> + Send;

    /// Offers leadership.
    fn transfer_leader(
        &self,
        request: raft::TransferLeaderRequest,
    ) -> impl Future<Output = Result<raft::TransferLeaderResponse, Lost>> + Send;

    /// Asks for a snapshot.
    fn fetch_snapshot(
        &self,
        request: raft::FetchSnapshotRequest,
    ) -> impl Future<Output = Result<SnapshotFrames, Lost>> + Send;
}
