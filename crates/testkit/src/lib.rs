//! What tests and the demo stand on: a generated night, real nights read from published releases,
//! and an election whose keys all come from one seed.
//!
//! ```text
//! Night::generate(seed, &Scale::iowa_2020())   1,678 precincts in 99 counties and 87 satellites
//! Night::small(n)                              n units, for a test
//! Night::from_release(dir)                     the releases of 2020 as they were published
//! Fixture::new(night, nodes)                   keys, manifest, roll, roster, rules, policies
//! ```
//!
//! Nothing here runs in a node or a client. There is no clock and no source of randomness but
//! [`Random`], so one seed always makes the same night, the same keys and the same notes.
#![expect(
    clippy::expect_used,
    reason = "whatever cannot be built here is a mistake in a test, and stops it"
)]

mod fixture;
mod night;
mod places;
mod random;
mod rooms;
mod shared;
mod slips;

pub use fixture::{Fixture, Person};
pub use night::{Night, Report, Scale};
pub use random::Random;
pub use release::{Published, ReleaseError};
pub use shared::{NoSharedData, shared_data};
pub use slips::Slip;
