//! A witness's memory: a folder with its key and the largest tree that the key cosigned.
//!
//! ```text
//! key          the secret key, readable by its owner alone
//! checkpoint   the newest checkpoint cosigned, this witness's own line on it
//! identity     the key's public half, the log, and the size and root of that checkpoint
//! contradiction-<size>-<root>.txt   two tree heads that one log signed for one size
//! lock         held while a witness runs
//! ```
//!
//! The checkpoint is written before the identity and both before the signature leaves. So an
//! identity that is ahead of the checkpoint tells that the checkpoint was lost or put back from a
//! copy, and with such a memory the key could sign two histories.

use std::fs::File;
use std::io;
use std::path::Path;

use merkle::{EMPTY_ROOT, Hash, TreeSize};
use note::{CosignerKey, KeyName, Origin, SignedCheckpoint, UnixSeconds, b64, parse_decimal};
use witness::LastSeen;

use crate::disk::{Directory, Disk, TEMPORARY, write_durably, write_secret};
use crate::random::Random;

const KEY: &str = "key";
const CHECKPOINT: &str = "checkpoint";
const IDENTITY: &str = "identity";
const LOCK: &str = "lock";
/// How many contradictions are kept. One is enough to convict; the log's keys must not be able to
/// fill the disk.
const MOST_CONTRADICTIONS: usize = 64;
const CONTRADICTION: &str = "contradiction-";

/// Why there is no memory to sign with.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The folder cannot be used.
    #[error("use the witness's folder")]
    Io(#[from] io::Error),
    /// Another witness runs on the same folder.
    #[error("another witness runs with this folder: stop it first")]
    InUse,
    /// The key is gone and its identity is not, or the other way round.
    #[error("`{missing}` is missing beside the other files: start with a new folder and a new key")]
    Lost {
        /// The file.
        missing: &'static str,
    },
    /// A file does not say what it should.
    #[error("`{file}` cannot be read: start with a new folder and a new key")]
    Damaged {
        /// The file.
        file: &'static str,
    },
    /// The folder belongs to the witness of another log.
    #[error("this folder follows the log `{0}`: give each log its own folder")]
    OtherLog(String),
    /// The checkpoint is older than what the key signed.
    #[error(
        "the key cosigned size {signed}, the memory knows {remembered}: it was put back from a \
         copy; start with a new folder and a new key"
    )]
    Older {
        /// By the identity.
        signed: TreeSize,
        /// By the checkpoint.
        remembered: TreeSize,
    },
}

/// The key and what it signed last.
#[derive(Debug)]
pub struct Memory<D> {
    disk: D,
    key: CosignerKey,
    origin: Origin,
    newest: Option<SignedCheckpoint>,
    // Held until the memory is dropped.
    lock: Option<File>,
}

impl Memory<Directory> {
    /// Opens the folder of a witness; on first start its key is made, by `name`.
    pub fn open(
        folder: &Path,
        origin: &Origin,
        name: &KeyName,
        random: &mut impl Random,
    ) -> Result<Self, MemoryError> {
        let disk = Directory::open(folder)?;
        let lock = File::create(folder.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => MemoryError::InUse,
            std::fs::TryLockError::Error(error) => MemoryError::Io(error),
        })?;
        if read(&disk, KEY)?.is_none() {
            for (name, missing) in [(IDENTITY, KEY), (CHECKPOINT, KEY)] {
                if read(&disk, name)?.is_some() {
                    return Err(MemoryError::Lost { missing });
                }
            }
            let key = CosignerKey::from_seed(name.clone(), random.seed());
            // The identity last: a key that was never announced has signed nothing.
            let temporary = format!("{KEY}{TEMPORARY}");
            write_secret(&folder.join(&temporary), &key.to_secret_text())?;
            disk.sync(&temporary)?;
            disk.rename(&temporary, KEY)?;
            write_durably(&disk, IDENTITY, identity(&key, origin, None).as_bytes())?;
        }
        let mut memory = Memory::load(disk, origin)?;
        memory.lock = Some(lock);
        Ok(memory)
    }
}

impl<D: Disk> Memory<D> {
    /// Reads a memory that is there, and refuses one that is not whole.
    pub fn load(disk: D, origin: &Origin) -> Result<Self, MemoryError> {
        let key = text(&disk, KEY)?.ok_or(MemoryError::Lost { missing: KEY })?;
        let key =
            CosignerKey::from_secret_text(&key).map_err(|_| MemoryError::Damaged { file: KEY })?;
        let stated = text(&disk, IDENTITY)?.ok_or(MemoryError::Lost { missing: IDENTITY })?;
        let (log, signed) =
            read_identity(&stated, &key).ok_or(MemoryError::Damaged { file: IDENTITY })?;
        if log != *origin {
            return Err(MemoryError::OtherLog(log.to_string()));
        }
        let newest = match read(&disk, CHECKPOINT)? {
            None => None,
            Some(bytes) => Some(
                SignedCheckpoint::parse(&bytes)
                    .ok()
                    .filter(|newest| newest.checkpoint().origin == *origin)
                    .filter(|newest| own_time(&key, newest).is_some())
                    .ok_or(MemoryError::Damaged { file: CHECKPOINT })?,
            ),
        };
        let remembered = seen(newest.as_ref());
        if remembered.size < signed.size
            || (remembered.size == signed.size && remembered.root != signed.root)
        {
            return Err(MemoryError::Older {
                signed: signed.size,
                remembered: remembered.size,
            });
        }
        Ok(Self {
            disk,
            key,
            origin: log,
            newest,
            lock: None,
        })
    }

    /// The key that cosigns.
    pub const fn key(&self) -> &CosignerKey {
        &self.key
    }

    /// The newest checkpoint cosigned.
    pub const fn newest(&self) -> Option<&SignedCheckpoint> {
        self.newest.as_ref()
    }

    /// Its size and root.
    pub fn last_seen(&self) -> Option<LastSeen> {
        self.newest.as_ref().map(|newest| seen(Some(newest)))
    }

    /// The time stated with it, which is never gone behind.
    pub fn last_time(&self) -> UnixSeconds {
        let newest = self.newest.as_ref();
        newest
            .and_then(|newest| own_time(&self.key, newest))
            .unwrap_or(UnixSeconds::new(0))
    }

    /// Keeps a checkpoint that already bears this witness's line. The line may leave the process
    /// once this has returned; after an error nothing more may be signed, as it is unknown what
    /// the disk holds.
    pub fn remember(&mut self, signed: SignedCheckpoint) -> io::Result<()> {
        write_durably(&self.disk, CHECKPOINT, &signed.to_bytes())?;
        let text = identity(&self.key, &self.origin, Some(&signed));
        write_durably(&self.disk, IDENTITY, text.as_bytes())?;
        self.newest = Some(signed);
        Ok(())
    }

    /// Keeps a tree head that contradicts the newest one, beside it.
    pub fn keep_contradiction(&self, other: &SignedCheckpoint) -> io::Result<()> {
        let Some(newest) = &self.newest else {
            return Ok(());
        };
        let head = other.checkpoint();
        let name = format!("{CONTRADICTION}{}-{}.txt", head.size, head.root.to_hex());
        let kept = self.contradictions()?;
        if kept.len() >= MOST_CONTRADICTIONS || kept.contains(&name) {
            return Ok(());
        }
        let mut bytes = newest.to_bytes();
        bytes.push(b'\n');
        bytes.extend(other.to_bytes());
        write_durably(&self.disk, &name, &bytes)
    }

    /// The names of the files that hold contradictions.
    pub fn contradictions(&self) -> io::Result<Vec<String>> {
        let whole = |name: &String| name.starts_with(CONTRADICTION) && !name.ends_with(TEMPORARY);
        Ok(self.disk.list()?.into_iter().filter(whole).collect())
    }
}

fn seen(newest: Option<&SignedCheckpoint>) -> LastSeen {
    newest.map_or(
        LastSeen {
            size: TreeSize::ZERO,
            root: EMPTY_ROOT,
        },
        |newest| LastSeen {
            size: newest.checkpoint().size,
            root: newest.checkpoint().root,
        },
    )
}

/// The time of this key's own line, where there is one that verifies.
fn own_time(key: &CosignerKey, signed: &SignedCheckpoint) -> Option<UnixSeconds> {
    let line = signed.line_of(key.verifier())?;
    key.verifier().verify_cosignature(signed.checkpoint(), line)
}

fn identity(key: &CosignerKey, origin: &Origin, newest: Option<&SignedCheckpoint>) -> String {
    let LastSeen { size, root } = seen(newest);
    let root = b64::encode_hash(&root);
    format!("{}\n{origin}\n{size}\n{root}\n", key.verifier())
}

fn read_identity(text: &str, key: &CosignerKey) -> Option<(Origin, LastSeen)> {
    let lines: Vec<&str> = text.strip_suffix('\n')?.split('\n').collect();
    let [vkey, origin, size, root] = lines.try_into().ok()?;
    if vkey != key.verifier().to_string() {
        return None;
    }
    let size = TreeSize::new(parse_decimal(size)?);
    let root: Hash = b64::decode_hash(root)?;
    Some((Origin::parse(origin).ok()?, LastSeen { size, root }))
}

fn read(disk: &impl Disk, name: &str) -> io::Result<Option<Vec<u8>>> {
    match disk.read(name) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn text(disk: &impl Disk, file: &'static str) -> Result<Option<String>, MemoryError> {
    let utf8 = |bytes| String::from_utf8(bytes).map_err(|_| MemoryError::Damaged { file });
    read(disk, file)?.map(utf8).transpose()
}
