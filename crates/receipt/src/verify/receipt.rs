//! A receipt that holds.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use merkle::{LeafHash, LeafIndex};
use note::{SignedCheckpoint, UnixSeconds};

use super::author::Author;
use super::counted;
use crate::code::ShortCode;
use crate::leaf::Leaf;
use crate::manifest::{NodeId, Recovered};
use crate::proof::UnverifiedReceipt;
use crate::words::words;

words! {
    /// How much a receipt proves.
    pub enum ReceiptLevel {
        /// A majority of the nodes hold the report.
        Receipt = "receipt",
        /// The strong quorum and an outside witness have seen it: no leader alone can have made
        /// a second history that says otherwise.
        Final = "final",
    }
}

/// A receipt that holds. There is no other way to one than [`UnverifiedReceipt::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub(super) unverified: UnverifiedReceipt,
    pub(super) leaf: Leaf,
    pub(super) level: ReceiptLevel,
    pub(super) signers: Vec<Cosigner>,
    pub(super) author: Author,
    pub(super) manifest: u64,
    pub(super) lost: Option<Recovered>,
}

/// A leaf that is recorded under this hash; what it says is not at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The hash that names it.
    pub leaf: LeafHash,
    /// Where it stands in the log.
    pub index: LeafIndex,
    /// How much is proven.
    pub level: ReceiptLevel,
    /// Nodes by ordinal, then witnesses, each once.
    pub signers: Vec<Cosigner>,
    /// The manifest version whose keys and quorum were used.
    pub manifest: u64,
    /// The recovery that went on without this leaf, if there was one.
    pub lost: Option<Recovered>,
}

/// Who stands for the tree that a receipt is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigner {
    /// What the manifest calls it.
    pub id: NodeId,
    /// Node or outside witness.
    pub place: CosignerPlace,
    /// When it signed, by its own clock.
    pub time: UnixSeconds,
}

/// Node or outside witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CosignerPlace {
    /// A node of the election, by its ordinal.
    Node(u64),
    /// An outside witness.
    Witness,
}

impl Receipt {
    /// The exact bytes of the leaf.
    pub fn entry(&self) -> &[u8] {
        self.unverified.entry()
    }

    /// What it says.
    pub const fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// Where it stands in the log.
    pub const fn index(&self) -> LeafIndex {
        self.unverified.index()
    }

    /// The hash that names it.
    pub fn leaf_hash(&self) -> LeafHash {
        self.unverified.leaf_hash()
    }

    /// The code that people read to each other.
    pub fn code(&self) -> ShortCode {
        self.unverified.code()
    }

    /// The checkpoint it rests on.
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        self.unverified.checkpoint()
    }

    /// How much it proves.
    pub const fn level(&self) -> ReceiptLevel {
        self.level
    }

    /// Nodes by ordinal, then witnesses, each once.
    pub fn signers(&self) -> &[Cosigner] {
        &self.signers
    }

    /// Who signed the report, as far as this bundle can tell.
    pub const fn author(&self) -> &Author {
        &self.author
    }

    /// The manifest version whose keys and quorum were used.
    pub const fn manifest(&self) -> u64 {
        self.manifest
    }

    /// The recovery that went on from this receipt's log without its leaf, if there was one: then
    /// this receipt proves what was lost, and the note has to be sent again.
    pub const fn lost(&self) -> Option<&Recovered> {
        self.lost.as_ref()
    }

    /// The earliest cosignature: by then the report was in the log.
    pub fn earliest(&self) -> Option<UnixSeconds> {
        self.signers.iter().map(|signer| signer.time).min()
    }

    /// The (lower) median of the cosignatures' times, which one wrong clock does not move far.
    pub fn median(&self) -> Option<UnixSeconds> {
        let mut times: Vec<_> = self.signers.iter().map(|signer| signer.time).collect();
        times.sort_unstable();
        times.get(times.len().checked_sub(1)? >> 1).copied()
    }

    /// The receipt file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.unverified.to_bytes()
    }

    pub(super) fn summary(&self) -> String {
        let what = match self.leaf.unit() {
            Some(unit) => format!("the {} of unit {unit}", self.leaf.kind()),
            None => format!("the {}", self.leaf.kind()),
        };
        let caveat = match &self.author {
            Author::Known(_) => String::new(),
            Author::NotKnown { name: Some(name) } => {
                format!(" Who holds the key `{name}` this bundle cannot tell.")
            }
            Author::NotKnown { name: None } => " Who signed it this bundle cannot tell.".into(),
        };
        format!(
            "RECORDED{}: {what} is leaf {} of the log, confirmed by {}, as of manifest {}.{caveat}{}",
            level_words(self.level),
            self.index(),
            nodes_in_words(&self.signers),
            self.manifest,
            lost_words(self.lost.as_ref()),
        )
    }
}

impl Unread {
    pub(super) fn summary(&self) -> String {
        format!(
            "RECORDED{}: a report with the code {} is leaf {} of the log, confirmed by {}, as of manifest {}. What it says stands in the note, which is not at hand.{}",
            level_words(self.level),
            ShortCode::of_leaf(&self.leaf),
            self.index,
            nodes_in_words(&self.signers),
            self.manifest,
            lost_words(self.lost.as_ref()),
        )
    }
}

fn level_words(level: ReceiptLevel) -> &'static str {
    match level {
        ReceiptLevel::Receipt => "",
        ReceiptLevel::Final => ", final",
    }
}

fn nodes_in_words(signers: &[Cosigner]) -> String {
    let nodes = signers
        .iter()
        .filter(|signer| signer.place != CosignerPlace::Witness);
    counted(&nodes.count(), "node", "nodes")
}

fn lost_words(lost: Option<&Recovered>) -> String {
    lost.map(|recovered| {
        format!(
            " BUT LOST SINCE: the log that went on from `{}` begins with only {} of its leaves. This receipt proves it; send the note again.",
            recovered.origin, recovered.size
        )
    })
    .unwrap_or_default()
}
