//! The election of a run: its keys, its notes, and everything that all its hosts know.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ledger::{Command, UnixMillis};
use merkle::leaf_hash;
use note::{CosignerKey, SignedNote, UnixSeconds};
use receipt::Election;
use testkit::{Fixture, Night, Random};

use crate::place::Place;

/// The seed of all keys.
const KEYS: u64 = 1;

/// What all hosts of a run know.
pub struct Stage {
    /// The election with its keys.
    pub fixture: Fixture,
    /// What receipts are verified with.
    pub election: Election,
    /// Its nodes.
    pub nodes: u64,
    /// All notes, the founding one first; a note's number is its place.
    pub notes: Vec<SignedNote>,
    /// Number by the note's bytes.
    pub numbers: BTreeMap<Vec<u8>, usize>,
    /// Whether nodes ask the cosigner without waiting for their disk: a mutant.
    pub hasty: bool,
    places: Mutex<Vec<Place>>,
}

impl Stage {
    /// An election with `nodes` nodes; of every unit a report, of every second a correction, of
    /// every fifth a rival to the correction.
    pub fn new(nodes: u64, units: u64) -> Self {
        let fixture = Fixture::new(Night::small(units), nodes, KEYS);
        let election = Election::open(&fixture.bundle(), fixture.fingerprint()).unwrap();
        let mut notes = vec![fixture.manifest.clone()];
        let reports = &fixture.night.reports;
        let firsts: Vec<_> = reports.iter().map(|r| fixture.submission(r)).collect();
        notes.extend(firsts.iter().cloned());
        for (number, report) in reports.iter().enumerate() {
            let first = leaf_hash(firsts[number].bytes());
            for (every, seq) in [(2, 2), (5, 3)] {
                if number % every == 0 {
                    let sheet = report.worksheet.clone();
                    notes.push(fixture.report(&report.unit, sheet, seq, Some(first)));
                }
            }
        }
        let numbers = notes.iter().enumerate();
        let numbers = numbers.map(|(number, note)| (note.bytes().to_vec(), number));
        Self {
            numbers: numbers.collect(),
            election,
            nodes,
            notes,
            hasty: std::env::var("TALLY_MUTANT").is_ok_and(|name| name == "head-unapplied"),
            places: Mutex::default(),
            fixture,
        }
    }

    /// Says where the nodes are.
    pub fn set(&self, places: Vec<Place>) {
        *self.places.lock().unwrap() = places;
    }

    /// The nodes.
    pub fn ordinals(&self) -> std::ops::RangeInclusive<u64> {
        1..=self.nodes
    }

    /// A node's cosigner key.
    pub fn cosigner(&self, ordinal: u64) -> CosignerKey {
        let name = self.fixture.content.origin.cosigner(&format!("n{ordinal}"));
        // As the fixture makes it, which keeps its own to itself.
        let seed = Random::fork(KEYS, &format!("cosigner {ordinal}")).bytes();
        CosignerKey::from_seed(name.unwrap(), seed)
    }

    /// What all nodes' clocks say.
    pub fn clocks(&self) -> Vec<UnixSeconds> {
        let places = self.places.lock().unwrap();
        let clock = |place: &Place| UnixSeconds::new(place.clock_ms() / 1_000);
        places.iter().map(clock).collect()
    }

    /// The command that records a note.
    pub fn command(&self, at: UnixMillis, note: Vec<u8>) -> Command {
        if note == self.notes[0].bytes() {
            Command::manifest(at, note, self.fixture.files.clone())
        } else {
            Command::note(at, note)
        }
    }
}
