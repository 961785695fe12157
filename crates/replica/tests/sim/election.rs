//! The commands of a run: a made-up election's manifest, then a report of each of its units.

use std::sync::OnceLock;

use bytes::Bytes;

use ledger::{Act, Command, Tables, UnixMillis};
use replica::codec;
use testkit::{Fixture, Night};

/// Units that the election has; there are as many reports.
const UNITS: u64 = 120;

/// All commands, encoded; the first one founds the election.
pub fn commands() -> Vec<Bytes> {
    static COMMANDS: OnceLock<Vec<Bytes>> = OnceLock::new();
    let make = || {
        let fixture = Fixture::new(Night::small(UNITS), 3, 1);
        let manifest = fixture.manifest.bytes().to_vec();
        let founding = Command::manifest(UnixMillis::new(1), manifest, fixture.files.clone());
        let reports = fixture.night.reports.iter().map(|report| {
            let at = UnixMillis::new(1_000 + report.arrival_ms);
            Command::note(at, fixture.submission(report).bytes())
        });
        std::iter::once(founding)
            .chain(reports)
            .map(|command| codec::encode(command).unwrap())
            .collect()
    };
    COMMANDS.get_or_init(make).clone()
}

/// The note that a command carries.
pub fn note(command: &Bytes) -> Vec<u8> {
    match codec::decode(command.clone()).unwrap().act {
        Act::Note { bytes } => bytes,
        Act::Manifest { note, .. } => note,
    }
}

/// The ledger's own invariants.
pub fn check(tables: &impl Tables) {
    if let Err(broken) = ledger::check(tables) {
        panic!("{broken}");
    }
}
