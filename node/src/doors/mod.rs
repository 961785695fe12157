//! What stands between the network and the services: how many connections there are, which of
//! them are given up for new ones, how long a call may take, and which certificate is shown.
//!
//! ```text
//!   connections   every connection of a port, and the sweep that closes those that do nothing
//!   guarded       a connection's bytes, until it is told to close
//!   acceptor      the API's and the operations' way in
//!   peers         the other nodes' way in
//!   calls         the deadlines of calls, and the places they hold until their last byte
//!   identity      the certificate that is shown, to be exchanged while the node runs
//! ```
//! Nothing here knows what a note is.

pub(crate) mod acceptor;
pub(crate) mod calls;
pub(crate) mod connections;
pub(crate) mod guarded;
pub(crate) mod identity;
pub(crate) mod peers;
