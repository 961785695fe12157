//! The parsers of strangers' bytes, fed with what is kept in `corpus/` and with mutations of it.
//!
//! Each run is repeated by its seed: `TALLY_FUZZ_SEED=7 cargo test -p tests --test fuzz`.
//! `TALLY_NIGHTLY=1` makes two hundred times as many. `run.sh` makes as many as fit into a time, from a seed
//! that nobody had before.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect should stop there"
)]

mod mutate;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::mutate::Mutator;
use crate::targets::{TARGETS, Target};

/// Mutations of each target in an ordinary run.
const ORDINARY: u64 = 1_500;
/// And in a nightly one.
const NIGHTLY: u64 = 200 * ORDINARY;

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let listed =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = listed
        .map(|file| file.expect("list the corpus").path())
        .map(|path| (path.clone(), std::fs::read(&path).expect("read the corpus")))
        .collect();
    files.sort();
    files
}

fn holds(target: Target, bytes: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| target(bytes))).is_ok()
}

/// Every kept input, of every target: what was found once stays mended.
#[test]
fn what_is_kept_is_read_as_it_should_be() {
    for (name, target) in TARGETS {
        let kept = corpus(name);
        assert!(!kept.is_empty(), "{name} has a corpus");
        for (path, bytes) in kept {
            assert!(holds(*target, &bytes), "{}", path.display());
        }
    }
}

/// Deterministic mutations of the kept inputs. An input that fails is written beside the target
/// directory and named.
#[test]
fn no_mutation_makes_a_parser_panic_or_break_its_property() {
    let seed = number("TALLY_FUZZ_SEED").unwrap_or(1);
    let enough = Enough::asked();
    println!(
        "seed {seed}, {enough:?} for each of {} targets",
        TARGETS.len()
    );
    for (name, target) in TARGETS {
        let inputs: Vec<_> = corpus(name).into_iter().map(|(_, bytes)| bytes).collect();
        let mut mutator = Mutator::new(seed, inputs);
        let begun = Instant::now();
        let mut runs = 0;
        while !enough.is_reached(runs, begun) {
            let bytes = mutator.next_input();
            if !holds(*target, &bytes) {
                let path = std::env::temp_dir().join(format!("fuzz-{name}-{seed}-{runs}"));
                std::fs::write(&path, &bytes).expect("keep what failed");
                panic!(
                    "{name}: run {runs} of seed {seed} failed; its input is {}",
                    path.display()
                );
            }
            runs += 1;
        }
        println!("{name}: {runs} runs");
    }
}

/// How long each target is searched.
#[derive(Debug, Clone, Copy)]
enum Enough {
    Runs(u64),
    Seconds(u64),
}

impl Enough {
    fn asked() -> Enough {
        let nightly = std::env::var_os("TALLY_NIGHTLY").is_some();
        match number("TALLY_FUZZ_SECONDS") {
            Some(seconds) => Enough::Seconds(seconds),
            None if nightly => Enough::Runs(NIGHTLY),
            None => Enough::Runs(ORDINARY),
        }
    }

    fn is_reached(self, runs: u64, begun: Instant) -> bool {
        match self {
            Enough::Runs(most) => runs >= most,
            // The clock is looked at now and then: most runs are shorter than a look.
            Enough::Seconds(most) => {
                runs.is_multiple_of(64) && begun.elapsed() >= Duration::from_secs(most)
            }
        }
    }
}

/// A number that whoever started the run has given.
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
    )
}

/// The machinery itself: a property that is broken is noticed within an ordinary run.
#[test]
fn a_parser_that_is_wrong_is_found() {
    let refuses_two_dots: Target = |bytes| assert!(!bytes.windows(2).any(|pair| pair == b".."));
    let mut mutator = Mutator::new(1, vec![b"a.b.c.d".to_vec()]);
    let found = (0..ORDINARY).any(|_| !holds(refuses_two_dots, &mutator.next_input()));
    assert!(found);
}
