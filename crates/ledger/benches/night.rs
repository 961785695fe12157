//! How long the totals of a night take from its leaves, and one report more.
//!
//! ```text
//! recompute   every leaf parsed, then sums and results on three bases from the sheets; no signature
//!             is checked and no tree is built
//! correction  apply() of one correction that moves all sums, in memory: parsing, findings, sums,
//!             tree, digest; the signature is taken for checked
//! ```
//! Before the timings it says how much memory each size takes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench fails by panicking, and says how much memory it takes"
)]

use std::hint::black_box;

use caucus::{Basis, Kind, People, Results, Standing};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ledger::{Command, Fault, Memory, Outcome, Table, Tables, UnixMillis, Visit, apply};
use note::{SignatureLine, VerifierKey};
use receipt::Leaf;
use testkit::{Fixture, Night, Scale};

const SIZES: [u64; 2] = [1_765, 200_000];

/// Memory that takes signatures for checked.
struct Trusting(Memory);

impl Tables for Trusting {
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.0.read(table, key)
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: Visit<'_>) -> Result<(), Fault> {
        self.0.scan(table, prefix, visit)
    }

    fn accepts(&self, _: &VerifierKey, _: &str, _: &SignatureLine) -> bool {
        true
    }
}

fn memory_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let words = line.and_then(|line| line.split_whitespace().nth(1));
    words.and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn night(size: u64) -> Night {
    Night::generate(7, &Scale::units(size))
}

/// The reports as leaves, without roll and manifest.
fn leaves(fixture: &Fixture) -> Vec<Vec<u8>> {
    let reports = fixture.night.reports.iter();
    reports
        .map(|report| fixture.submission(report).bytes().to_vec())
        .collect()
}

fn results(fixture: &Fixture, leaves: &[Vec<u8>]) -> [Results; 3] {
    let night = &fixture.night;
    let parsed = leaves.iter().filter_map(|leaf| {
        if let Leaf::Submission(submission) = Leaf::parse_entry(leaf).unwrap().0 {
            Some(submission)
        } else {
            None
        }
    });
    let sheets: Vec<_> = parsed.collect();
    assert_eq!(sheets.len(), leaves.len());
    let sheets = || {
        sheets.iter().map(|submission| {
            let unit = night.roster.unit(&submission.unit).unwrap();
            (unit, &submission.figures.worksheet, Standing::Verified)
        })
    };
    Basis::ALL.map(|basis| Results::of(basis, &night.rules, &night.roster, sheets()).unwrap())
}

fn recompute(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recompute");
    group.sample_size(10);
    for size in SIZES {
        let fixture = Fixture::new(night(size), 3, 7);
        let leaves = leaves(&fixture);
        let before = memory_kib("VmRSS");
        black_box(results(&fixture, &leaves));
        let bytes: usize = leaves.iter().map(Vec::len).sum();
        println!(
            "{size} units: {} KiB of leaves; {before} KiB before, {} KiB at most while recomputing",
            bytes / 1024,
            memory_kib("VmHWM"),
        );
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| black_box(results(&fixture, &leaves)));
        });
    }
    group.finish();
}

/// A night in which every unit has reported.
fn reported(fixture: &Fixture) -> Trusting {
    let at = UnixMillis::default();
    let manifest = fixture.manifest.bytes().to_vec();
    let begin = Command::manifest(at, manifest, fixture.files.clone());
    let reports = leaves(fixture).into_iter();
    let reports = reports.map(|leaf| Command::note(at, leaf));
    let mut state = Trusting(Memory::new());
    for command in std::iter::once(begin).chain(reports) {
        let (outcome, changes) = apply(&state, &command).unwrap();
        assert!(!matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
        state.0.absorb(changes);
    }
    state
}

fn correction(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("correction");
    for size in SIZES {
        let fixture = Fixture::new(night(size), 3, 7);
        let state = reported(&fixture);
        let first = fixture
            .night
            .reports
            .iter()
            .find(|report| matches!(fixture.night.unit(report).kind, Kind::Precinct { .. }));
        let first = first.unwrap();
        let mut worksheet = first.worksheet.clone();
        worksheet.last = worksheet
            .last
            .iter()
            .map(|(group, _)| (group.clone(), People::ZERO))
            .collect();
        let head = fixture.submission(first).leaf_hash();
        let note = fixture.report(&first.unit, worksheet, 2, Some(head));
        let command = Command::note(UnixMillis::default(), note.bytes().to_vec());
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| {
                let (outcome, changes) = apply(&state, &command).unwrap();
                assert!(matches!(outcome, Outcome::Corrected { .. }));
                changes
            });
        });
    }
    group.finish();
}

criterion_group!(benches, recompute, correction);
criterion_main!(benches);
