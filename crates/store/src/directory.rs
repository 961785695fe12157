//! A node's data directory: who may use it, and what stands where.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, statvfs};
use rustix::io::Errno;

use crate::error::Error;
use crate::files::{self, DurableFile};
use crate::identity::{Identity, owner};
use crate::options::Memory;
use crate::state;

/// The data directory of one node, locked against every other process as long as this value lives.
///
/// The lock is the kernel's (`flock`), so a killed process leaves none behind.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    memory: Memory,
    /// Held open for its lock.
    _lock: File,
}

/// Room on the file system that holds the directory, for an unprivileged process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes still to be had.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

impl DataDir {
    /// Takes the directory for this process, making it (mode 0700) if there is none.
    pub fn lock(root: &Path) -> Result<Self, Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map_err(|error| Error::file("create", root, error))?;
        let path = root.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| Error::file("open", &path, error))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(Error::Locked {
                    path: root.to_owned(),
                    holder: holder(&mut lock),
                });
            }
            Err(error) => return Err(Error::file("lock", &path, error.into())),
        }
        // The process id is for the message of whoever comes second; the lock itself is the kernel's.
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(|error| Error::file("write", &path, error))?;
        Ok(Self {
            root: root.to_owned(),
            memory: Memory::new(),
            _lock: lock,
        })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whose directory this is; `None` if nobody has used it yet.
    ///
    /// A directory with databases and no identity is damaged: guessing whose votes they hold could
    /// make one node vote as another.
    pub fn identity(&self) -> Result<Option<Identity>, Error> {
        let file = self.identity_file();
        let Some(text) = file.read_sealed()? else {
            if self.log_path().exists() || self.states_path().exists() {
                return Err(Error::damaged(
                    format!(
                        "`{}` is missing beside the databases",
                        file.path().display()
                    ),
                    "put the node's own identity file back, or start with an empty directory as a new member",
                ));
            }
            return Ok(None);
        };
        Identity::parse(&text).map(Some).ok_or_else(|| {
            Error::damaged(
                format!(
                    "`{}` is not an identity of this version",
                    file.path().display()
                ),
                "run the version of the node that wrote it",
            )
        })
    }

    /// The identity, if it is the one asked for: `ForeignDirectory` otherwise, `None` for an unused directory.
    pub fn expect(
        &self,
        genesis: &str,
        origin: &str,
        ordinal: u64,
    ) -> Result<Option<Identity>, Error> {
        let identity = self.identity()?;
        match &identity {
            Some(found)
                if found.genesis != genesis
                    || found.origin != origin
                    || found.ordinal != ordinal =>
            {
                Err(Error::ForeignDirectory {
                    path: self.root.clone(),
                    found: found.owner(),
                    expected: owner(ordinal, origin, genesis),
                })
            }
            Some(_) | None => Ok(identity),
        }
    }

    /// Writes the identity into a directory nobody has used. From here on it is that node's for good.
    pub fn adopt(&self, identity: &Identity) -> Result<(), Error> {
        if let Some(found) = self.identity()? {
            return Err(Error::ForeignDirectory {
                path: self.root.clone(),
                found: found.owner(),
                expected: identity.owner(),
            });
        }
        self.identity_file().replace_sealed(&identity.to_text()?)
    }

    /// A small durable file of the caller's own in the directory, such as a cosigner's last word.
    pub fn file(&self, name: &str) -> DurableFile {
        DurableFile::new(self.root.join(name))
    }

    /// The folder for checkpoints on their way to other nodes, made if need be.
    pub fn snapshots(&self) -> Result<PathBuf, Error> {
        let path = self.root.join("snapshots");
        make_directory(&path)?;
        Ok(path)
    }

    /// How much room is left on the file system.
    pub fn space(&self) -> Result<Space, Error> {
        let found = statvfs(&self.root)
            .map_err(|error| Error::file("ask for room on", &self.root, error.into()))?;
        Ok(Space {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }

    /// Moves a damaged state out of the way, for examination, and says where it is now. Only for a
    /// node whose log has every entry from the first on: the state is made again from it.
    ///
    /// No [`StateStore`](crate::StateStore) of this directory may be open.
    pub fn set_state_aside(&self) -> Result<PathBuf, Error> {
        state::set_aside(self)
    }

    /// How many damaged states lie here.
    pub fn states_set_aside(&self) -> Result<usize, Error> {
        Ok(files::list(&self.damaged_path())?.len())
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn mark_file(&self) -> DurableFile {
        self.file("log.mark")
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.root.join("log")
    }

    pub(crate) fn current_state_file(&self) -> DurableFile {
        self.file("CURRENT_STATE")
    }

    pub(crate) fn states_path(&self) -> PathBuf {
        self.root.join("state")
    }

    pub(crate) fn damaged_path(&self) -> PathBuf {
        self.root.join("damaged")
    }

    fn identity_file(&self) -> DurableFile {
        self.file("identity")
    }
}

/// Makes a directory, and its name durable, unless it is there.
pub(crate) fn make_directory(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir(path).map_err(|error| Error::file("create", path, error))?;
    files::sync_directory(files::parent(path))
}

/// Who holds a lock, from the process id that its holder wrote into the file.
fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    match lock.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim()),
        Ok(_) | Err(_) => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Incarnation;

    fn identity(ordinal: u64) -> Identity {
        Identity {
            genesis: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
            origin: "tally.example/caucus".to_owned(),
            ordinal,
            incarnation: Incarnation::from_bytes([1; 16]),
        }
    }

    #[test]
    fn a_second_holder_is_told_who_is_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::lock(folder.path()).unwrap();
        let error = DataDir::lock(folder.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "data directory `{}` is in use by process {}",
                folder.path().display(),
                std::process::id()
            )
        );
        drop(first);
        DataDir::lock(folder.path()).unwrap();
    }

    #[test]
    fn a_directory_of_another_node_is_refused_with_both_names() {
        let folder = tempfile::tempdir().unwrap();
        let directory = DataDir::lock(folder.path()).unwrap();
        let (genesis, origin) = (identity(1).genesis, identity(1).origin);
        assert_eq!(directory.expect(&genesis, &origin, 1).unwrap(), None);
        directory.adopt(&identity(1)).unwrap();
        assert_eq!(
            directory.expect(&genesis, &origin, 1).unwrap(),
            Some(identity(1))
        );

        let error = directory.expect(&genesis, &origin, 2).unwrap_err();
        assert!(matches!(error, Error::ForeignDirectory { .. }));
        let sentence = error.to_string();
        assert!(
            sentence.contains("belongs to node 1 of tally.example/caucus"),
            "{sentence}"
        );
        assert!(sentence.contains("but this is node 2 of"), "{sentence}");
        assert!(directory.expect("another", &origin, 1).is_err());
        assert!(directory.expect(&genesis, "another", 1).is_err());
    }

    #[test]
    fn an_identity_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let directory = DataDir::lock(folder.path()).unwrap();
        directory.adopt(&identity(1)).unwrap();
        assert!(matches!(
            directory.adopt(&identity(1)),
            Err(Error::ForeignDirectory { .. })
        ));
    }

    #[test]
    fn databases_without_an_identity_are_not_guessed_at() {
        let folder = tempfile::tempdir().unwrap();
        let directory = DataDir::lock(folder.path()).unwrap();
        fs::create_dir(folder.path().join("log")).unwrap();
        assert!(matches!(directory.identity(), Err(Error::Damaged { .. })));
        assert!(matches!(
            directory.adopt(&identity(1)),
            Err(Error::Damaged { .. })
        ));
    }

    #[test]
    fn room_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let space = DataDir::lock(folder.path()).unwrap().space().unwrap();
        assert!(space.total_bytes > 0);
        assert!(space.free_bytes <= space.total_bytes);
    }
}
