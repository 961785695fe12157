//! Real processes under faults, and at their doors. Each test has a cluster of its own and checks at its end
//! what a stranger could check.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where something is missing")]

mod doors;
mod failover;
mod identity;
mod refusals;
