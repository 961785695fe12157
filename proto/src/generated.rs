//! The generated modules, one a protobuf package. Nothing here is written by hand; the `.proto`
//! files carry the documentation.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    elided_lifetimes_in_paths,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated code; which of these it trips changes with every release of the generator"
)]

/// Everyone: submissions, receipts, results, traces, exports, transparency, the election bundle, status.
pub mod v1 {
    include!("gen/tally.v1.rs");
}

/// Node to node: consensus traffic, forwarding, cosigning, gossip.
pub mod raft {
    include!("gen/tally.raft.v1.rs");
}

/// What stays in the Raft log for good.
pub mod log {
    include!("gen/tally.log.v1.rs");
}
