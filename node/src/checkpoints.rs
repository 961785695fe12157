//! The published checkpoints of this node's log: kept for good, in the order they were learnt,
//! and found by the size they cover. Whether one satisfies a policy is decided before it comes
//! here; nothing is verified here but the file itself.
//!
//! ```text
//! checkpoints.log = *record
//! record          = length u32 (big-endian), first 8 bytes of SHA-256(checkpoint), checkpoint
//! ```
//! A checkpoint that gained lines is written again whole; the newest record of a size counts. A
//! record that was being written when the machine stopped is cut off at the next start: the
//! checkpoint is signed anew or learnt from a peer, and receipts that were handed out carry it.

use std::collections::BTreeMap;
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

/// Bytes before a record's checkpoint.
const HEAD: u64 = 12;

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
}

#[derive(Debug, Clone, Copy)]
struct Place {
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
    /// that are known already stay. Blocks for one fsync.
    pub(crate) fn keep(&self, signed: SignedCheckpoint) -> Result<Kept, KeepError> {
        let size = signed.checkpoint().size;
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let merged = match shelf.read(size)? {
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
        shelf.append(&merged)?;
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
        let mut end: u64 = 0;
        let mut places = BTreeMap::new();
        while let Some((signed, taken)) = next_record(&mut reader, length.saturating_sub(end))? {
            let place = Place {
                offset: end.saturating_add(HEAD),
                length: taken,
            };
            places.insert(signed.checkpoint().size, place);
            end = end
                .saturating_add(HEAD)
                .saturating_add(u64::try_from(taken).unwrap_or(u64::MAX));
        }
        self.end = end;
        self.places = places;
        Ok(())
    }

    fn append(&mut self, signed: &SignedCheckpoint) -> io::Result<()> {
        let bytes = signed.to_bytes();
        let too_large = || io::Error::other("a checkpoint larger than any can be");
        let length = u32::try_from(bytes.len()).map_err(|_| too_large())?;
        if bytes.len() > MAX_RECORD {
            return Err(too_large());
        }
        let mut record = Vec::with_capacity(bytes.len().saturating_add(12));
        record.extend_from_slice(&length.to_be_bytes());
        record.extend_from_slice(&check(&bytes));
        record.extend_from_slice(&bytes);
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&record)?;
        self.file.sync_data()?;
        let place = Place {
            offset: self.end.saturating_add(HEAD),
            length: bytes.len(),
        };
        self.places.insert(signed.checkpoint().size, place);
        self.end = place.offset.saturating_add(u64::from(length));
        Ok(())
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

/// The next record and the length of its checkpoint; `None` at the end, or where what follows is
/// not a whole record.
fn next_record(
    reader: &mut impl Read,
    remaining: u64,
) -> io::Result<Option<(SignedCheckpoint, usize)>> {
    if remaining < HEAD {
        return Ok(None);
    }
    let (mut length, mut sum) = ([0; 4], [0; 8]);
    reader.read_exact(&mut length)?;
    reader.read_exact(&mut sum)?;
    let length = u32::from_be_bytes(length);
    let (Ok(size), true) = (
        usize::try_from(length),
        u64::from(length) <= remaining.saturating_sub(HEAD),
    ) else {
        return Ok(None);
    };
    if size > MAX_RECORD {
        return Ok(None);
    }
    let mut bytes = vec![0; size];
    reader.read_exact(&mut bytes)?;
    if check(&bytes) != sum {
        return Ok(None);
    }
    Ok(SignedCheckpoint::parse(&bytes)
        .ok()
        .map(|signed| (signed, size)))
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
                checkpoints.keep(signed(size, &[1, 2])).unwrap(),
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
            checkpoints.keep(signed(size, &[1, 2])).unwrap();
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
        checkpoints.keep(signed(3, &[1, 2])).unwrap();
        assert_eq!(checkpoints.keep(signed(3, &[2])).unwrap(), Kept::Known);
        assert_eq!(checkpoints.keep(signed(3, &[3])).unwrap(), Kept::Added);
        drop(checkpoints);
        let newest = Checkpoints::open(&path).unwrap().newest().unwrap();
        assert_eq!(*newest, signed(3, &[1, 2, 3]));
    }

    #[test]
    fn another_root_for_a_published_size_is_a_contradiction() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::open(&folder.path().join("checkpoints.log")).unwrap();
        checkpoints.keep(signed(3, &[1, 2])).unwrap();
        let mut other = signed(3, &[1]).checkpoint().clone();
        other.root = Hash::from_bytes([0; 32]);
        let line =
            SignerKey::from_seed(other.origin.key_name().clone(), [9; 32]).sign(&other.text());
        let error = checkpoints
            .keep(SignedCheckpoint::new(other, line))
            .unwrap_err();
        assert!(matches!(error, KeepError::Contradiction { .. }));
    }

    /// Whatever byte the writing stopped at, the records before it are there and the file goes on
    /// from them.
    #[test]
    fn an_unfinished_record_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints.log");
        let checkpoints = Checkpoints::open(&path).unwrap();
        checkpoints.keep(signed(3, &[1])).unwrap();
        let kept = std::fs::read(&path).unwrap();
        checkpoints.keep(signed(4, &[1])).unwrap();
        drop(checkpoints);
        let whole = std::fs::read(&path).unwrap();
        for end in kept.len()..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let reopened = Checkpoints::open(&path).unwrap();
            assert_eq!(reopened.newest_size().get(), 3, "cut at {end}");
            reopened.keep(signed(4, &[1])).unwrap();
            drop(reopened);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn a_flipped_bit_ends_what_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints.log");
        let checkpoints = Checkpoints::open(&path).unwrap();
        checkpoints.keep(signed(3, &[1])).unwrap();
        let end = std::fs::metadata(&path).unwrap().len();
        checkpoints.keep(signed(4, &[1])).unwrap();
        drop(checkpoints);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = usize::try_from(end).unwrap() + 40;
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(Checkpoints::open(&path).unwrap().newest_size().get(), 3);
    }
}
