//! What is said on the wire and kept in the log.
//!
//! Three protobuf packages, each with its rule of change (`proto/README.md`):
//!
//! - [`v1`]: the public API; grows only by new fields, methods and services.
//! - [`raft`]: node to node, over mutual TLS; all nodes of a cluster speak it.
//! - [`log`]: what stays in the Raft log for good.
//!
//! The Rust code under `src/gen` is made from the `.proto` files by `tests/generated.rs` and
//! checked in, so that building needs no protobuf compiler. [`convert`] is the only place where
//! wire types and domain types meet. There is no transport here and no policy: who may call what
//! is the node's business.

pub mod convert;
mod generated;
pub mod json;

pub use generated::{log, raft, v1};

/// The descriptors of all services, for gRPC server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("gen/descriptors.bin");
