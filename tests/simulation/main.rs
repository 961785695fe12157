//! Whole evenings in virtual time: real consensus, ledger, replica, cosigner and the client's real
//! outbox and retry, on disks that forget what was not flushed and a network that loses, holds and
//! cuts. A run is a function of its seed.
//!
//! ```text
//! cargo test -p tests --test simulation -- one_seed --nocapture    with TALLY_SIMULATION_SEED=n
//! ```
//! repeats run n, bit for bit. `fresh_seeds` takes its seeds from `TALLY_SIMULATION_FIRST`, or
//! from the date, and as many as `TALLY_SIMULATION_SEEDS` says: a hundred by itself, thousands with
//! `TALLY_NIGHTLY=1`. Seeds that once failed stand in `seeds.txt` and go first.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::struct_field_names,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::needless_pass_by_value,
    missing_debug_implementations,
    reason = "a test"
)]

mod chairs;
mod cluster;
mod course;
mod damage;
mod desk;
mod disaster;
mod gate;
mod host;
mod invariants;
mod mutants;
mod nemesis;
mod panics;
mod place;
mod promises;
mod run;
#[path = "../../crates/replica/tests/sim/mod.rs"]
mod sim;
mod stage;
mod swarm;
mod wire;

/// One run: the seed that is asked for, or the first. In a process of its own, as all are.
#[test]
fn one_seed() {
    let seed = std::env::var("TALLY_SIMULATION_SEED").map_or(1, |seed| seed.parse().unwrap());
    if std::env::var_os(gate::CHILD).is_none() {
        gate::run(std::iter::once(seed), None, |ended| {
            println!("{:#?}", ended.report);
            assert_eq!(ended.wrong, None, "seed {seed}");
            false
        });
        return;
    }
    let report = run::run(seed);
    println!("{}{}", gate::MARK, serde_json::to_string(&report).unwrap());
    assert!(
        report.violations.is_empty(),
        "seed {seed}: {:#?}",
        report.violations
    );
}

/// The same seed in two processes: one history, to the last microsecond.
#[test]
fn a_seed_repeats_its_run_bit_for_bit() {
    let mut histories = Vec::new();
    gate::run([11, 11].into_iter(), None, |ended| {
        let report = ended.report.as_ref().unwrap();
        histories.push((report.history.clone(), report.clone()));
        false
    });
    assert_eq!(histories.len(), 2);
    assert_eq!(histories[0], histories[1]);
    let mut other = None;
    gate::run(std::iter::once(12), None, |ended| {
        other = ended.report.as_ref().map(|report| report.history.clone());
        false
    });
    assert_ne!(
        other.as_ref(),
        Some(&histories[0].0),
        "another seed, another run"
    );
}

/// Seeds that once failed, then fresh ones. Everything that is planned is done, everything holds.
#[test]
fn fresh_seeds() {
    let total = gate::gate();
    total.print();
    println!("figures {}", serde_json::to_string(&total).unwrap());
    assert!(total.failed.is_empty(), "failed: {:?}", total.failed);
    let never = total.never();
    let few = total.seeds < 50;
    assert!(few || never.is_empty(), "never happened: {never:?}");
}
