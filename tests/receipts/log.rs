//! A log in memory from which receipts are made, with all keys of its election at hand.

use std::collections::BTreeMap;
use std::convert::Infallible;

use merkle::{Frontier, Hash, LeafIndex, Nodes, TreeSize, leaf_hash, prove_inclusion};
use note::SignedCheckpoint;
use receipt::{Election, UnverifiedReceipt};
use testkit::{Fixture, Night};

/// An election of `nodes` nodes, and the log of its night.
pub(crate) struct Log {
    pub(crate) fixture: Fixture,
    pub(crate) election: Election,
    entries: BTreeMap<u64, Vec<u8>>,
    frontier: Frontier,
    hashes: BTreeMap<(u8, u64), Hash>,
}

impl Nodes for Log {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.hashes[&(level, index)])
    }
}

impl Log {
    /// The manifest and every report of a night of `units`.
    pub(crate) fn of_night(units: u64, nodes: u64) -> Self {
        let fixture = Fixture::new(Night::small(units), nodes, 2020);
        let election = Election::open(&fixture.bundle(), fixture.fingerprint()).unwrap();
        let mut log = Self {
            election,
            entries: BTreeMap::new(),
            frontier: Frontier::new(),
            hashes: BTreeMap::new(),
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
        let index = self.frontier.size().get();
        self.grow(leaf_hash(&entry));
        self.entries.insert(index, entry);
    }

    fn grow(&mut self, leaf: merkle::LeafHash) {
        for node in self.frontier.push(leaf) {
            self.hashes.insert((node.level, node.index), node.hash);
        }
    }

    /// Lets the log grow to `size` leaves that nobody asks for a receipt of.
    pub(crate) fn grow_to(&mut self, size: u64) {
        for number in self.frontier.size().get()..size {
            self.grow(leaf_hash(&number.to_be_bytes()));
        }
    }

    pub(crate) fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.frontier.root()
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
        let Ok(proof) = prove_inclusion(self, index, self.size()) else {
            panic!("leaf {index} is in the tree")
        };
        let entry = self.entry(index.get()).to_vec();
        UnverifiedReceipt::build(entry, index, proof, self.checkpoint(nodes))
    }
}
