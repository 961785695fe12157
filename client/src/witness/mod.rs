//! An outside witness: someone other than the cluster's operators who vouches that the log only
//! grew. It speaks `c2sp.org/tlog-witness`.
//!
//! ```text
//! pin      whose checkpoints: the log's keys and the quorum of its nodes, by the manifest
//! memory   the key and the largest tree cosigned, durable before a signature leaves
//! keeper   one request after another: judged, remembered, answered; contradictions kept
//! http     the paths, with limits on bodies and on how many are read at once
//! program  the command line of `tally-witness`
//! ```
//!
//! What to cosign is decided by `witness::Witness`, which is pure. Here is what it asks of its
//! owner: a clock, a disk and a listener.

mod http;
mod keeper;
mod memory;
mod pin;
mod program;

pub use http::{router, serve};
pub use keeper::{Answer, Keeper};
pub use memory::{Memory, MemoryError};
pub use pin::{Pin, Pinned, pinned_by};
pub use program::run;
