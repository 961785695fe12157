//! An election as a verifier knows it: the manifest chain from a pinned fingerprint, and the files
//! that the manifests name.
//!
//! Opening a bundle checks everything that can be checked without the log. That a later version
//! really stands at the leaf that the bundle says, its own receipt shows, if the bundle has it.

mod chain;
mod error;
mod files;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use caucus::{ElectionId, Roll, Roster, Rules, Slot, UnitId};
use merkle::{Hash, LeafIndex, TreeSize, sha256};
use note::{Checkpoint, Origin, SignedNote, VerifierKey};

use crate::fingerprint::Fingerprint;
use crate::leaf::{LeafKind, person_key};
use crate::manifest::{ElectionKind, Manifest, Recovered};
use crate::policy::Policy;
use crate::proof::UnverifiedReceipt;

pub use error::BundleError;

/// What a verifier is handed: every manifest version, and the files that they name.
#[derive(Debug, Clone, Default)]
pub struct Bundle {
    /// The versions, in any order.
    pub manifests: Vec<BundledManifest>,
    /// Files by the SHA-256 of their bytes.
    pub files: BTreeMap<Hash, Vec<u8>>,
}

/// One manifest version and where it stands in the log.
#[derive(Debug, Clone)]
pub struct BundledManifest {
    /// The signed version.
    pub note: SignedNote,
    /// Its leaf. Version 1 is leaf 0 and a recovering version follows the leaves it recovered, so
    /// they need none. A version without a leaf is not in force.
    pub leaf: Option<LeafIndex>,
    /// Its own receipt, a `.tlog-proof`.
    pub receipt: Option<Vec<u8>>,
}

impl Bundle {
    /// Sorts a heap of files by what they are: manifests, receipts of manifests, and other files
    /// by their hash. What nothing names does no harm.
    pub fn from_files(files: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut bundle = Self::default();
        let mut receipts = BTreeMap::new();
        for file in files {
            if LeafKind::limits(&file) == note::Limits::MANIFEST
                && let Ok(note) = SignedNote::parse(&file)
            {
                bundle.manifests.push(BundledManifest {
                    note,
                    leaf: None,
                    receipt: None,
                });
            } else if let Ok(receipt) = UnverifiedReceipt::parse(&file) {
                receipts.insert(sha256(receipt.entry()), (receipt.index(), file));
            } else {
                bundle.files.insert(sha256(&file), file);
            }
        }
        for manifest in &mut bundle.manifests {
            if let Some((index, receipt)) = receipts.remove(&sha256(manifest.note.bytes())) {
                manifest.leaf = Some(index);
                manifest.receipt = Some(receipt);
            }
        }
        bundle
    }
}

/// A verified manifest chain with its files.
#[derive(Debug, Clone)]
pub struct Election {
    genesis: Hash,
    /// Every version, ascending by number. INVARIANT: the first is version 1.
    versions: Vec<Version>,
}

/// One version of the manifest, verified, with its files.
#[derive(Debug, Clone)]
pub struct Version {
    manifest: Manifest,
    hash: Hash,
    leaf: Option<LeafIndex>,
    receipt_policy: Policy,
    final_policy: Option<Policy>,
    roll: Arc<Roll>,
    roster: Arc<Roster>,
    rules: Arc<Rules>,
}

impl Election {
    /// Verifies a bundle against the pinned fingerprint.
    pub fn open(bundle: &Bundle, fingerprint: Fingerprint) -> Result<Self, BundleError> {
        let links = chain::verify(bundle, fingerprint)?;
        let mut files = files::Files::of(bundle)?;
        let mut genesis = None;
        let mut versions = Vec::new();
        for link in links {
            genesis = genesis.or(Some(link.hash));
            versions.push(files.open(link)?);
        }
        let election = Self {
            genesis: genesis.ok_or(BundleError::NoManifest)?,
            versions,
        };
        for receipt in bundle
            .manifests
            .iter()
            .filter_map(|manifest| manifest.receipt.as_ref())
        {
            let receipt =
                UnverifiedReceipt::parse(receipt).map_err(|error| BundleError::Receipt {
                    what: alloc::format!("{error}"),
                })?;
            election.check_receipt(&receipt)?;
        }
        Ok(election)
    }

    /// A manifest's own receipt must hold and place the manifest where the bundle says.
    fn check_receipt(&self, receipt: &UnverifiedReceipt) -> Result<(), BundleError> {
        let verification = receipt.verify(self);
        let recorded = verification.receipt().ok_or_else(|| BundleError::Receipt {
            what: alloc::format!(
                "a manifest's receipt does not hold: {}",
                verification.summary()
            ),
        })?;
        let placed = recorded.leaf().manifest().is_some_and(|manifest| {
            let hash = sha256(manifest.text().as_bytes());
            self.version_of(&hash)
                .is_some_and(|it| it.leaf == Some(recorded.index()))
        });
        if placed {
            return Ok(());
        }
        let what = alloc::format!("leaf {} is not where the bundle says", recorded.index());
        Err(BundleError::Receipt { what })
    }

    /// SHA-256 of the text of version 1: what every note of the election carries.
    pub const fn genesis(&self) -> &Hash {
        &self.genesis
    }

    /// The election's name.
    pub fn id(&self) -> &ElectionId {
        &self.first().manifest.header.election
    }

    /// Whether this is the night itself.
    pub fn kind(&self) -> ElectionKind {
        self.first().manifest.kind
    }

    /// Every version, ascending by number; those that no leaf has put in force as well.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// Version 1.
    #[expect(
        clippy::expect_used,
        reason = "open refuses a bundle without version 1"
    )]
    pub fn first(&self) -> &Version {
        self.versions
            .first()
            .expect("a chain begins with version 1")
    }

    /// The newest version that is in force and that no recovery has dropped.
    pub fn latest(&self) -> &Version {
        let dropped = |hash: &Hash| {
            self.versions
                .iter()
                .any(|version| version.manifest.lost.contains(hash))
        };
        let in_force = |version: &&Version| version.leaf.is_some() && !dropped(&version.hash);
        self.versions
            .iter()
            .rfind(in_force)
            .unwrap_or_else(|| self.first())
    }

    /// The version in force for a checkpoint of that log and size: the last one of that log whose
    /// leaf the tree contains.
    pub fn in_force(&self, origin: &Origin, size: TreeSize) -> Option<&Version> {
        let reached = |version: &&Version| {
            version.manifest.origin == *origin
                && version.leaf.is_some_and(|leaf| leaf.get() < size.get())
        };
        self.versions
            .iter()
            .filter(reached)
            .max_by_key(|version| version.leaf)
    }

    /// The version in force at a leaf of the tree that a checkpoint is of: the last one, on the way
    /// back from the checkpoint's own, whose leaf is not behind it. Leaves below a recovery were
    /// recorded under versions of the log before.
    pub fn in_force_at_leaf(&self, checkpoint: &Checkpoint, leaf: LeafIndex) -> Option<&Version> {
        let mut version = self.in_force(&checkpoint.origin, checkpoint.size)?;
        while version.leaf.is_none_or(|own| own > leaf) {
            version = self.version_of(&version.manifest.previous?)?;
        }
        Some(version)
    }

    /// How the log of this origin was recovered under another one, if it was.
    pub fn recovery_of(&self, origin: &Origin) -> Option<&Recovered> {
        self.versions
            .iter()
            .filter_map(|version| version.manifest.recovered.as_ref())
            .find(|recovered| recovered.origin == *origin)
    }

    /// The version whose text has this hash.
    pub fn version_of(&self, hash: &Hash) -> Option<&Version> {
        self.versions.iter().find(|version| version.hash == *hash)
    }
}

impl Version {
    /// The manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of its text.
    pub const fn hash(&self) -> &Hash {
        &self.hash
    }

    /// Its leaf; without one it is not in force.
    pub const fn leaf(&self) -> Option<LeafIndex> {
        self.leaf
    }

    /// The policy of receipt level.
    pub const fn receipt_policy(&self) -> &Policy {
        &self.receipt_policy
    }

    /// The policy of final level; none where the manifest names no outside witness, for then
    /// nothing can reach it.
    pub const fn final_policy(&self) -> Option<&Policy> {
        self.final_policy.as_ref()
    }

    /// The keys of chairs and the hashes of vouchers.
    pub fn roll(&self) -> &Roll {
        &self.roll
    }

    /// The night's units.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The night's rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The key of a unit's slot, as the roll has it. None as well if the key is unsound: such a
    /// key must count for nothing.
    pub fn chair_key(&self, unit: &UnitId, slot: Slot) -> Option<VerifierKey> {
        person_key(self.roll.key(unit, slot)?)
    }
}
