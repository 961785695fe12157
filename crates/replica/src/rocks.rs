//! [`Log`](crate::seams::Log) and [`State`](crate::seams::State) over the `store` crate: the
//! adapters a node runs on.
//!
//! RocksDB is not seen here, and no thread is made here: `store` writes the log on a thread of its
//! own, and the state is called from wherever the replica's workplace is.

mod accepted;
mod log;
mod rules;
mod state;

pub use log::RocksLog;
pub use state::{FrozenTables, RocksImage, RocksIncoming, RocksState};
