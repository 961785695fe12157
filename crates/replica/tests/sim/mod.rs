//! The seams simulated: a disk that forgets what was not synced, a network of turmoil's.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    missing_debug_implementations,
    clippy::or_fun_call,
    clippy::unused_self,
    reason = "test support: shared by two test crates, neither of which uses all of it"
)]

pub mod disk;
pub mod election;
pub mod luck;
pub mod net;
