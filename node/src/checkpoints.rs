//! The published checkpoints of this node's log: kept for good, in the order they were learnt,
//! and found by the size they cover and by how much they prove. What satisfies which policy is
//! decided by the caller; nothing is verified here but the file itself.
//!
//! ```text
//! checkpoints.log = *record
//! record          = length u32 (big-endian), first 8 bytes of SHA-256(content), content
//! content         = grade u8, checkpoint
//! ```
//! A checkpoint that gained lines is written again whole; the newest record of a size counts. A
//! record that was being written when the machine stopped is cut off at the next start: the
//! checkpoint is signed anew or learnt from a peer, and receipts that were handed out carry it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use merkle::{LeafIndex, TreeSize};
use note::SignedCheckpoint;
use tokio::sync::watch;

/// The largest checkpoint is a text of three short lines and 32 signature lines.
const MAX_RECORD: usize = 64 * 1024;

/// Bytes before a record's content.
const HEAD: u64 = 12;

/// How much the lines of a published checkpoint prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grade {
    /// A majority of the nodes has cosigned: enough for a receipt.
    Receipt,
    /// As many nodes as the final level takes; an outside witness has not signed yet.
    Strong,
    /// The final level.
    Final,
}

impl Grade {
    fn byte(self) -> u8 {
        match self {
            Grade::Receipt => 1,
            Grade::Strong => 2,
            Grade::Final => 3,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Grade::Receipt, Grade::Strong, Grade::Final]
            .into_iter()
            .find(|grade| grade.byte() == byte)
    }
}

/// The file of published checkpoints with its index.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    shelf: Mutex<Shelf>,
    newest: watch::Sender<Option<Arc<SignedCheckpoint>>>,
}

#[derive(Debug)]
struct Shelf {
    file: File,
    end: u64,
    /// Size covered → where the newest record of that size lies.
    places: BTreeMap<TreeSize, Place>,
    /// The sizes whose checkpoint is final.
    finals: BTreeSet<TreeSize>,
    /// The newest size that the strong quorum has cosigned.
    strong: TreeSize,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    /// Of the checkpoint, behind its grade.
    offset: u64,
    length: usize,
}

/// What keeping a checkpoint did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is a new size, or has lines that were not known.
    Added,
    /// Nothing of it was new.
    Known,
}

/// A checkpoint could not be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// Another root was published for the same size.
    #[error("a checkpoint of size {size} with another root is published already")]
    Contradiction {
        /// The size.
        size: TreeSize,
    },
    /// The disk failed.
    #[error("keep a checkpoint: {0}")]
    Disk(#[from] io::Error),
}

impl Checkpoints {
    /// Opens the file, made if absent; cuts off a record that was not finished.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let length = file.metadata()?.len();
        let mut shelf = Shelf {
            file,
            end: 0,
            places: BTreeMap::new(),
            finals: BTreeSet::new(),
            strong: TreeSize::ZERO,
        };
        shelf.scan(length)?;
        if shelf.end < length {
            let bytes = length.saturating_sub(shelf.end);
            tracing::warn!(
                bytes,
                "cut an unfinished record off the published checkpoints"
            );
            shelf.file.set_len(shelf.end)?;
            shelf.file.sync_all()?;
        }
        let newest = shelf.newest()?.map(Arc::new);
        Ok(Self {
            shelf: Mutex::new(shelf),
            newest: watch::Sender::new(newest),
        })
    }

    /// Keeps a checkpoint on disk and tells whoever waits for one. Lines of an equal checkpoint
    /// that are known already stay, and all of them together are graded. Blocks for one fsync where
    /// the size is new; lines that a known size gains are flushed with the next, and can be gained
    /// again.
    pub(crate) fn keep(
        &self,
        signed: SignedCheckpoint,
        grade: impl FnOnce(&SignedCheckpoint) -> Grade,
    ) -> Result<Kept, KeepError> {
        let size = signed.checkpoint().size;
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shelf.read(size)?;
        let flush = known.is_none();
        let merged = match known {
            None => signed,
            Some(known) if known.checkpoint() != signed.checkpoint() => {
                return Err(KeepError::Contradiction { size });
            }
            Some(known) => {
                let before = known.lines().len();
                let merged = signed
                    .lines()
                    .iter()
                    .cloned()
                    .fold(known, SignedCheckpoint::with_line);
                if merged.lines().len() == before {
                    return Ok(Kept::Known);
                }
                merged
            }
        };
        shelf.append(&merged, grade(&merged))?;
        if flush {
            shelf.file.sync_data()?;
        }
        self.newest.send_if_modified(|newest| {
            let newer = newest
                .as_ref()
                .is_none_or(|newest| newest.checkpoint().size <= size);
            if newer {
                *newest = Some(Arc::new(merged));
            }
            newer
        });
        Ok(Kept::Added)
    }

    /// The newest checkpoint, and news of the next ones.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Arc<SignedCheckpoint>>> {
        self.newest.subscribe()
    }

    /// The newest checkpoint.
    pub(crate) fn newest(&self) -> Option<Arc<SignedCheckpoint>> {
        self.newest.borrow().clone()
    }

    /// The size of the newest checkpoint; zero before the first.
    pub(crate) fn newest_size(&self) -> TreeSize {
        self.newest
            .borrow()
            .as_ref()
            .map_or(TreeSize::ZERO, |newest| newest.checkpoint().size)
    }

    /// The first published checkpoint whose tree holds this leaf.
    pub(crate) fn covering(&self, leaf: LeafIndex) -> io::Result<Option<SignedCheckpoint>> {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let first = shelf.covering(leaf);
        first.map_or(Ok(None), |size| shelf.read(size))
    }

    /// The first final checkpoint whose tree holds this leaf.
    pub(crate) fn covering_final(&self, leaf: LeafIndex) -> io::Result<Option<SignedCheckpoint>> {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let first = shelf.finals.range(leaf.size_with()..).next();
        first.map_or(Ok(None), |size| shelf.read(*size))
    }

    /// The newest final checkpoint.
    pub(crate) fn newest_final(&self) -> io::Result<Option<SignedCheckpoint>> {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = shelf.finals.last();
        newest.map_or(Ok(None), |size| shelf.read(*size))
    }

    /// The size of the newest final checkpoint; zero before the first.
    pub(crate) fn newest_final_size(&self) -> TreeSize {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.finals.last().copied().unwrap_or_default()
    }

    /// The newest checkpoint that the strong quorum has cosigned, if it is larger than `size`.
    pub(crate) fn strong_above(&self, size: TreeSize) -> io::Result<Option<SignedCheckpoint>> {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.strong > size {
            shelf.read(shelf.strong)
        } else {
            Ok(None)
        }
    }

    /// The newest checkpoint whose tree has at most `size` leaves. A checkpoint may be learnt from
    /// a peer before its last leaves are applied here.
    pub(crate) fn newest_within(&self, size: TreeSize) -> io::Result<Option<SignedCheckpoint>> {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = shelf.newest_within(size);
        newest.map_or(Ok(None), |size| shelf.read(size))
    }

    /// The size of that checkpoint; zero where there is none.
    pub(crate) fn newest_size_within(&self, size: TreeSize) -> TreeSize {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.newest_within(size).unwrap_or_default()
    }

    /// The checkpoint that was published of exactly this size.
    pub(crate) fn of_size(&self, size: TreeSize) -> io::Result<Option<SignedCheckpoint>> {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.read(size)
    }

    /// The size of the first published checkpoint whose tree holds this leaf.
    pub(crate) fn covering_size(&self, leaf: LeafIndex) -> Option<TreeSize> {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.covering(leaf)
    }
}

impl Shelf {
    /// Finds the records of a file of `length` bytes, up to the first that is not whole.
    fn scan(&mut self, length: u64) -> io::Result<()> {
        let mut reader = BufReader::new(&self.file);
        let (mut found, mut end) = (Vec::new(), 0_u64);
        while let Some(record) = next_record(&mut reader, length.saturating_sub(end))? {
            end = end.saturating_add(HEAD).saturating_add(record.length);
            found.push((record, end));
        }
        for (record, end) in found {
            self.place(record.size, record.grade, record.length, end);
        }
        Ok(())
    }

    fn append(&mut self, signed: &SignedCheckpoint, grade: Grade) -> io::Result<()> {
        let mut content = vec![grade.byte()];
        content.extend_from_slice(&signed.to_bytes());
        let too_large = || io::Error::other("a checkpoint larger than any can be");
        let length = u32::try_from(content.len()).map_err(|_| too_large())?;
        if content.len() > MAX_RECORD {
            return Err(too_large());
        }
        let mut record = Vec::with_capacity(content.len().saturating_add(12));
        record.extend_from_slice(&length.to_be_bytes());
        record.extend_from_slice(&check(&content));
        record.extend_from_slice(&content);
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&record)?;
        let end = self
            .end
            .saturating_add(HEAD)
            .saturating_add(u64::from(length));
        self.place(signed.checkpoint().size, grade, u64::from(length), end);
        Ok(())
    }

    /// Takes note of a record with `length` bytes of content that ends at `end`.
    fn place(&mut self, size: TreeSize, grade: Grade, length: u64, end: u64) {
        let length = length.saturating_sub(1);
        let place = Place {
            offset: end.saturating_sub(length),
            length: usize::try_from(length).unwrap_or(usize::MAX),
        };
        self.places.insert(size, place);
        if grade == Grade::Final {
            self.finals.insert(size);
        }
        if grade >= Grade::Strong {
            self.strong = self.strong.max(size);
        }
        self.end = end;
    }

    fn covering(&self, leaf: LeafIndex) -> Option<TreeSize> {
        let mut larger = self.places.range(leaf.size_with()..);
        larger.next().map(|(size, _)| *size)
    }

    fn newest_within(&self, size: TreeSize) -> Option<TreeSize> {
        let mut within = self.places.range(..=size);
        within.next_back().map(|(size, _)| *size)
    }

    fn newest(&self) -> io::Result<Option<SignedCheckpoint>> {
        self.places
            .last_key_value()
            .map_or(Ok(None), |(size, _)| self.read(*size))
    }

    fn read(&self, size: TreeSize) -> io::Result<Option<SignedCheckpoint>> {
        let Some(place) = self.places.get(&size) else {
            return Ok(None);
        };
        let mut bytes = vec![0; place.length];
        self.file.read_exact_at(&mut bytes, place.offset)?;
        SignedCheckpoint::parse(&bytes)
            .map(Some)
            .map_err(io::Error::other)
    }
}

/// A record as it was found in the file.
struct Record {
    size: TreeSize,
    grade: Grade,
    /// Bytes of its content.
    length: u64,
}

/// The next record; `None` at the end, or where what follows is not a whole record.
fn next_record(reader: &mut impl Read, remaining: u64) -> io::Result<Option<Record>> {
    if remaining < HEAD {
        return Ok(None);
    }
    let (mut length, mut sum) = ([0; 4], [0; 8]);
    reader.read_exact(&mut length)?;
    reader.read_exact(&mut sum)?;
    let length = u32::from_be_bytes(length);
    let (Ok(taken), true) = (
        usize::try_from(length),
        u64::from(length) <= remaining.saturating_sub(HEAD),
    ) else {
        return Ok(None);
    };
    if taken > MAX_RECORD {
        return Ok(None);
    }
    let mut content = vec![0; taken];
    reader.read_exact(&mut content)?;
    if check(&content) != sum {
        return Ok(None);
    }
    let Some((grade, bytes)) = content.split_first() else {
        return Ok(None);
    };
    let (Some(grade), Ok(signed)) = (Grade::of(*grade), SignedCheckpoint::parse(bytes)) else {
        return Ok(None);
    };
    Ok(Some(Record {
        size: signed.checkpoint().size,
        grade,
        length: u64::from(length),
    }))
}

fn check(bytes: &[u8]) -> [u8; 8] {
    let mut sum = [0; 8];
    for (kept, byte) in sum.iter_mut().zip(merkle::sha256(bytes).as_bytes()) {
        *kept = *byte;
    }
    sum
}

#[cfg(test)]
mod tests {
    use merkle::Hash;
    use note::{Checkpoint, CosignerKey, KeyName, Origin, SignerKey, UnixSeconds};

    use super::*;

    fn signed(size: u64, nodes: &[u8]) -> SignedCheckpoint {
        let origin = Origin::parse("tally.example/desk").unwrap();
        let log = SignerKey::from_seed(origin.key_name().clone(), [9; 32]);
        let root = merkle::sha256(&size.to_be_bytes());
        let checkpoint = Checkpoint {
            origin,
            size: TreeSize::new(size),
            root,
        };
        let line = log.sign(&checkpoint.text());
        nodes.iter().fold(
            SignedCheckpoint::new(checkpoint.clone(), line),
            |signed, node| {
                let name = KeyName::parse(&format!("tally.example/desk/n{node}")).unwrap();
                let key = CosignerKey::from_seed(name, [*node; 32]);
                signed.with_line(key.cosign(&checkpoint, UnixSeconds::new(7)))
            },
        )
    }

    /// Grades by the number of lines: two nodes are a majority, three the strong quorum, the fourth
    /// stands for a witness.
    fn keep(checkpoints: &Checkpoints, signed: SignedCheckpoint) -> Result<Kept, KeepError> {
        checkpoints.keep(signed, |merged| match merged.lines().len() {
            ..=3 => Grade::Receipt,
            4 => Grade::Strong,
            _ => Grade::Final,
        })
    }

    fn covering(checkpoints: &Checkpoints, leaf: u64) -> Option<u64> {
        let found = checkpoints.covering(LeafIndex::new(leaf)).unwrap()?;
        Some(found.checkpoint().size.get())
    }

    #[test]
    fn a_leaf_is_covered_by_the_first_larger_size() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::open(&folder.path().join("checkpoints.log")).unwrap();
        for size in [3, 9, 5] {
            assert_eq!(
                keep(&checkpoints, signed(size, &[1, 2])).unwrap(),
                Kept::Added
            );
        }
        assert_eq!(covering(&checkpoints, 2), Some(3));
        assert_eq!(covering(&checkpoints, 3), Some(5));
        assert_eq!(covering(&checkpoints, 8), Some(9));
        assert_eq!(covering(&checkpoints, 9), None);
        assert_eq!(checkpoints.newest_size().get(), 9);
    }

    /// A node that has applied fewer leaves than the newest checkpoint covers shows an older one.
    #[test]
    fn the_newest_within_a_size_is_the_largest_that_fits() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::open(&folder.path().join("checkpoints.log")).unwrap();
        for size in [3, 9, 5] {
            keep(&checkpoints, signed(size, &[1, 2])).unwrap();
        }
        for (applied, expected) in [(2, 0), (3, 3), (4, 3), (8, 5), (9, 9), (90, 9)] {
            let applied = TreeSize::new(applied);
            let found = checkpoints.newest_within(applied).unwrap();
            let found = found.map_or(0, |signed| signed.checkpoint().size.get());
            assert_eq!(found, expected, "{applied} applied");
            assert_eq!(checkpoints.newest_size_within(applied).get(), expected);
        }
        let exact = checkpoints.of_size(TreeSize::new(5)).unwrap();
        assert_eq!(exact, Some(signed(5, &[1, 2])));
        assert_eq!(checkpoints.of_size(TreeSize::new(4)).unwrap(), None);
    }

    #[test]
    fn a_checkpoint_only_gains_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints.log");
        let checkpoints = Checkpoints::open(&path).unwrap();
        keep(&checkpoints, signed(3, &[1, 2])).unwrap();
        assert_eq!(keep(&checkpoints, signed(3, &[2])).unwrap(), Kept::Known);
        assert_eq!(keep(&checkpoints, signed(3, &[3])).unwrap(), Kept::Added);
        drop(checkpoints);
        let newest = Checkpoints::open(&path).unwrap().newest().unwrap();
        assert_eq!(*newest, signed(3, &[1, 2, 3]));
    }

    /// Lines that come one after the other, to a size that is not the newest, make it final; so does
    /// the file at the next start.
    #[test]
    fn a_final_checkpoint_is_found_whatever_was_published_since() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints.log");
        let checkpoints = Checkpoints::open(&path).unwrap();
        for size in [3, 5, 9] {
            keep(&checkpoints, signed(size, &[1, 2])).unwrap();
        }
        let first_final = |checkpoints: &Checkpoints, leaf| {
            let found = checkpoints.covering_final(LeafIndex::new(leaf)).unwrap();
            found.map(|found| found.checkpoint().size.get())
        };
        assert_eq!(first_final(&checkpoints, 0), None);
        assert_eq!(checkpoints.strong_above(TreeSize::ZERO).unwrap(), None);
        keep(&checkpoints, signed(5, &[3])).unwrap();
        let strong = checkpoints.strong_above(TreeSize::new(4)).unwrap();
        assert_eq!(strong, Some(signed(5, &[1, 2, 3])));
        assert_eq!(checkpoints.strong_above(TreeSize::new(5)).unwrap(), None);
        keep(&checkpoints, signed(5, &[4])).unwrap();
        drop(checkpoints);
        let checkpoints = Checkpoints::open(&path).unwrap();
        assert_eq!(first_final(&checkpoints, 0), Some(5));
        assert_eq!(first_final(&checkpoints, 4), Some(5));
        assert_eq!(first_final(&checkpoints, 5), None);
        assert_eq!(checkpoints.newest_final_size().get(), 5);
        assert_eq!(
            checkpoints.newest_final().unwrap(),
            Some(signed(5, &[1, 2, 3, 4]))
        );
        assert_eq!(checkpoints.newest_size().get(), 9);
    }

    #[test]
    fn another_root_for_a_published_size_is_a_contradiction() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::open(&folder.path().join("checkpoints.log")).unwrap();
        keep(&checkpoints, signed(3, &[1, 2])).unwrap();
        let mut other = signed(3, &[1]).checkpoint().clone();
        other.root = Hash::from_bytes([0; 32]);
        let line =
            SignerKey::from_seed(other.origin.key_name().clone(), [9; 32]).sign(&other.text());
        let error = keep(&checkpoints, SignedCheckpoint::new(other, line)).unwrap_err();
        assert!(matches!(error, KeepError::Contradiction { .. }));
    }

    /// Whatever byte the writing stopped at, the records before it are there and the file goes on
    /// from them.
    #[test]
    fn an_unfinished_record_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints.log");
        let checkpoints = Checkpoints::open(&path).unwrap();
        keep(&checkpoints, signed(3, &[1])).unwrap();
        let kept = std::fs::read(&path).unwrap();
        keep(&checkpoints, signed(4, &[1])).unwrap();
        drop(checkpoints);
        let whole = std::fs::read(&path).unwrap();
        for end in kept.len()..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let reopened = Checkpoints::open(&path).unwrap();
            assert_eq!(reopened.newest_size().get(), 3, "cut at {end}");
            keep(&reopened, signed(4, &[1])).unwrap();
            drop(reopened);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn a_flipped_bit_ends_what_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints.log");
        let checkpoints = Checkpoints::open(&path).unwrap();
        keep(&checkpoints, signed(3, &[1])).unwrap();
        let end = std::fs::metadata(&path).unwrap().len();
        keep(&checkpoints, signed(4, &[1])).unwrap();
        drop(checkpoints);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = usize::try_from(end).unwrap() + 40;
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(Checkpoints::open(&path).unwrap().newest_size().get(), 3);
    }
}
