//! The state in RocksDB, and its images: checkpoints on their way to other nodes.
//!
//! The ledger's tables are column families by the same names. One more, `replica`, has the one
//! row that says how far the state is; it is written in the same batch as the rows it speaks of.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use caucus::Rules;
use ledger::{Changes, Fault, Table, Tables};
use merkle::Hash;
use note::{SignatureLine, VerifierKey};
use store::{Batch, CheckpointFile, DataDir, StateDb, StateSnapshot, StateStore};

use super::accepted::Accepted;
use super::rules::LastRules;
use crate::seams::{Image, ImageFile, Incoming, State};

const REPLICA: &str = "replica";
const APPLIED: &[u8] = b"applied";

/// The state of one node.
#[derive(Debug)]
pub struct RocksState {
    store: Arc<StateStore>,
    accepted: Accepted,
    rules: LastRules,
    /// Where images are made.
    images: PathBuf,
    made: AtomicU64,
    current: Mutex<Option<RocksImage>>,
}

impl RocksState {
    /// Opens the state in `directory`, or makes an empty one. Images of an earlier run are
    /// removed: consensus has new ones made when it needs them.
    pub fn open(directory: &DataDir) -> Result<Self, store::Error> {
        let mut tables: Vec<&'static str> = Table::ALL.iter().map(|table| table.name()).collect();
        tables.push(REPLICA);
        let store = StateStore::open(directory, &tables)?;
        let images = directory.snapshots()?;
        if let Ok(left) = fs::read_dir(&images) {
            for entry in left.flatten() {
                // What cannot be removed costs room, and a new image takes another name.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(Self {
            store: Arc::new(store),
            accepted: Accepted::default(),
            rules: LastRules::default(),
            images,
            made: AtomicU64::new(0),
            current: Mutex::new(None),
        })
    }

    /// The database behind it, for statistics.
    pub fn database(&self) -> Arc<StateDb> {
        self.store.current()
    }

    /// Reads the state as it is at one moment, while commits go on.
    pub fn read_at_once<R>(&self, read: impl FnOnce(&FrozenTables<'_>) -> R) -> R {
        let database = self.store.current();
        let frozen = FrozenTables {
            snapshot: database.snapshot(),
            accepted: &self.accepted,
            rules: &self.rules,
        };
        read(&frozen)
    }

    fn current(&self) -> MutexGuard<'_, Option<RocksImage>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A name nothing stands at: one left behind by an earlier run may have resisted removal.
    fn new_path(&self) -> PathBuf {
        loop {
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            let path = self.images.join(format!("{number:08}"));
            if !path.exists() {
                return path;
            }
        }
    }
}

fn storage(table: Table) -> impl FnOnce(store::Error) -> Fault {
    move |error| Fault::Storage {
        table,
        what: error.to_string(),
    }
}

impl Tables for RocksState {
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let row = self.store.current().get(table.name(), key);
        row.map_err(storage(table))
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        let scanned = self.store.current().scan(table.name(), prefix, visit);
        scanned.map_err(storage(table))
    }

    fn accepts(&self, key: &VerifierKey, text: &str, line: &SignatureLine) -> bool {
        self.accepted.accepts(key, text, line)
    }

    fn rules(&self, hash: &Hash) -> Result<Option<Arc<Rules>>, Fault> {
        self.rules.of(hash, self)
    }
}

/// The state at one moment.
#[expect(
    missing_debug_implementations,
    reason = "a handle to a RocksDB snapshot, which has nothing to show"
)]
pub struct FrozenTables<'a> {
    snapshot: StateSnapshot<'a>,
    accepted: &'a Accepted,
    rules: &'a LastRules,
}

impl Tables for FrozenTables<'_> {
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let row = self.snapshot.get(table.name(), key);
        row.map_err(storage(table))
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        let scanned = self.snapshot.scan(table.name(), prefix, visit);
        scanned.map_err(storage(table))
    }

    fn accepts(&self, key: &VerifierKey, text: &str, line: &SignatureLine) -> bool {
        self.accepted.accepts(key, text, line)
    }

    fn rules(&self, hash: &Hash) -> Result<Option<Arc<Rules>>, Fault> {
        self.rules.of(hash, self)
    }
}

impl State for RocksState {
    type Image = RocksImage;
    type Incoming = RocksIncoming;

    fn applied(&self) -> io::Result<Option<Bytes>> {
        let row = self.store.current().get(REPLICA, APPLIED)?;
        Ok(row.map(Bytes::from))
    }

    fn commit(&self, changes: Changes, applied: Bytes) -> io::Result<()> {
        let mut batch = Batch::new();
        for row in changes.rows {
            match row.value {
                Some(value) => batch.put(row.table.name(), row.key, value),
                None => batch.delete(row.table.name(), row.key),
            }
        }
        batch.put(REPLICA, APPLIED, applied);
        Ok(self.store.current().write(&batch)?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(self.store.current().sync_wal()?)
    }

    fn freeze(&self) -> io::Result<RocksImage> {
        let path = self.new_path();
        let files = self.store.checkpoint(&path)?;
        let folder = Folder::temporary(path);
        // Commits go on while a checkpoint is made, so only the copy itself knows how far it is.
        let applied = applied_in(&self.store, &folder.path)?;
        let image = RocksImage {
            folder: Arc::new(folder),
            files: files.into_iter().map(image_file).collect(),
            applied,
        };
        *self.current() = Some(image.clone());
        Ok(image)
    }

    fn image(&self) -> io::Result<Option<RocksImage>> {
        Ok(self.current().clone())
    }

    fn receive(&self) -> io::Result<RocksIncoming> {
        Ok(RocksIncoming {
            folder: Folder::temporary(self.store.receive()?),
            store: Arc::clone(&self.store),
            files: Vec::new(),
            open: None,
        })
    }

    fn install(&self, image: RocksImage) -> io::Result<()> {
        self.store.install(&image.folder.path)?;
        image.folder.keep();
        // The folder is the state now; what goes to others is a copy of it.
        self.freeze()?;
        Ok(())
    }
}

fn image_file(file: CheckpointFile) -> ImageFile {
    ImageFile {
        name: file.name,
        bytes: file.bytes,
    }
}

fn applied_in(store: &StateStore, path: &Path) -> io::Result<Option<Bytes>> {
    let row = store.inspect(path)?.get(REPLICA, APPLIED)?;
    Ok(row.map(Bytes::from))
}

/// A folder that goes with its last holder, unless it has become something else.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    temporary: AtomicBool,
}

impl Folder {
    fn temporary(path: PathBuf) -> Self {
        Self {
            path,
            temporary: AtomicBool::new(true),
        }
    }

    fn keep(&self) {
        self.temporary.store(false, Ordering::Relaxed);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary.load(Ordering::Relaxed) {
            // What cannot be removed now is removed at the next start.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A checkpoint; its files stay until the last handle to it is dropped.
#[derive(Clone, Debug)]
pub struct RocksImage {
    folder: Arc<Folder>,
    files: Arc<[ImageFile]>,
    applied: Option<Bytes>,
}

impl Image for RocksImage {
    fn applied(&self) -> Option<Bytes> {
        self.applied.clone()
    }

    fn files(&self) -> io::Result<Vec<ImageFile>> {
        Ok(self.files.to_vec())
    }

    fn read(&self, name: &str, offset: u64, length: usize) -> io::Result<Bytes> {
        let mut file = File::open(self.folder.path.join(name))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(length);
        let most = u64::try_from(length).unwrap_or(u64::MAX);
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// A state that is being received into the one place there is for it.
#[derive(Debug)]
pub struct RocksIncoming {
    folder: Folder,
    store: Arc<StateStore>,
    files: Vec<ImageFile>,
    open: Option<File>,
}

impl Incoming for RocksIncoming {
    type Image = RocksImage;

    fn create(&mut self, name: &str) -> io::Result<()> {
        let path = self.folder.path.join(name);
        self.open = Some(File::create_new(path)?);
        self.files.push(ImageFile {
            name: name.to_owned(),
            bytes: 0,
        });
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        let (Some(open), Some(file)) = (&mut self.open, self.files.last_mut()) else {
            return Err(io::Error::other("bytes before the first file"));
        };
        open.write_all(chunk)?;
        let length = u64::try_from(chunk.len()).map_err(io::Error::other)?;
        file.bytes = file.bytes.saturating_add(length);
        Ok(())
    }

    fn finish(self, applied: Bytes) -> io::Result<RocksImage> {
        let found = applied_in(&self.store, &self.folder.path)?;
        if found.as_ref() != Some(&applied) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the state received is at another position than announced",
            ));
        }
        Ok(RocksImage {
            folder: Arc::new(self.folder),
            files: self.files.into(),
            applied: Some(applied),
        })
    }
}
