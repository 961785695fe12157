//! Decides whether to cosign. Two judges live here, both pure: one question, one answer, nothing
//! read and nothing written. Beside them stands [`gossip`]: what a node makes of the heads that
//! others signed.
//!
//! * [`Witness::consider`] is an outsider's: `c2sp.org/tlog-witness` with one rule more, that a
//!   checkpoint must already carry the cosignatures of a quorum of the log's nodes.
//! * [`gate::consider`] is a node's own: it holds the tree itself, so it compares roots where an
//!   outsider needs proofs.
//!
//! There is no clock, no file, no key that signs and no network here. Whoever asks keeps what was
//! signed last, durably and *before* a signature leaves the process: an answer is only as good as
//! the memory it was given.
//!
//! ```abnf
//! ; the body of add-checkpoint
//! request = %s"old " num LF *63(hash LF) LF checkpoint   ; checkpoint: a signed note
//! ; what a node signed last, kept as cosigner.state
//! state   = %s"tally-cosigner/v1 " num SP hash SP num LF ; size, root, time in seconds
//! ```
//! `num` and `hash` are those of the `note` crate.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod gate;
pub mod gossip;
mod judge;
mod request;
mod state;

pub use judge::{Considered, Decline, LastSeen, NoWitness, Witness};
pub use request::{AddCheckpoint, MAX_REQUEST_BYTES, RequestError};
pub use state::{LastSigned, StateError};
