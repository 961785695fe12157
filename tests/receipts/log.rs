//! A log in memory from which receipts are made, with all keys of its election at hand.

use std::collections::BTreeMap;

use client::log::hashes::Hashes;
use merkle::{Hash, LeafIndex, TreeSize, leaf_hash, prove_inclusion};
use note::SignedCheckpoint;
use receipt::{Election, UnverifiedReceipt};
use testkit::{Fixture, Night};

/// An election of `nodes` nodes, and the log of its night.
pub(crate) struct Log {
    pub(crate) fixture: Fixture,
    pub(crate) election: Election,
    entries: BTreeMap<u64, Vec<u8>>,
    hashes: Hashes,
}

impl Log {
    /// The manifest and every report of a night of `units`.
    pub(crate) fn of_night(units: u64, nodes: u64) -> Self {
        let fixture = Fixture::new(Night::small(units), nodes, 2020);
        let election = Election::open(&fixture.bundle(), fixture.fingerprint()).unwrap();
        let mut log = Self {
            election,
            entries: BTreeMap::new(),
            hashes: Hashes::new(),
            fixture,
        };
        log.push(log.fixture.manifest.bytes().to_vec());
        let reports: Vec<_> = log
            .fixture
            .night
            .reports
            .iter()
            .map(|report| log.fixture.submission(report).bytes().to_vec())
            .collect();
        for report in reports {
            log.push(report);
        }
        log
    }

    fn push(&mut self, entry: Vec<u8>) {
        let index = self.size().get();
        self.hashes.push(leaf_hash(&entry));
        self.entries.insert(index, entry);
    }

    /// Lets the log grow to `size` leaves that nobody asks for a receipt of.
    pub(crate) fn grow_to(&mut self, size: u64) {
        for number in self.size().get()..size {
            self.hashes.push(leaf_hash(&number.to_be_bytes()));
        }
    }

    pub(crate) fn size(&self) -> TreeSize {
        self.hashes.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.hashes.root_at(self.size()).unwrap()
    }

    pub(crate) fn entry(&self, index: u64) -> &[u8] {
        &self.entries[&index]
    }

    /// The tree's head, cosigned by these nodes.
    pub(crate) fn checkpoint(&self, nodes: &[u64]) -> SignedCheckpoint {
        self.fixture.checkpoint(self.size(), self.root(), nodes)
    }

    /// The receipt of a leaf in the whole tree.
    pub(crate) fn receipt(&self, index: u64, nodes: &[u64]) -> UnverifiedReceipt {
        let index = LeafIndex::new(index);
        let Ok(proof) = prove_inclusion(&self.hashes, index, self.size()) else {
            panic!("leaf {index} is in the tree")
        };
        let entry = self.entry(index.get()).to_vec();
        UnverifiedReceipt::build(entry, index, proof, self.checkpoint(nodes))
    }
}
