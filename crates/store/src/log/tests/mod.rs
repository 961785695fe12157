//! The log against its promises. Here is the desk that the tests work at.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use tempfile::TempDir;

mod model;
mod order;
mod start;

use super::*;
use crate::files;
use crate::identity::Incarnation;
use crate::mark::Mark;

/// A data directory that outlives the logs opened on it.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Everything as `kill -9` leaves it: what was handed to the kernel is there, the process is not.
    fn after_a_kill(&self) -> Self {
        let copy = Self::new();
        copy_folder(self.folder.path(), copy.folder.path());
        copy
    }

    fn open(&self) -> Result<Log, Error> {
        self.open_as(1, "boot-1")
    }

    /// The same after the machine has started anew.
    fn open_after_power_cut(&self) -> Result<Log, Error> {
        self.open_as(1, "boot-2")
    }

    fn open_as(&self, ordinal: u64, boot: &str) -> Result<Log, Error> {
        let directory = DataDir::lock(self.folder.path()).unwrap();
        let log = LogDb::open(&directory, &identity(ordinal), options(boot, Arc::new(())))?;
        Ok(Log {
            log,
            _directory: directory,
        })
    }

    fn open_with(&self, commit: Commit, observer: Arc<impl LogObserver + 'static>) -> Log {
        let directory = DataDir::lock(self.folder.path()).unwrap();
        let options = options("boot-1", observer);
        let log = LogDb::open_with(&directory, &identity(1), options, commit).unwrap();
        Log {
            log,
            _directory: directory,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mark(&self) -> Mark {
        Mark::load(&crate::DurableFile::new(self.path("log.mark")))
            .unwrap()
            .unwrap()
    }

    /// The write-ahead log that the newest entries are in.
    fn wal(&self) -> PathBuf {
        self.all("log").next_back().unwrap()
    }

    fn all(&self, ending: &str) -> impl DoubleEndedIterator<Item = PathBuf> {
        let all = files::list(&self.path("log")).unwrap();
        all.into_iter()
            .filter(move |path| path.extension().is_some_and(|found| found == ending))
    }
}

/// An open log with its directory, which is unlocked after the log is closed.
struct Log {
    log: LogDb,
    _directory: DataDir,
}

impl std::ops::Deref for Log {
    type Target = LogDb;

    fn deref(&self) -> &LogDb {
        &self.log
    }
}

impl Log {
    fn append_and_wait(&self, entries: Vec<Entry>) {
        wait(|done| self.append(entries, done)).unwrap();
    }

    fn indexes(&self) -> Vec<u64> {
        self.read(0..u64::MAX, usize::MAX)
            .unwrap()
            .iter()
            .map(|entry| entry.index)
            .collect()
    }
}

fn identity(ordinal: u64) -> Identity {
    Identity {
        genesis: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
        origin: "tally.example/caucus".to_owned(),
        ordinal,
        incarnation: Incarnation::from_bytes([1; 16]),
    }
}

fn options(boot: &str, observer: Arc<dyn LogObserver>) -> LogOptions {
    LogOptions {
        boot: BootId::parse(boot).unwrap(),
        observer,
    }
}

fn entry(index: u64, term: u64, bytes: usize) -> Entry {
    let payload: Vec<u8> = (0..bytes)
        .map(|place| u8::try_from((place + bytes) % 251).unwrap())
        .collect();
    Entry {
        index,
        term,
        payload: payload.into(),
    }
}

fn entries(range: Range<u64>, term: u64) -> Vec<Entry> {
    range.map(|index| entry(index, term, 200)).collect()
}

fn wait(call: impl FnOnce(Done)) -> Result<(), Error> {
    let (sender, receiver) = mpsc::channel();
    call(Box::new(move |result| sender.send(result).unwrap()));
    receiver.recv().unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    for path in files::list(from).unwrap() {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn flip_bit(path: &Path, place: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[place] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn length(path: &Path) -> usize {
    fs::read(path).unwrap().len()
}

fn refusal(opened: Result<Log, Error>) -> String {
    match opened {
        Err(error @ Error::Damaged { .. }) => error.to_string(),
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(log) => panic!("opened with {:?}", log.bounds()),
    }
}

/// A log together with the copy it lives in.
struct Kept {
    log: Log,
    _desk: Desk,
}

impl Desk {
    fn open_and_keep(self) -> Kept {
        Kept {
            log: self.open().unwrap(),
            _desk: self,
        }
    }
}
