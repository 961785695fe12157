//! Writes a log of any length, made from a seed, as `tally log archive` would: 1,765 units of Iowa
//! 2020, a report of each, then correction after correction.
//!
//! ```text
//! made_log LEAVES DIR        then: tally log verify --from DIR --fingerprint CODE
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "an example fails by panicking, and says what to run next"
)]

#[path = "../tests/log/made.rs"]
mod made;

use std::path::PathBuf;

/// Units of the night whose proportions the log has.
const UNITS: u64 = 1_765;

fn main() {
    let mut words = std::env::args().skip(1);
    let (Some(leaves), Some(folder)) = (words.next(), words.next()) else {
        panic!("give the number of leaves and a folder");
    };
    let folder = PathBuf::from(folder);
    let fixture = made::fixture(UNITS);
    let signed = made::publish(&fixture, leaves.parse().unwrap(), &folder);
    println!(
        "{} leaves\ntally log verify --from {} --fingerprint {}",
        signed.checkpoint().size,
        folder.display(),
        fixture.fingerprint().code()
    );
}
