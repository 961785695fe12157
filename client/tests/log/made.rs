//! Logs made from a seed: a night's leaves, and folders with them as a cluster would publish them.

use std::collections::BTreeMap;
use std::path::Path;

use caucus::{People, UnitId, Worksheet};
use client::log::archive::Archive;
use client::log::folder::{CHECKPOINT, Folder};
use client::log::hashes::Hashes;
use merkle::{EntryBundle, LeafHash, Tile, TreeSize, leaf_hash};
use note::SignedCheckpoint;
use receipt::Election;
use testkit::{Fixture, Night, Scale};

/// The nodes that cosign: a majority of three, and no more.
pub(crate) const COSIGNERS: [u64; 2] = [1, 2];

/// An election with this many units.
pub(crate) fn fixture(units: u64) -> Fixture {
    Fixture::new(Night::generate(7, &Scale::units(units)), 3, 7)
}

/// What the fixture's bundle proves.
pub(crate) fn election(fixture: &Fixture) -> Election {
    Election::open(&fixture.bundle(), fixture.fingerprint()).unwrap()
}

/// Shows `count` leaves in order: the manifest, every unit's report, then corrections of every unit
/// in turn, each of the one before it.
pub(crate) fn leaves(fixture: &Fixture, count: u64, mut each: impl FnMut(&[u8])) {
    each(fixture.manifest.bytes());
    let mut heads: BTreeMap<UnitId, LeafHash> = BTreeMap::new();
    let mut made = 1;
    for seq in 1.. {
        for report in &fixture.night.reports {
            if made >= count {
                return;
            }
            let sheet = sheet_of(&report.worksheet, seq);
            let before = heads.get(&report.unit).copied();
            let note = fixture.report(&report.unit, sheet, seq, before);
            heads.insert(report.unit.clone(), note.leaf_hash());
            each(note.bytes());
            made += 1;
        }
    }
}

/// The sheet, or every second time one without a second alignment.
fn sheet_of(first: &Worksheet, seq: u64) -> Worksheet {
    let mut sheet = first.clone();
    if seq.is_multiple_of(2) {
        let groups: Vec<_> = sheet.last.groups().cloned().collect();
        sheet.last = groups
            .into_iter()
            .map(|group| (group, People::ZERO))
            .collect();
    }
    sheet
}

/// Writes leaves into a folder as they come; finished, it is what a cluster publishes.
pub(crate) struct Writer {
    folder: Folder,
    tree: Hashes,
    pending: Vec<Vec<u8>>,
}

impl Writer {
    pub(crate) fn into(path: &Path) -> Writer {
        Writer {
            folder: Folder::at(path),
            tree: Hashes::new(),
            pending: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, entry: &[u8]) {
        self.tree.push(leaf_hash(entry));
        self.pending.push(entry.to_vec());
        if self.pending.len() == 256 {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let Ok(width @ 1..) = u16::try_from(self.pending.len()) else {
            return;
        };
        let index = (self.tree.size().get() - 1) / 256;
        let bundle = EntryBundle { index, width };
        let bytes = EntryBundle::encode(self.pending.iter().map(Vec::as_slice)).unwrap();
        self.folder.write(&bundle.path(), &bytes).unwrap();
        self.pending.clear();
    }

    /// Writes tiles, checkpoint and bundle.
    pub(crate) fn finish(mut self, fixture: &Fixture) -> SignedCheckpoint {
        self.flush();
        let size = self.tree.size();
        for tile in Tile::all_of(size) {
            let bytes = Tile::encode(self.tree.tile(&tile).unwrap());
            self.folder.write(&tile.path(), &bytes).unwrap();
        }
        let root = self.tree.root_at(size).unwrap();
        let signed = fixture.checkpoint(size, root, &COSIGNERS);
        self.folder.write(CHECKPOINT, &signed.to_bytes()).unwrap();
        let archive = Archive::open(self.folder).unwrap();
        archive
            .write_bundle(&fixture.bundle(), &election(fixture))
            .unwrap();
        signed
    }
}

/// A folder with the first `count` leaves.
pub(crate) fn publish(fixture: &Fixture, count: u64, path: &Path) -> SignedCheckpoint {
    let mut writer = Writer::into(path);
    leaves(fixture, count, |entry| writer.push(entry));
    assert_eq!(writer.tree.size(), TreeSize::new(count));
    writer.finish(fixture)
}
