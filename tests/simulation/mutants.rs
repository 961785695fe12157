//! Defects on purpose, one at a time: the simulation has to find each within its seeds. They are in
//! every build with debug assertions and asleep until `TALLY_MUTANT` names one to a process.
//!
//! ```text
//! ./ops/test --only mutants                       all of them
//! TALLY_MUTANTS=dedupe-off ./ops/test --only mutants
//! ```
//! In the gate three of them a day.

use serde::Serialize;

use crate::gate;

/// Each defect by its name, and what is wrong with it.
pub const MUTANTS: [(&str, &str); 13] = [
    (
        "callback-before-fsync",
        "the log says that it is flushed before it is",
    ),
    ("vote-not-fsynced", "a vote is told before it is on disk"),
    ("dedupe-off", "a text that is a leaf already is not known"),
    (
        "dedupe-not-in-snapshot",
        "a snapshot leaves out which texts are leaves",
    ),
    (
        "read-without-barrier",
        "a default read asks nobody whether it is fresh",
    ),
    (
        "gate-without-flush",
        "a node cosigns what is not on its own disk",
    ),
    (
        "head-unapplied",
        "a node cosigns a tree that it has not applied",
    ),
    ("snapshot-without-hash", "a damaged snapshot is installed"),
    (
        "node-id-reuse",
        "a node with an empty disk takes its old place",
    ),
    (
        "no-pre-vote",
        "a node that was cut off stands for election at once",
    ),
    ("no-probe", "five nodes wait for a majority for ever"),
    (
        "system-time-in-apply",
        "each node applies with its own clock",
    ),
    (
        "append-without-deadline",
        "a swallowed connection is waited for",
    ),
];

/// Seeds that a defect may survive before it counts as not found.
const MOST_SEEDS: u64 = 60;

/// What became of a mutant.
#[derive(Debug, Serialize)]
struct Caught {
    name: &'static str,
    mutant: &'static str,
    /// The seed that found it.
    seed: Option<u64>,
    /// Seeds run.
    seeds: u64,
    /// What was seen.
    by: String,
}

fn hunt(mutant: &'static str) -> Caught {
    let mut caught = Caught {
        name: "mutant",
        mutant,
        seed: None,
        seeds: 0,
        by: String::new(),
    };
    gate::run(1..=MOST_SEEDS, Some(mutant), |ended| {
        caught.seeds += 1;
        if let Some(wrong) = &ended.wrong {
            caught.seed = Some(ended.seed);
            caught.by = wrong.chars().take(160).collect();
        }
        caught.seed.is_some()
    });
    caught
}

/// Which ones are hunted today.
fn chosen() -> Vec<&'static str> {
    let all = MUTANTS.iter().map(|(name, _)| *name);
    if let Ok(names) = std::env::var("TALLY_MUTANTS") {
        return all
            .filter(|name| names.split(',').any(|one| one == *name))
            .collect();
    }
    if std::env::var("TALLY_NIGHTLY").is_ok() {
        return all.collect();
    }
    let day = usize::try_from(gate::today()).unwrap();
    let rotated = all.cycle().skip(day * 3 % MUTANTS.len());
    rotated.take(3).collect()
}

/// Debug assertions bring the defects in, so no profile that programs for use are built with has
/// them.
#[test]
fn no_release_build_has_a_defect() {
    let manifest = include_str!("../../Cargo.toml");
    assert!(manifest.contains("[profile.release]"));
    assert!(!manifest.contains("debug-assertions"));
}

#[test]
fn each_mutant_is_caught() {
    let mut survivors = Vec::new();
    for mutant in chosen() {
        let caught = hunt(mutant);
        match caught.seed {
            Some(seed) => println!("{mutant}: caught by `{}` at seed {seed}", caught.by),
            None => println!("{mutant}: survived {} seeds", caught.seeds),
        }
        println!("figures {}", serde_json::to_string(&caught).unwrap());
        if caught.seed.is_none() {
            survivors.push(mutant);
        }
    }
    assert!(survivors.is_empty(), "not found: {survivors:?}");
}
