//! The parsers of strangers' bytes, fed with what is kept in `corpus/` and with mutations of it.
//!
//! Each run is repeated by its seed: `TALLY_FUZZ_SEED=7 cargo test -p tests --test fuzz`.
//! `TALLY_NIGHTLY=1` makes two hundred times as many. `run.sh` has the coverage-guided search.
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
    let seed = std::env::var("TALLY_FUZZ_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let runs = if std::env::var_os("TALLY_NIGHTLY").is_some() {
        NIGHTLY
    } else {
        ORDINARY
    };
    println!(
        "seed {seed}, {runs} runs of each of {} targets",
        TARGETS.len()
    );
    for (name, target) in TARGETS {
        let inputs: Vec<_> = corpus(name).into_iter().map(|(_, bytes)| bytes).collect();
        let mut mutator = Mutator::new(seed, inputs);
        for run in 0..runs {
            let bytes = mutator.next_input();
            if !holds(*target, &bytes) {
                let path = std::env::temp_dir().join(format!("fuzz-{name}-{seed}-{run}"));
                std::fs::write(&path, &bytes).expect("keep what failed");
                panic!(
                    "{name}: run {run} of seed {seed} failed; its input is {}",
                    path.display()
                );
            }
        }
    }
}

/// The machinery itself: a property that is broken is noticed within an ordinary run.
#[test]
fn a_parser_that_is_wrong_is_found() {
    let refuses_two_dots: Target = |bytes| assert!(!bytes.windows(2).any(|pair| pair == b".."));
    let mut mutator = Mutator::new(1, vec![b"a.b.c.d".to_vec()]);
    let found = (0..ORDINARY).any(|_| !holds(refuses_two_dots, &mutator.next_input()));
    assert!(found);
}
