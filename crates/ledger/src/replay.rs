//! The state again, from the leaves and the files of the manifests alone: what an auditor does with
//! the public log, and a node with its own before it cosigns.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use merkle::{Hash, LeafIndex};
use note::{SignatureLine, VerifierKey};
use receipt::{Leaf, Manifest};

use crate::apply::apply_examined;
use crate::changes::Changes;
use crate::command::UnixMillis;
use crate::examined::{Examined, KnownKeys};
use crate::kept::Kept;
use crate::memory::Memory;
use crate::outcome::Outcome;
use crate::tables::{Fault, Table, Tables, Visit};
use crate::view::View;

/// Why leaves do not make a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// A leaf is not what the state machine would have recorded there.
    #[error("leaf {index}: {what}")]
    Leaf {
        /// Its index.
        index: u64,
        /// What is wrong.
        what: String,
    },
    /// The state being built can not be read, which in memory is a defect of this program.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Applies leaves in their order, checking every signature again.
///
/// Derived leaves are compared with what is derived again and never applied. The state without
/// leaves (time, refused notes) is not in the log, and stays empty.
pub fn replay<L: AsRef<[u8]>>(
    leaves: impl IntoIterator<Item = L>,
    files: &BTreeMap<Hash, Vec<u8>>,
) -> Result<Memory, ReplayError> {
    replay_into(leaves, files, Memory::new())
}

/// As [`replay`], for leaves whose signatures were checked when they were applied.
pub(crate) fn replay_trusting<L: AsRef<[u8]>>(
    leaves: impl IntoIterator<Item = L>,
    files: &BTreeMap<Hash, Vec<u8>>,
) -> Result<Memory, ReplayError> {
    Ok(replay_into(leaves, files, Trusting(Memory::new()))?.0)
}

fn replay_into<L: AsRef<[u8]>, S: Absorb>(
    leaves: impl IntoIterator<Item = L>,
    files: &BTreeMap<Hash, Vec<u8>>,
    state: S,
) -> Result<S, ReplayError> {
    let mut replay = Replay::new(files, state);
    for leaf in leaves {
        replay.push(leaf.as_ref())?;
    }
    replay.finish()
}

/// A state that changes can be written to.
pub trait Absorb: Tables {
    /// Writes what a command changes.
    fn absorb(&mut self, changes: Changes);
}

impl Absorb for Memory {
    fn absorb(&mut self, changes: Changes) {
        Memory::absorb(self, changes);
    }
}

/// A replay that is given one leaf after the other, so that whoever reads a long log need not hold
/// it. What the state keeps of the leaves is the state's own affair: [`Memory`] keeps them all.
#[derive(Debug)]
pub struct Replay<'f, S> {
    files: &'f BTreeMap<Hash, Vec<u8>>,
    state: S,
    kept: Kept,
    given: u64,
}

impl<'f, S: Absorb> Replay<'f, S> {
    /// Begins before the first leaf, with an empty state and the files that manifests name.
    pub fn new(files: &'f BTreeMap<Hash, Vec<u8>>, state: S) -> Self {
        Self {
            files,
            state,
            kept: Kept::default(),
            given: 0,
        }
    }

    /// The same, with keys that were examined already: those by which leaves are examined. Whether
    /// they may sign is still the state's affair.
    #[must_use]
    pub fn knowing(mut self, keys: Arc<KnownKeys>) -> Self {
        self.kept.know(keys);
        self
    }

    /// Applies the next leaf.
    pub fn push(&mut self, leaf: &[u8]) -> Result<(), ReplayError> {
        self.push_examined(Examined::of(leaf, &KnownKeys::none()))
    }

    /// Applies the next leaf, which was examined beforehand.
    pub fn push_examined(&mut self, leaf: Examined) -> Result<(), ReplayError> {
        let index = self.given;
        self.given = self.given.saturating_add(1);
        let content = leaf.content().as_ref().ok();
        let content = content.map(|read| Arc::clone(&read.leaf));
        let Some(changes) = changes_of(&self.state, &self.kept, self.files, index, leaf)? else {
            return Ok(());
        };
        self.state.absorb(changes);
        if let Some(content) = content {
            self.kept.keep(LeafIndex::new(index), content);
        }
        Ok(())
    }

    /// The state so far.
    pub const fn state(&self) -> &S {
        &self.state
    }

    /// The same, for a state that is told things between two leaves.
    pub const fn state_mut(&mut self) -> &mut S {
        &mut self.state
    }

    /// Ends the replay; refused while a leaf that must follow was not given.
    pub fn finish(self) -> Result<S, ReplayError> {
        if View::new(&self.state).tree_size()?.get() > self.given {
            return Err(ReplayError::Leaf {
                index: self.given,
                what: "the leaf that is derived here is missing".to_string(),
            });
        }
        Ok(self.state)
    }
}

/// What the leaf at `index` changes; nothing, if the leaf before it derived it. One function for
/// every state, so that the rules are compiled here and once.
fn changes_of(
    state: &dyn Tables,
    kept: &Kept,
    files: &BTreeMap<Hash, Vec<u8>>,
    index: u64,
    leaf: Examined,
) -> Result<Option<Changes>, ReplayError> {
    let refuse = |what| ReplayError::Leaf { index, what };
    let tables = kept.over(state);
    let view = View::new(&tables);
    // An act that derives a leaf has appended it already: the next leaf must be that one.
    if index < view.tree_size()?.get() {
        if view.leaf(LeafIndex::new(index))?.as_deref() == Some(leaf.bytes()) {
            return Ok(None);
        }
        return Err(refuse(
            "not what is derived from the leaves before it".to_string(),
        ));
    }
    let files = match leaf.content() {
        Ok(read) => read
            .leaf
            .manifest()
            .map(|manifest| files_of(manifest, files)),
        Err(_) => return Err(refuse(unreadable(leaf.bytes()))),
    };
    // The time of a command is not in the log.
    let at = UnixMillis::default();
    let (outcome, changes) = apply_examined(&tables, at, leaf, &files.unwrap_or_default())?;
    match outcome {
        Outcome::Recorded { .. }
        | Outcome::Corrected { .. }
        | Outcome::Rival { .. }
        | Outcome::Superseded { .. }
        | Outcome::Stray { .. }
        | Outcome::Applied { .. } => Ok(Some(changes)),
        Outcome::Refused { refusal, .. } => Err(refuse(refusal.to_string())),
        Outcome::AlreadyRecorded { leaf, .. } => {
            Err(refuse(format!("its text is leaf {} already", leaf.index)))
        }
    }
}

/// Why bytes that are no note can not be a leaf here.
fn unreadable(leaf: &[u8]) -> String {
    match Leaf::parse_entry(leaf) {
        Ok(_) => "nothing before it derives this leaf".to_string(),
        Err(malformed) => malformed.to_string(),
    }
}

fn files_of(manifest: &Manifest, files: &BTreeMap<Hash, Vec<u8>>) -> Vec<Vec<u8>> {
    manifest
        .named_files()
        .iter()
        .filter_map(|hash| files.get(hash).cloned())
        .collect()
}

/// Memory that takes signatures for checked.
#[derive(Debug)]
struct Trusting(Memory);

impl Absorb for Trusting {
    fn absorb(&mut self, changes: Changes) {
        self.0.absorb(changes);
    }
}

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
