//! The network in earnest: [`Transport`](crate::seams::Transport) and the receiving service over
//! tonic, with mutual TLS.
//!
//! ```text
//!   GrpcTransport   the way out: channels that are kept, one a node and lane
//!   PeerGuard       the door: certificate, genesis, sender, receiver, and both data directories
//!   RaftService     behind the door: messages to Inbound, refusals to statuses
//! ```
//! No socket is opened for listening here and no certificate made or loaded: the node does that
//! and gives the bytes. Deadlines are the replica's (`network.rs`); what is set here bounds only
//! connecting and the silence on a connection.

mod guard;
mod lives;
mod service;
mod transport;

pub use guard::{CertificateCheck, PeerGuard, certificate_names};
pub use lives::{LifeOf, Lives};
pub use service::RaftService;
pub use transport::{GrpcPeer, GrpcTransport, Headers, PeerConnection, PeerTls, TransportConfig};

/// Largest message between nodes, in bytes: an append request with one command of the largest
/// size in it, and room for what surrounds it.
pub const MAX_MESSAGE_BYTES: usize = crate::codec::MAX_COMMAND_BYTES + 1024 * 1024;

/// The election's genesis, as 44 characters of base64.
const GENESIS: &str = "tally-genesis";
/// The caller's ordinal.
const FROM: &str = "tally-from";
/// The ordinal of the node the caller means to reach.
const TO: &str = "tally-to";
/// The life of the caller's data directory.
const FROM_LIFE: &str = "tally-from-life";
/// The life of the data directory that the caller means to reach.
const TO_LIFE: &str = "tally-to-life";
/// In an answer: the life of the data directory that it comes from.
const LIFE: &str = "tally-life";
