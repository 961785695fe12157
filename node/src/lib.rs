//! The tally node: one process of a cluster that records signed reports and hands out receipts.
//!
//! ```text
//!  chairs ─► grpc, http ─► submissions ─► intake ─► auth ─► replica ─► ledger, on every node
//!                              │            └► peers (forwarded once)        │ applied
//!                          receipts ◄─ checkpoints ◄─ tasks/cosign ◄─ a majority's cosigners
//! ```
//! [`Node::start`] opens everything in the order in which it can fail and returns a
//! [`RunningNode`]; [`RunningNode::stop`] hands leadership over and closes everything in reverse.
//! What a chair's note means is decided in `ledger`, how the nodes agree in `replica`, what a
//! receipt is in `receipt`: here they meet sockets, clocks and files.

mod admission;
mod admitted;
mod auth;
mod barrier;
mod charter;
mod checkpoints;
pub mod clock;
pub mod config;
mod core;
pub mod cosigner;
mod cosigning;
mod credentials;
mod doors;
mod evidence;
mod figures;
mod files;
mod founding;
mod gossip;
mod grpc;
mod heads;
mod http;
mod intake;
mod keys;
mod listeners;
mod lives;
mod membership;
mod node;
mod open;
mod operations;
mod orders;
mod peers;
mod readiness;
mod receipts;
mod recovery;
mod retired;
mod start_error;
mod submissions;
mod tasks;
mod tls;
mod trace_file;
mod vetting;
mod watchman;

pub use node::{Addresses, Node, Parts, RunningNode};
pub use start_error::StartError;
