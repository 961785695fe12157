//! The client against a night in memory: its kept receipts, and its talk with a node over TLS.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect should stop there"
)]

mod acts;
mod golden;
mod night;
mod node;
mod second;
mod wire;
