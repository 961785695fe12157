//! Between the nodes: what this one asks of the others and what it answers them, over mutual TLS.
//! Consensus itself is `replica`'s; its service listens on the same port.

pub(crate) mod calls;
pub(crate) mod service;
