//! The state machine's tables on disk, and how a whole new state takes the place of the old one.
//!
//! ```text
//! CURRENT_STATE          "tally/current-state/v1" LF  "generation" SP number LF  check
//! state/<generation>/    one RocksDB, eight digits; only the one that CURRENT_STATE names counts
//! state/incoming.tmp/    a snapshot on its way in
//! damaged/<n>/           what was set aside: a pointer and a `state/` that could not be read
//! ```
//! The pointer is one file that is replaced as a whole, so a crash at any point of an installation leaves the
//! old state or the new one. Everything else in `state/` is rubbish by definition and is removed at the
//! next start. What the snapshot means, and whether its files are the ones that were sent, is the caller's.

mod database;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::directory::{DataDir, make_directory};
use crate::error::Error;
use crate::files::{self, DurableFile};
use crate::identity::number;
use crate::options::Memory;
pub use database::{Batch, CheckpointFile, StateDb, StateSnapshot, Visit};

const HEAD: &str = "tally/current-state/v1";
const INCOMING: &str = "incoming.tmp";

/// The states of one node: the current one, and the way in for the next.
#[derive(Debug)]
pub struct StateStore {
    folder: PathBuf,
    pointer: DurableFile,
    tables: Vec<&'static str>,
    memory: Memory,
    current: RwLock<Current>,
}

#[derive(Debug, Clone)]
struct Current {
    generation: u64,
    database: Arc<StateDb>,
}

impl StateStore {
    /// Opens the current state, making an empty one if the directory has never had any.
    ///
    /// `tables` are all that there may be: a table on disk that is not among them was written by another
    /// version, and the state is refused rather than half read.
    pub fn open(directory: &DataDir, tables: &[&'static str]) -> Result<Self, Error> {
        let folder = directory.states_path();
        make_directory(&folder)?;
        let pointer = directory.current_state_file();
        let memory = directory.memory().clone();
        let generation = match read_pointer(&pointer)? {
            Some(generation) => {
                let path = generation_path(&folder, generation);
                if !path.is_dir() {
                    return Err(Error::damaged(
                        format!(
                            "state `{}` is missing, but `{}` names it",
                            path.display(),
                            pointer.path().display()
                        ),
                        REBUILD,
                    ));
                }
                generation
            }
            None => make_first(&folder, &pointer, tables, &memory)?,
        };
        let path = generation_path(&folder, generation);
        let database = StateDb::open(&path, tables, &memory, false)?;
        database.read_through()?;
        remove_all_but(&folder, &path)?;
        Ok(Self {
            folder,
            pointer,
            tables: tables.to_vec(),
            memory,
            current: RwLock::new(Current {
                generation,
                database: Arc::new(database),
            }),
        })
    }

    /// The current state. Whoever holds it reads one state to the end, also while another is installed.
    pub fn current(&self) -> Arc<StateDb> {
        self.read_current().database
    }

    /// Writes a checkpoint of the current state into `path`, which must not exist, and lists its files.
    /// They are hard links where the file system allows, so this takes milliseconds and little room.
    pub fn checkpoint(&self, path: &Path) -> Result<Vec<CheckpointFile>, Error> {
        self.current().checkpoint(path)
    }

    /// Opens the checkpoint in `path` for a look: nothing of it is changed, and nothing of the
    /// current state.
    pub fn inspect(&self, path: &Path) -> Result<StateDb, Error> {
        StateDb::open_for_reading(path, &self.tables, &self.memory)
    }

    /// An empty folder to write the files of a snapshot into. There is one: what an earlier transfer left is removed.
    pub fn receive(&self) -> Result<PathBuf, Error> {
        let incoming = self.folder.join(INCOMING);
        files::remove_tree(&incoming)?;
        make_directory(&incoming)?;
        Ok(incoming)
    }

    /// Makes the checkpoint in `incoming` the current state, durably, and gives it.
    ///
    /// When this returns, the new state survives a power cut; when it fails, the old one is still
    /// current. The old one is deleted when the last holder lets go of it.
    pub fn install(&self, incoming: &Path) -> Result<Arc<StateDb>, Error> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let generation = current.generation.saturating_add(1);
        let path = generation_path(&self.folder, generation);
        files::sync_tree(incoming)?;
        files::remove_tree(&path)?;
        fs::rename(incoming, &path).map_err(|error| Error::file("rename", incoming, error))?;
        files::sync_directory(&self.folder)?;
        // Opened before it is current: a snapshot that does not open must not cost the state that does.
        let database = match StateDb::open(&path, &self.tables, &self.memory, false) {
            Ok(database) => Arc::new(database),
            Err(error) => {
                files::remove_tree(&path)?;
                return Err(error);
            }
        };
        // This is the moment: before it a crash leaves the old state, after it the new one.
        write_pointer(&self.pointer, generation)?;
        let old = std::mem::replace(
            &mut *current,
            Current {
                generation,
                database: Arc::clone(&database),
            },
        );
        drop(current);
        old.database.delete_when_released();
        Ok(database)
    }

    fn read_current(&self) -> Current {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

const REBUILD: &str =
    "stop the node, move the data directory away and bring the node back as a new member";

/// Moves the state out of the way as it is, for examination, and says where it is now. The next
/// [`StateStore::open`] makes an empty one, to be filled from a log that has every entry.
///
/// The pointer goes first: whatever a crash leaves in between, a state without its pointer is refused
/// and set aside again, and none is ever taken for current.
pub(crate) fn set_aside(directory: &DataDir) -> Result<PathBuf, Error> {
    let all = directory.damaged_path();
    make_directory(&all)?;
    // Above every number there is: what somebody has moved away does not give its number back.
    let taken = files::list(&all)?;
    let numbers = taken
        .iter()
        .filter_map(|path| number(path.file_name()?.to_str()?));
    let next = numbers.max().unwrap_or_default().saturating_add(1);
    let aside = all.join(next.to_string());
    make_directory(&aside)?;
    let pointer = directory.current_state_file();
    for path in [pointer.path(), &directory.states_path()] {
        let Some(name) = path.file_name().filter(|_| path.exists()) else {
            continue;
        };
        fs::rename(path, aside.join(name)).map_err(|error| Error::file("move", path, error))?;
        files::sync_directory(&aside)?;
        files::sync_directory(directory.root())?;
    }
    Ok(aside)
}

/// Makes generation 1, empty. A crash leaves no pointer, and the next start begins again.
fn make_first(
    folder: &Path,
    pointer: &DurableFile,
    tables: &[&'static str],
    memory: &Memory,
) -> Result<u64, Error> {
    const FIRST: u64 = 1;
    let path = generation_path(folder, FIRST);
    for found in files::list(folder)? {
        let is_first = found == path && StateDb::open(&path, tables, memory, true)?.is_empty()?;
        if !is_first && !is_incoming(&found) {
            return Err(Error::damaged(
                format!(
                    "`{}` is missing beside `{}`",
                    pointer.path().display(),
                    found.display()
                ),
                REBUILD,
            ));
        }
    }
    drop(StateDb::open(&path, tables, memory, true)?);
    files::sync_tree(&path)?;
    files::sync_directory(folder)?;
    write_pointer(pointer, FIRST)?;
    Ok(FIRST)
}

fn remove_all_but(folder: &Path, current: &Path) -> Result<(), Error> {
    for found in files::list(folder)? {
        if found != current {
            files::remove_tree(&found)?;
        }
    }
    Ok(())
}

fn is_incoming(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == INCOMING)
}

fn generation_path(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("{generation:08}"))
}

fn write_pointer(pointer: &DurableFile, generation: u64) -> Result<(), Error> {
    pointer.replace_sealed(&format!("{HEAD}\ngeneration {generation}\n"))
}

fn read_pointer(pointer: &DurableFile) -> Result<Option<u64>, Error> {
    let Some(text) = pointer.read_sealed()? else {
        return Ok(None);
    };
    let generation = text
        .strip_prefix(HEAD)
        .and_then(|rest| rest.strip_prefix("\ngeneration "))
        .and_then(|rest| number(rest.strip_suffix('\n')?));
    generation.map(Some).ok_or_else(|| {
        Error::other_version(format!(
            "`{}` is not a pointer of this version",
            pointer.path().display()
        ))
    })
}

#[cfg(test)]
mod tests;
