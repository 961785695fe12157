//! Those outside the cluster: chairs, auditors, administrators.
//!
//! The parts, in the order in which a report passes through them:
//!
//! ```text
//! sheet       a sheet as a file, read for `caucus` to check
//! attested    the same as a second hand read it, with cells that could not be read
//! chair       the note that is signed
//! outbox      on disk before it is sent, and its answer beside it
//! retry       the same bytes to every node until a receipt verifies      (free of transport)
//! connection  the nodes, over TLS with the election's authority pinned
//! client      the three above put together
//! form        a receipt as a file, as JSON, as the text of a QR code
//! bundle      what a receipt is verified with: as a folder, from a node
//! audit       the whole night recomputed from the log's leaves
//! members     the machines of a running cluster: who takes part, replaced, restarted
//! log         the log kept in a folder, judged from it alone, and watched
//! election    making an election: keys, files, certificates
//! replay      published releases again, as signed notes
//! witness     someone outside who vouches that the log only grew: the program `tally-witness`
//! cli         the program `tally`
//! ```
//!
//! What a node says is a claim until a receipt for it has been verified here. There is no state
//! besides the outbox's directory.

pub mod answer;
pub mod attested;
pub mod audit;
pub mod backup;
pub mod bundle;
pub mod certificate;
pub mod chair;
pub mod cli;
mod client;
pub mod clock;
pub mod cluster;
pub mod connection;
pub mod disk;
pub mod election;
pub mod form;
pub mod log;
pub mod members;
mod order;
pub mod outbox;
pub mod random;
pub mod replay;
pub mod retry;
pub mod sheet;
pub mod witness;

pub use client::{Client, check_receipt};
