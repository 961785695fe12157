//! A log and its bundle written into a folder, or continued there.
//!
//! The folder's checkpoint is written last: until then what it covers is what was there before. A
//! copy that was cut short goes on from the files of leaves that it has; should they turn out not to
//! belong to the log, they are fetched again before anybody is accused. Nothing is synced to disk:
//! what a crash tears, `verify` names and the next archive mends.

use std::io;
use std::path::PathBuf;

use merkle::{EntryBundle, Hash, LeafHash, TILE_WIDTH, Tile, TreeSize, leaf_hash, prove_inclusion};
use note::{Origin, SignedCheckpoint};
use receipt::{Bundle, Election, UnverifiedReceipt};

use super::folder::{CHECKPOINT, FileError, Folder};
use super::hashes::Hashes;
use super::source::Source;
use super::verify::{VerifyError, judge};
use crate::answer::Trouble;
use crate::bundle;

/// A folder with a log in it, and the tree over the leaves that its checkpoint covers.
#[derive(Debug)]
pub struct Archive {
    folder: Folder,
    tree: Hashes,
    checkpoint: Option<SignedCheckpoint>,
}

/// What following a source led to.
#[derive(Debug)]
pub enum Followed {
    /// Leaves were added: those from here to the tree's new size.
    Grown {
        /// How many there were before.
        from: TreeSize,
    },
    /// The source has what the folder has, or the beginning of it.
    Same {
        /// How many leaves the source's checkpoint covers.
        size: TreeSize,
    },
    /// The source has published no checkpoint yet.
    Nothing,
}

/// Why a log was not archived.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The source gave no answer that can be used; another may.
    #[error("{0}")]
    Source(Trouble),
    /// What is in the folder is damaged.
    #[error(transparent)]
    File(#[from] FileError),
    /// The source's checkpoint is not one of this election.
    #[error("its checkpoint does not hold")]
    Checkpoint(#[source] VerifyError),
    /// The source's checkpoint is not of the log that the folder has: one of two cosigned trees is
    /// not what the other grew from.
    #[error("{0}")]
    Forked(Box<Fork>),
    /// The log was recovered under another name.
    #[error(
        "the folder has the log `{ours}`; the source has `{theirs}`, which needs its own folder"
    )]
    Recovered {
        /// The folder's.
        ours: Origin,
        /// The source's.
        theirs: Origin,
    },
    /// The folder cannot be written.
    #[error("write the archive")]
    Disk(#[from] io::Error),
    /// The bundle cannot be packed with its receipts.
    #[error("pack the bundle: {0}")]
    Bundle(String),
}

/// Two checkpoints, each with enough signatures, that cannot both be of one growing log.
#[derive(Debug, Clone)]
pub struct Fork {
    /// The one that the folder's leaves lead to.
    pub ours: SignedCheckpoint,
    /// The other.
    pub theirs: SignedCheckpoint,
    /// The root of our leaves at the size of the other checkpoint, when we have as many.
    pub root: Option<Hash>,
}

impl std::fmt::Display for Fork {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "two checkpoints of `{}`, at {} and at {} leaves, are not of one log",
            self.ours.checkpoint().origin,
            self.ours.checkpoint().size,
            self.theirs.checkpoint().size,
        )
    }
}

impl Archive {
    /// Opens a folder, which may be empty or missing. The tree is read from its tiles and held
    /// against its checkpoint; the leaves are not read.
    pub fn open(folder: Folder) -> Result<Self, FileError> {
        let mut tree = Hashes::new();
        let checkpoint = folder.checkpoint()?;
        if let Some(signed) = &checkpoint {
            let stated = signed.checkpoint();
            let tiles = Tile::all_of(stated.size).into_iter();
            for tile in tiles.filter(|tile| tile.level == 0) {
                for hash in folder.tile(&tile)? {
                    tree.push(LeafHash::from_hash(hash));
                }
            }
            if tree.root_at(stated.size) != Some(stated.root) {
                let what =
                    "the tiles do not lead to its root; `tally log verify` says which is wrong";
                return Err(FileError::wrong(CHECKPOINT, what));
            }
        }
        Ok(Self {
            folder,
            tree,
            checkpoint,
        })
    }

    /// The folder.
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The tree over the leaves that the checkpoint covers.
    pub const fn tree(&self) -> &Hashes {
        &self.tree
    }

    /// The newest checkpoint.
    pub const fn checkpoint(&self) -> Option<&SignedCheckpoint> {
        self.checkpoint.as_ref()
    }

    /// Fetches what the source has more of, if its checkpoint satisfies the election's policy and
    /// the leaves lead to its root.
    pub async fn follow(
        &mut self,
        source: &Source,
        election: &Election,
    ) -> Result<Followed, ArchiveError> {
        let Some(bytes) = source.checkpoint().await.map_err(ArchiveError::Source)? else {
            return Ok(Followed::Nothing);
        };
        let signed = SignedCheckpoint::parse(&bytes).map_err(|error| {
            ArchiveError::Source(Trouble::Misbehaved(format!("a checkpoint: {error}")))
        })?;
        judge(&signed, election).map_err(ArchiveError::Checkpoint)?;
        let stated = signed.checkpoint().clone();
        self.same_origin(&stated.origin)?;
        let from = self.tree.size();
        if stated.size <= from {
            self.compare(&signed)?;
            return Ok(Followed::Same { size: stated.size });
        }
        let mut grown = None;
        for leftovers in [Leftovers::Taken, Leftovers::FetchedAgain] {
            let tree = self.fetch(source, stated.size, leftovers).await?;
            if tree.root_at(stated.size) == Some(stated.root) {
                grown = Some(tree);
                break;
            }
        }
        let Some(tree) = grown else {
            return Err(self.mismatch(signed));
        };
        self.write_tiles(&tree, from)?;
        self.folder.write(CHECKPOINT, &bytes)?;
        self.remove_edge(from, stated.size);
        self.tree = tree;
        self.checkpoint = Some(signed);
        Ok(Followed::Grown { from })
    }

    /// Holds a checkpoint that is not ahead against the tree.
    pub fn compare(&self, theirs: &SignedCheckpoint) -> Result<(), ArchiveError> {
        let stated = theirs.checkpoint();
        match self.tree.root_at(stated.size) {
            Some(root) if root == stated.root => Ok(()),
            Some(_) | None => Err(self.mismatch(theirs.clone())),
        }
    }

    /// A recovery ends one log and begins another: each has its own folder.
    fn same_origin(&self, theirs: &Origin) -> Result<(), ArchiveError> {
        match &self.checkpoint {
            Some(ours) if ours.checkpoint().origin != *theirs => Err(ArchiveError::Recovered {
                ours: ours.checkpoint().origin.clone(),
                theirs: theirs.clone(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    fn mismatch(&self, theirs: SignedCheckpoint) -> ArchiveError {
        match &self.checkpoint {
            Some(ours) => ArchiveError::Forked(Box::new(Fork {
                root: self.tree.root_at(theirs.checkpoint().size),
                ours: ours.clone(),
                theirs,
            })),
            None => ArchiveError::Source(Trouble::Misbehaved(
                "its leaves do not lead to the root of its checkpoint".to_owned(),
            )),
        }
    }

    /// The tree up to `size`, its leaves written into the folder.
    async fn fetch(
        &self,
        source: &Source,
        size: TreeSize,
        leftovers: Leftovers,
    ) -> Result<Hashes, ArchiveError> {
        let mut tree = self.tree.clone();
        let known = tree.size().get();
        let full = known / u64::from(TILE_WIDTH);
        for bundle in EntryBundle::all_of(size) {
            if bundle.index < full {
                continue;
            }
            let entries = match self.leftover(&bundle, leftovers) {
                Some(entries) => entries,
                None => self.take(source, &bundle).await?,
            };
            for (index, entry) in bundle.leaves().zip(entries) {
                let hash = leaf_hash(&entry);
                // The file in which the folder's leaves end begins with leaves that it has. If they
                // are others now the root would not show it, as ours are the ones in the tree.
                if index >= known {
                    tree.push(hash);
                } else if tree.leaf(index) != Some(*hash.as_hash()) {
                    return Ok(Hashes::new());
                }
            }
        }
        Ok(tree)
    }

    /// Leaves that an archive which was cut short has written.
    fn leftover(&self, bundle: &EntryBundle, leftovers: Leftovers) -> Option<Vec<Vec<u8>>> {
        let usable = leftovers == Leftovers::Taken
            && bundle.width == TILE_WIDTH
            && self.folder.has(&bundle.path());
        usable.then(|| self.folder.entries(bundle).ok()).flatten()
    }

    async fn take(
        &self,
        source: &Source,
        bundle: &EntryBundle,
    ) -> Result<Vec<Vec<u8>>, ArchiveError> {
        let entries = source.entries(bundle).await.map_err(ArchiveError::Source)?;
        let bytes = EntryBundle::encode(entries.iter().map(Vec::as_slice)).ok_or_else(|| {
            ArchiveError::Source(Trouble::Misbehaved("a leaf that is too long".to_owned()))
        })?;
        self.folder.write(&bundle.path(), &bytes)?;
        Ok(entries)
    }

    fn write_tiles(&self, tree: &Hashes, from: TreeSize) -> io::Result<()> {
        for tile in Tile::all_of(tree.size()) {
            if tile.fits(from) && self.folder.has(&tile.path()) {
                continue;
            }
            let hashes = tree.tile(&tile).unwrap_or_default();
            self.folder.write(&tile.path(), &Tile::encode(hashes))?;
        }
        Ok(())
    }

    /// Removes the partial files at the edge of a smaller tree; where that fails they do no harm.
    fn remove_edge(&self, old: TreeSize, new: TreeSize) {
        let tiles = Tile::all_of(old)
            .into_iter()
            .filter(|tile| tile.width < TILE_WIDTH && !Tile::all_of(new).contains(tile))
            .map(|tile| tile.path());
        let bundles = EntryBundle::all_of(old)
            .into_iter()
            .filter(|bundle| bundle.width < TILE_WIDTH)
            .map(|bundle| bundle.path());
        for path in tiles.chain(bundles) {
            let path = self.folder.path().join(path);
            let _ = std::fs::remove_file(&path);
            if let Some(parent) = path.parent() {
                // Refused, rightly, while another width lies there.
                let _ = std::fs::remove_dir(parent);
            }
        }
    }

    /// Writes the bundle with a receipt for every version that the tree has, and the two files that
    /// tell people what the folder is.
    pub fn write_bundle(&self, bundle: &Bundle, election: &Election) -> Result<(), ArchiveError> {
        let Some(signed) = &self.checkpoint else {
            return Ok(());
        };
        let mut packed = bundle.clone();
        for bundled in &mut packed.manifests {
            let version = election.version_of(&bundled.note.text_hash());
            let leaf = version.and_then(receipt::Version::leaf);
            let Some(leaf) = leaf.filter(|leaf| leaf.get() < self.tree.size().get()) else {
                continue;
            };
            let proof = prove_inclusion(&self.tree, leaf, self.tree.size())
                .map_err(|error| ArchiveError::Bundle(error.to_string()))?;
            let note = bundled.note.bytes().to_vec();
            let receipt = UnverifiedReceipt::build(note, leaf, proof, signed.clone());
            bundled.receipt = Some(receipt.to_bytes());
        }
        bundle::write_folder(&packed, &self.folder.bundle())?;
        let about = super::about::About::of(election, signed.checkpoint());
        self.folder.write("README.txt", about.text().as_bytes())?;
        self.folder.write("index.html", about.page().as_bytes())?;
        Ok(())
    }
}

/// What becomes of leaves that were written without a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leftovers {
    Taken,
    FetchedAgain,
}

/// Where the proofs of a fork are written.
const EVIDENCE: &str = "evidence";

/// Writes both checkpoints of a fork into a folder and says where.
pub fn write_evidence_of(folder: &Folder, fork: &Fork) -> io::Result<PathBuf> {
    let (ours, theirs) = (fork.ours.checkpoint(), fork.theirs.checkpoint());
    let mut short = theirs.root.to_hex();
    short.truncate(8);
    let file = format!("{EVIDENCE}/fork-{}-{}-{short}.txt", ours.size, theirs.size);
    let finding = match fork.root {
        Some(root) if ours.size == theirs.size => {
            let root = root.to_hex();
            format!(
                "Both are of {} leaves and have different roots; ours is {root}.",
                ours.size
            )
        }
        Some(root) => format!(
            "The leaves that lead to the first have the root {} at {} leaves, not the second's.",
            root.to_hex(),
            theirs.size
        ),
        None => {
            "The leaves that lead to the second are not those that lead to the first.".to_owned()
        }
    };
    let mut bytes = format!(
        "Two checkpoints of one log, each with enough signatures, that contradict each other.\n\
         {finding}\n\n"
    )
    .into_bytes();
    bytes.extend_from_slice(&fork.ours.to_bytes());
    bytes.push(b'\n');
    bytes.extend_from_slice(&fork.theirs.to_bytes());
    folder.write(&file, &bytes)?;
    Ok(folder.path().join(file))
}
