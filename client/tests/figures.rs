//! What it costs to verify a log: time and memory for as many leaves as `TALLY_LOG_LEAVES` says, by default
//! those of a night, and a million with `TALLY_NIGHTLY=1`.
//!
//! `cargo test -p client --test figures -- --nocapture` prints them; with `--release` they are those of the
//! program that people run. A process of its own, for its memory is measured as a whole.

#[cfg(test)]
#[path = "log/made.rs"]
mod made;

use std::time::Instant;

use client::log::folder::Folder;
use client::log::packed;
use client::log::verify::verify;
use mimalloc::MiMalloc;

/// As in `tally`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Units of the night whose proportions the log has.
const UNITS: u64 = 1_765;
/// A report of each unit, and corrections of most: twice as many as a night has seen.
const NIGHT: u64 = 4_000;
/// And the largest log that is promised to verify.
const LARGE: u64 = 1_000_000;

/// What a verification may take whatever the length: the roster, the roll with its keys, the files on their
/// way, the newest leaves.
const MOST_KIB: u64 = 160 * 1_024;
/// And for each leaf: its hashes, where it lies, that its signer used its id.
const MOST_KIB_A_LEAF: u64 = 1;

/// The whole log follows, in memory that grows by less than a KiB a leaf.
#[test]
fn a_log_is_verified_in_bounded_memory() {
    let asked = std::env::var("TALLY_LOG_LEAVES").ok();
    let nightly = std::env::var_os("TALLY_NIGHTLY").is_some();
    let leaves = match asked {
        Some(text) => text.parse().unwrap(),
        None if nightly => LARGE,
        None => NIGHT,
    };
    let place = tempfile::tempdir().unwrap();
    let fixture = made::fixture(UNITS);
    let begun = Instant::now();
    made::publish(&fixture, leaves, place.path());
    let made = begun.elapsed();
    let fingerprint = fixture.fingerprint();
    drop(fixture);

    forget_peak();
    let begun = Instant::now();
    let folder = Folder::at(place.path());
    let (bundle, election) = packed::open(&folder, Some(fingerprint)).unwrap();
    let verified = verify(&folder, &bundle, &election).unwrap();
    let took = begun.elapsed();
    let peak = peak_kib();

    assert_eq!(verified.size.get(), leaves);
    assert_eq!(verified.reported, UNITS.min(leaves.saturating_sub(1)));
    // One chair signs each report, and two authorities the manifest.
    println!(
        "{leaves} leaves, {} signatures: {:.2} s, {} \u{b5}s a leaf, at most {} MiB (made in {:.1} s)",
        leaves + 1,
        took.as_secs_f64(),
        took.as_micros() / u128::from(leaves),
        peak.map_or_else(|| "?".to_owned(), |kib| (kib / 1_024).to_string()),
        made.as_secs_f64(),
    );
    if let Some(peak) = peak {
        let most = MOST_KIB + leaves * MOST_KIB_A_LEAF;
        assert!(peak <= most, "{peak} KiB of {most}");
    }
}

/// Lets the kernel count the peak from now on. Where it does not, the making of the log is counted as well.
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most memory that this process has had, where the kernel says so.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
