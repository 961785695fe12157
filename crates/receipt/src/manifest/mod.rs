//! The manifest: who takes part in an election, with which keys, and which files belong to it.
//!
//! Its grammar and what one version says by itself stand here; that versions follow each other is
//! `election`'s part, that a version is in force the ledger's.

mod check;
mod lines;

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use merkle::{Hash, TreeSize};
use note::{KeyName, Origin, SignedNote, UnixSeconds, VerifierKey};

use crate::leaf::{Header, Leaf, Role};
use crate::words::words;

/// The largest ordinal. A receipt's short form names a node by six bits.
pub const MAX_ORDINAL: u64 = 63;

/// One version of an election's manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The header; its genesis is absent in version 1 and only there.
    pub header: Header,
    /// From 1.
    pub version: u64,
    /// SHA-256 of the text of the version before; absent in version 1.
    pub previous: Option<Hash>,
    /// Whether the version waits for an `activate`.
    pub effect: Effect,
    /// Whether this is the night itself.
    pub kind: ElectionKind,
    /// The log's name.
    pub origin: Origin,
    /// The log that this one goes on from, after a majority of its nodes was lost.
    pub recovered: Option<Recovered>,
    /// Versions of the old log that its backup did not have, by the hash of their texts.
    pub lost: Vec<Hash>,
    /// Who may sign the next version.
    pub authority: Authority,
    /// Keys of people, ascending by role and key.
    pub keys: Vec<PersonKey>,
    /// The nodes over whom quorums are counted, ascending by ordinal.
    pub nodes: Vec<NodeLine>,
    /// Nodes that may replace one; they count for nothing. Ascending by ordinal.
    pub spares: Vec<NodeLine>,
    /// Outside witnesses, ascending by id.
    pub witnesses: Vec<WitnessLine>,
    /// When the caucuses begin: said to people, no decision rests on it.
    pub opens: UnixSeconds,
    /// When they end, likewise.
    pub closes: UnixSeconds,
    /// SHA-256 of the policy file of receipt level.
    pub receipt_policy: Hash,
    /// SHA-256 of the policy file of final level.
    pub final_policy: Hash,
    /// The roll: how many lines it has, and its hash.
    pub roll: CountedFile,
    /// The roster: how many units it has, and its hash.
    pub roster: CountedFile,
    /// SHA-256 of the rule file.
    pub rules: Hash,
}

words! {
    /// Whether a manifest is of the night itself.
    pub enum ElectionKind {
        /// The night.
        Live = "live",
        /// A rehearsal: its own genesis, origin and keys, and every page says so.
        Rehearsal = "rehearsal",
    }
}

/// When a version takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// With its own leaf.
    WithItsLeaf,
    /// Signed before the night (line `successor`): its leaf needs an `activate` before it.
    OnceActivated,
}

/// Where a recovered log goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The old log.
    pub origin: Origin,
    /// How many of its leaves the new log begins with; this version is leaf number `size`.
    pub size: TreeSize,
    /// The root over them.
    pub root: Hash,
}

/// How many of which keys sign a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// How many must sign: at least 1, at most as many as there are names.
    pub threshold: u64,
    /// The names of all keys of role authority, ascending.
    pub names: Vec<KeyName>,
}

/// A person's key and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonKey {
    /// What for.
    pub role: Role,
    /// The key, of type Ed25519.
    pub key: VerifierKey,
}

/// A node or a spare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeLine {
    /// The node's number in consensus and in short receipts: 1 to [`MAX_ORDINAL`], never used
    /// again for another node.
    pub ordinal: u64,
    /// Its name, never used again either.
    pub id: NodeId,
    /// Signs checkpoints for the log; named as the origin.
    pub log: VerifierKey,
    /// Cosigns checkpoints for this node; named `<origin>/<id>`.
    pub cosigner: VerifierKey,
}

/// An outside witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessLine {
    /// What policies call it.
    pub id: NodeId,
    /// Its key, of the cosignature type.
    pub key: VerifierKey,
}

/// A file by its hash, and how many entries it has, so that people can compare a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountedFile {
    /// How many entries.
    pub count: u64,
    /// SHA-256 of its bytes.
    pub hash: Hash,
}

/// What a node or witness is called: 1 to 32 of `a-z`, `0-9` and `-`, first a letter or digit. It
/// becomes part of a host name and of a key's name. The words that policy files use for groups
/// are not names: `none`, `nodes`, `outside`, `final`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(String);

impl NodeId {
    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = (1..=32).contains(&text.len())
            && !text.starts_with('-')
            && text
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !matches!(text, "none" | "nodes" | "outside" | "final");
        sound.then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A manifest that its authority did not sign, or not well enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotEndorsed {
    /// Too few keys of the authority signed.
    #[error("{got} of the authority's keys signed, {need} are needed")]
    TooFew {
        /// How many must.
        need: u64,
        /// How many did.
        got: u64,
    },
    /// A line is of a key that is not the authority's.
    #[error("`{name}` is no key of the authority")]
    Stranger {
        /// The line's name.
        name: KeyName,
    },
    /// A line does not verify.
    #[error("the signature of `{name}` does not verify")]
    BadSignature {
        /// The line's name.
        name: KeyName,
    },
}

impl Manifest {
    /// The text that the authority signs.
    pub fn text(&self) -> String {
        Leaf::from(self.clone()).text()
    }

    /// The election's genesis: what the header says, or for version 1 the hash of its own text.
    pub fn genesis(&self) -> Hash {
        self.header
            .genesis
            .unwrap_or_else(|| merkle::sha256(self.text().as_bytes()))
    }

    /// The files that belong to this version, by their hashes: rules, roster, roll, and the policies
    /// of receipt level and final level.
    pub const fn named_files(&self) -> [Hash; 5] {
        [
            self.rules,
            self.roster.hash,
            self.roll.hash,
            self.receipt_policy,
            self.final_policy,
        ]
    }

    /// The keys of one role.
    pub fn keys_of(&self, role: Role) -> impl Iterator<Item = &VerifierKey> {
        self.keys
            .iter()
            .filter(move |person| person.role == role)
            .map(|person| &person.key)
    }

    /// The node with this ordinal; a spare is none.
    pub fn node(&self, ordinal: u64) -> Option<&NodeLine> {
        self.nodes.iter().find(|node| node.ordinal == ordinal)
    }

    /// How many nodes must cosign at receipt level: a majority of the node lines.
    pub fn receipt_quorum(&self) -> usize {
        (self.nodes.len() >> 1).saturating_add(1)
    }

    /// How many nodes must cosign at final level, beside an outside witness:
    /// floor((n + f) / 2) + 1 of the node lines, so that two such quorums share f + 1 nodes. f, the
    /// nodes that may lie, is 1 where there are three or more, else none.
    pub fn final_quorum(&self) -> usize {
        let may_lie = usize::from(self.nodes.len() >= 3);
        (self.nodes.len().saturating_add(may_lie) >> 1).saturating_add(1)
    }

    /// Whether enough of this version's authority signed `note`, and nobody else did.
    ///
    /// Every line must be of an authority key and verify: a surplus bad one refuses the note, as
    /// the same text may be signed anew.
    pub fn endorses(&self, note: &SignedNote) -> Result<(), NotEndorsed> {
        let mut signers = BTreeSet::new();
        for line in note.signatures() {
            let key = self
                .keys_of(Role::Authority)
                .find(|key| key.claims(line))
                .ok_or_else(|| NotEndorsed::Stranger {
                    name: line.name.clone(),
                })?;
            if !key.verifies(note.text(), line) {
                return Err(NotEndorsed::BadSignature {
                    name: line.name.clone(),
                });
            }
            signers.insert(key);
        }
        let got = u64::try_from(signers.len()).unwrap_or(u64::MAX);
        if got < self.authority.threshold {
            return Err(NotEndorsed::TooFew {
                need: self.authority.threshold,
                got,
            });
        }
        Ok(())
    }
}
