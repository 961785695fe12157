//! What a node keeps on its disk, and what it may believe of it after a crash.
//!
//! Plain keys and values over RocksDB: this crate has not heard of reports, leaves or Raft messages,
//! opens no socket and runs no async code. Its callers give bytes and get the same bytes back, or an
//! [`Error`] that says what to do next.
//!
//! ```text
//! <data directory>/
//!   lock            held (flock) while a node runs
//!   identity        whose directory this is                                 [identity]
//!   log.mark        what the log has durably reached, at least              [mark]
//!   log/            RocksDB: the Raft log, the vote                         [log]
//!   CURRENT_STATE   which generation of the state is the one                [state]
//!   state/<n>/      RocksDB: the state machine's tables
//!   snapshots/      checkpoints on their way to other nodes
//!   damaged/<n>/    states that could not be read, set aside
//! ```
//!
//! The two databases promise different things. The **log** promises that what it has reported as
//! written survives a power cut: one thread writes it, one fsync covers everything that has queued up,
//! and after the first error it never writes again. The **state** promises only that a batch is whole
//! or absent: what it loses in a crash is applied again from the log.
//!
//! RocksDB alone cannot promise the first half. A deleted write-ahead log opens as an empty database
//! in every recovery mode, and the default mode opens without a word after dropping everything behind
//! a flipped bit. So every entry carries its own checksum, the start reads them all, and a mark beside
//! the database says how far the log had come ([`LogDb::open`]).

mod directory;
mod error;
mod files;
mod identity;
mod log;
mod mark;
mod options;
mod state;
mod stats;

pub use directory::{DataDir, Space};
pub use error::Error;
pub use files::{DurableFile, write_durably};
pub use identity::{Identity, Incarnation};
pub use log::{
    Bounds, Done, Entry, Group, LogDb, LogObserver, LogOptions, Position, Purged, Recovery,
};
pub use mark::BootId;
pub use state::{Batch, CheckpointFile, StateDb, StateSnapshot, StateStore, Visit};
pub use stats::DatabaseStats;
