//! A folder judged from itself alone and the pinned fingerprint: the checkpoint against the
//! election's policy, every tile against the checkpoint's root, every leaf against its tile, every
//! signature, every rule, and every sum again. Of what does not hold the file is named.
//!
//! Every core reads files, hashes leaves and verifies signatures; one of them applies the rules. A
//! few files of leaves are in memory at a time; what stays of a leaf is its hashes, where it lies, and
//! that its signer used its id: less than a KiB.

use std::num::NonZero;
use std::sync::Arc;

use caucus::{Basis, ResultRow};
use ledger::{Fault, Replay, ReplayError, View};
use merkle::{EntryBundle, Hash, LeafHash, Tile, TreeSize, leaf_hash};
use note::{SignedCheckpoint, UnixSeconds};
use receipt::{Bundle, Election};

use super::examine::{self, Examining};
use super::folder::{CHECKPOINT, FileError, Folder};
use super::hashes::Hashes;
use super::state::{State, bundle_of};

/// A log that holds.
#[derive(Debug, Clone)]
pub struct Verified {
    /// How many leaves the checkpoint covers.
    pub size: TreeSize,
    /// Their root.
    pub root: Hash,
    /// What its cosignatures amount to.
    pub level: Level,
    /// Who cosigned it, by the policy's names, and when.
    pub signers: Vec<(String, UnixSeconds)>,
    /// The manifest version whose policy it satisfies.
    pub manifest: u64,
    /// Units with figures that stand.
    pub reported: u64,
    /// Units that are held back.
    pub held: u64,
    /// The sums of the contest, as reported.
    pub statewide: Vec<ResultRow>,
}

/// What a checkpoint's cosignatures amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A majority of the nodes.
    Receipt,
    /// More nodes than could lie to two sides, and an outside witness.
    Final,
}

impl Level {
    /// The word for it in files and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Final => "final",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Receipt, Self::Final]
            .into_iter()
            .find(|level| level.word() == word)
    }
}

/// Why a log does not hold, or cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file is missing, damaged or not what the checkpoint covers.
    #[error(transparent)]
    File(#[from] FileError),
    /// No checkpoint was published yet, so nobody vouched for anything.
    #[error("there is no checkpoint to compare with")]
    NoCheckpoint,
    /// Fewer known keys than needed cosigned the checkpoint, and keys that the bundle does not know
    /// did: a newer bundle may know them.
    #[error("`checkpoint` is cosigned by keys that this bundle does not know; a newer one may")]
    NewerBundle,
    /// The leaves are those that were cosigned, and they break the rules.
    #[error("`{file}` breaks the rules")]
    Rules {
        /// The file with the leaf.
        file: String,
        /// Which leaf, and which rule.
        #[source]
        source: ReplayError,
    },
    /// The bundle is not the election that was pinned.
    #[error("the bundle does not hold")]
    Bundle(#[from] receipt::BundleError),
    /// The recomputed state cannot be read.
    #[error("the recomputed state cannot be read")]
    Fault(#[from] Fault),
    /// The thread that verifies signatures ended early.
    #[error("the check of signatures stopped before the end of the log")]
    Stopped,
}

/// Judges the folder.
pub fn verify(
    folder: &Folder,
    bundle: &Bundle,
    election: &Election,
) -> Result<Verified, VerifyError> {
    let signed = folder.checkpoint()?.ok_or(VerifyError::NoCheckpoint)?;
    let stated = signed.checkpoint();
    let endorsed = judge(&signed, election)?;
    let tree = read_tree(folder, stated.size, &stated.root)?;
    manifests_stand(bundle, election, &tree)?;
    let state = replay(folder, bundle, election, &tree)?;
    let view = View::new(&state);
    if view.tree_size()? != stated.size || view.root()? != stated.root {
        let what = "what the rules lead to is not what it covers";
        return Err(FileError::wrong(CHECKPOINT, what).into());
    }
    let counts = view.counts()?;
    let results = view.results(Basis::Reported)?;
    Ok(Verified {
        size: stated.size,
        root: stated.root,
        level: endorsed.level,
        signers: endorsed.signers,
        manifest: endorsed.manifest,
        reported: counts.reported,
        held: counts.held,
        statewide: results.map(|results| results.statewide).unwrap_or_default(),
    })
}

/// A checkpoint that enough nodes cosigned.
#[derive(Debug)]
pub struct Endorsed {
    /// What its cosignatures amount to.
    pub level: Level,
    /// Who cosigned it, by the policy's names, and when.
    pub signers: Vec<(String, UnixSeconds)>,
    /// The manifest version whose policy it satisfies.
    pub manifest: u64,
}

/// Holds a checkpoint against the policies of the version in force at its size.
pub fn judge(signed: &SignedCheckpoint, election: &Election) -> Result<Endorsed, VerifyError> {
    let stated = signed.checkpoint();
    let wrong = |what: String| VerifyError::from(FileError::wrong(CHECKPOINT, what));
    let version = election
        .in_force(&stated.origin, stated.size)
        .ok_or_else(|| wrong(format!("`{}` is no log of this election", stated.origin)))?;
    let receipt = version.receipt_policy().evaluate(signed);
    let final_policy = version.final_policy();
    let beyond = final_policy.map(|policy| policy.evaluate(signed));
    let failing = beyond.iter().flat_map(|beyond| &beyond.failing);
    if let Some(line) = receipt.failing.iter().chain(failing).next() {
        return Err(wrong(format!(
            "the signature of `{}` does not verify",
            line.name
        )));
    }
    if !receipt.met && !receipt.unknown.is_empty() {
        return Err(VerifyError::NewerBundle);
    }
    if !receipt.met {
        let got = receipt.witnesses.len();
        return Err(wrong(format!(
            "only {got} of this election's nodes cosigned it, which is no majority"
        )));
    }
    let final_met = beyond.as_ref().is_some_and(|beyond| beyond.met);
    let mut signers = receipt.witnesses;
    signers.extend(beyond.into_iter().flat_map(|beyond| beyond.witnesses));
    Ok(Endorsed {
        level: if final_met {
            Level::Final
        } else {
            Level::Receipt
        },
        signers: signers.into_iter().collect(),
        manifest: version.manifest().version,
    })
}

/// The tree of the folder's tiles, which is the one whose root was cosigned.
pub(super) fn read_tree(
    folder: &Folder,
    size: TreeSize,
    root: &Hash,
) -> Result<Hashes, VerifyError> {
    let mut tree = Hashes::new();
    let (leaves, above): (Vec<Tile>, Vec<Tile>) = Tile::all_of(size)
        .into_iter()
        .partition(|tile| tile.level == 0);
    for tile in &leaves {
        for hash in folder.tile(tile)? {
            tree.push(LeafHash::from_hash(hash));
        }
    }
    if tree.root_at(size) != Some(*root) {
        return Err(culprit(folder, size, root, &tree)?);
    }
    for tile in &above {
        if tree.tile(tile) != Some(folder.tile(tile)?.as_slice()) {
            let what = "its hashes are not those of the tiles below it";
            return Err(FileError::wrong(tile.path(), what).into());
        }
    }
    Ok(tree)
}

/// Which file it is, when the tiles do not lead to the root: the leaves tell.
fn culprit(
    folder: &Folder,
    size: TreeSize,
    root: &Hash,
    tiles: &Hashes,
) -> Result<VerifyError, VerifyError> {
    let mut entries = Hashes::new();
    let mut differing = None;
    for bundle in EntryBundle::all_of(size) {
        for (index, entry) in bundle.leaves().zip(folder.entries(&bundle)?) {
            let hash = leaf_hash(&entry);
            entries.push(hash);
            if differing.is_none() && tiles.leaf(index) != Some(*hash.as_hash()) {
                differing = Some(bundle);
            }
        }
    }
    let file = match differing {
        Some(bundle) => Tile {
            level: 0,
            index: bundle.index,
            width: bundle.width,
        }
        .path(),
        None => CHECKPOINT.to_owned(),
    };
    let what = match (entries.root_at(size) == Some(*root), differing) {
        (true, _) => "its hashes are not those of the leaves, which the checkpoint covers".into(),
        (false, Some(bundle)) => format!(
            "its hashes are neither those of `{}` nor of the checkpoint",
            bundle.path()
        ),
        (false, None) => "leaves and tiles agree, and it covers another tree: \
                          the log was rewritten, or this is another log's checkpoint"
            .into(),
    };
    Ok(FileError::wrong(file, what).into())
}

/// Every manifest that the bundle places in the log is the leaf there.
fn manifests_stand(bundle: &Bundle, election: &Election, tree: &Hashes) -> Result<(), VerifyError> {
    for version in election.versions() {
        let Some(leaf) = version.leaf().filter(|leaf| leaf.get() < tree.size().get()) else {
            continue;
        };
        let own = bundle
            .manifests
            .iter()
            .find(|bundled| bundled.note.text_hash() == *version.hash());
        let stands = own.map(|own| *own.note.leaf_hash().as_hash()) == tree.leaf(leaf.get());
        if !stands {
            let file = format!("bundle/manifest-{}.note", version.manifest().version);
            let entries = bundle_of(leaf.get(), tree.size()).path();
            let what = format!("it is not leaf {leaf}, which is in `{entries}`");
            return Err(FileError::wrong(file, what).into());
        }
    }
    Ok(())
}

/// The state that the leaves lead to. Every core reads and examines leaves; this thread applies
/// them, and helps the others while it has none to apply.
fn replay<'f>(
    folder: &'f Folder,
    bundle: &Bundle,
    election: &Election,
    tree: &'f Hashes,
) -> Result<State<'f>, VerifyError> {
    let threads = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let keys = examine::keys_of(election, threads);
    let examining = Examining::new(folder, tree, &keys, threads);
    let replay = Replay::new(&bundle.files, State::new(folder, tree)).knowing(Arc::clone(&keys));
    std::thread::scope(|scope| {
        let asking = examining.asking();
        let others: Vec<_> = (1..threads.get())
            .map(|_| scope.spawn(|| examining.work()))
            .collect();
        let applied = apply_leaves(replay, tree, &examining);
        drop(asking);
        for other in others {
            // Whether one fell over was told to whoever waited for its file.
            let _ = other.join();
        }
        applied
    })
}

/// Applies leaves as they come.
fn apply_leaves<'f>(
    mut replay: Replay<'_, State<'f>>,
    tree: &Hashes,
    examining: &Examining<'_>,
) -> Result<State<'f>, VerifyError> {
    let breaks = |source: ReplayError| match source {
        ReplayError::Fault(fault) => VerifyError::Fault(fault),
        ReplayError::Leaf { index, .. } => VerifyError::Rules {
            file: bundle_of(index, tree.size()).path(),
            source,
        },
    };
    while let Some(leaves) = examining.next() {
        let leaves = leaves?;
        let lengths: Vec<usize> = leaves.iter().map(|leaf| leaf.bytes().len()).collect();
        for leaf in leaves {
            replay.push_examined(leaf).map_err(breaks)?;
        }
        replay.state_mut().settle(&lengths);
    }
    replay.finish().map_err(breaks)
}
