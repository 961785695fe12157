//! The chair's outbox: every note is on disk before it is sent, and stays there.
//!
//! One directory, flat. An entry is called after its unit (or its act) and its id:
//!
//! ```text
//! P-12.4ffc941809e0f5337b50f32307a2654f.note       the exact bytes that were signed
//! P-12.4ffc941809e0f5337b50f32307a2654f.recorded   a node said: this is leaf n (JSON)
//! P-12.4ffc941809e0f5337b50f32307a2654f.refused    a node said: no, because … (JSON)
//! P-12.4ffc941809e0f5337b50f32307a2654f.receipt    the verified `.tlog-proof`
//! ```
//!
//! The state of an entry is which of these files exist, so there is no index to lose. Nothing here
//! deletes a note. A file ending in `.unfinished` is what a power cut left of a write that had not
//! been answered; it is never read.

use std::collections::BTreeSet;
use std::fmt;
use std::io;

use caucus::SubmissionId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::answer::{Effect, Refused};
use crate::disk::{Disk, write_durably};

/// What an entry is called: a token (the unit, or the act for notes without one), a dot, its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName(String);

impl EntryName {
    /// The entry of this unit or act and this id.
    pub fn new(subject: &str, id: &SubmissionId) -> EntryName {
        EntryName(format!("{subject}.{id}"))
    }

    /// The same text signed anew by other hands, for the `times`-th time: both notes stay.
    #[must_use]
    pub fn signed_anew(&self, times: u32) -> EntryName {
        EntryName(format!("{}-{times}", self.0))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn file(&self, kind: Kind) -> String {
        format!("{}.{}", self.0, kind.extension())
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One kept note and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: EntryName,
    /// The exact bytes that were signed.
    pub note: Vec<u8>,
    /// What has become of it.
    pub state: State,
}

/// What has become of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// No node has answered yet.
    Waiting,
    /// A node says that it is recorded; there is no receipt yet.
    Recorded(Recorded),
    /// A node refused it.
    Refused(Refused),
    /// A receipt was verified and lies beside it.
    Receipted {
        /// The `.tlog-proof` file.
        receipt: Vec<u8>,
        /// What the node said when it was recorded, if it said so before.
        recorded: Option<Recorded>,
    },
}

impl State {
    /// The word for it on the screen and in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Recorded(_) => "recorded",
            State::Refused(_) => "refused",
            State::Receipted { .. } => "receipted",
        }
    }

    /// Whether sending it again may still change something.
    pub fn is_open(&self) -> bool {
        match self {
            State::Waiting | State::Recorded(_) => true,
            State::Refused(_) | State::Receipted { .. } => false,
        }
    }
}

/// What a node said when it recorded a note: a claim, not a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The leaf it named.
    pub leaf_index: u64,
    /// What recording did.
    pub effect: Effect,
}

/// Why the outbox could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk failed. Nothing was sent that is not kept.
    #[error("{doing} in the outbox")]
    Disk {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another note has this name: an id was drawn twice.
    #[error("another note is kept as `{0}`")]
    NameTaken(EntryName),
    /// No entry has this name.
    #[error("no entry `{0}`")]
    NoSuchEntry(EntryName),
}

/// The outbox over some disk.
#[derive(Debug)]
pub struct Outbox<D> {
    disk: D,
}

impl<D: Disk> Outbox<D> {
    /// An outbox in this directory.
    pub fn new(disk: D) -> Outbox<D> {
        Outbox { disk }
    }

    /// The directory.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// Keeps a note. When this returns, a power cut does not lose it; only then may it be sent.
    /// Keeping the same bytes again does nothing.
    pub fn keep(&self, name: &EntryName, note: &[u8]) -> Result<(), Error> {
        let file = name.file(Kind::Note);
        match self.disk.read(&file) {
            Ok(kept) if kept == note => {
                // An earlier run may have ended between the rename and the directory's sync.
                return self.disk.sync_directory().map_err(failed("keep a note"));
            }
            Ok(_) => return Err(Error::NameTaken(name.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("look for a note")(error)),
        }
        write_durably(&self.disk, &file, note).map_err(failed("keep a note"))
    }

    /// Notes that a node says it has recorded the note.
    pub fn mark_recorded(&self, name: &EntryName, recorded: &Recorded) -> Result<(), Error> {
        self.mark(name, Kind::Recorded, &json(recorded))
    }

    /// Notes that a node refused the note.
    pub fn mark_refused(&self, name: &EntryName, refused: &Refused) -> Result<(), Error> {
        self.mark(name, Kind::Refused, &json(refused))
    }

    /// Puts a receipt beside its note. The caller has verified it.
    pub fn keep_receipt(&self, name: &EntryName, receipt: &[u8]) -> Result<(), Error> {
        self.mark(name, Kind::Receipt, receipt)
    }

    fn mark(&self, name: &EntryName, kind: Kind, bytes: &[u8]) -> Result<(), Error> {
        if self.read(name, Kind::Note)?.is_none() {
            return Err(Error::NoSuchEntry(name.clone()));
        }
        write_durably(&self.disk, &name.file(kind), bytes).map_err(failed("keep an answer"))
    }

    /// All entries, by name.
    pub fn list(&self) -> Result<Vec<Entry>, Error> {
        let mut names = BTreeSet::new();
        for file in self.disk.list().map_err(failed("list the notes"))? {
            if let Some(name) = file.strip_suffix(Kind::Note.suffix()) {
                names.insert(EntryName(name.to_owned()));
            }
        }
        names.into_iter().map(|name| self.entry(name)).collect()
    }

    /// The entries whose names begin with `start`: a whole name, a unit, or a few letters of one.
    pub fn find(&self, start: &str) -> Result<Vec<Entry>, Error> {
        let mut entries = self.list()?;
        entries.retain(|entry| entry.name.as_str().starts_with(start));
        Ok(entries)
    }

    /// Where the note and, if there is one, its receipt lie within the directory.
    pub fn files(&self, entry: &Entry) -> (String, Option<String>) {
        let receipt = matches!(entry.state, State::Receipted { .. });
        (
            entry.name.file(Kind::Note),
            receipt.then(|| entry.name.file(Kind::Receipt)),
        )
    }

    fn entry(&self, name: EntryName) -> Result<Entry, Error> {
        let Some(note) = self.read(&name, Kind::Note)? else {
            return Err(Error::NoSuchEntry(name));
        };
        // The strongest word counts: a receipt proves, "recorded" is worth asking again for the
        // receipt, and "refused" may have been said by one node only.
        let recorded: Option<Recorded> = self.read_json(&name, Kind::Recorded)?;
        let state = if let Some(receipt) = self.read(&name, Kind::Receipt)? {
            State::Receipted { receipt, recorded }
        } else if let Some(recorded) = recorded {
            State::Recorded(recorded)
        } else if let Some(refused) = self.read_json(&name, Kind::Refused)? {
            State::Refused(refused)
        } else {
            State::Waiting
        };
        Ok(Entry { name, note, state })
    }

    fn read(&self, name: &EntryName, kind: Kind) -> Result<Option<Vec<u8>>, Error> {
        match self.disk.read(&name.file(kind)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read a note or its answer")(error)),
        }
    }

    /// A mark that does not parse counts as none: it only remembers what a node can say again.
    fn read_json<T: DeserializeOwned>(
        &self,
        name: &EntryName,
        kind: Kind,
    ) -> Result<Option<T>, Error> {
        Ok(self
            .read(name, kind)?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}

/// The files of an entry.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Note,
    Recorded,
    Refused,
    Receipt,
}

impl Kind {
    fn suffix(self) -> &'static str {
        match self {
            Kind::Note => ".note",
            Kind::Recorded => ".recorded",
            Kind::Refused => ".refused",
            Kind::Receipt => ".receipt",
        }
    }

    fn extension(self) -> &'static str {
        self.suffix().trim_start_matches('.')
    }
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::Disk { doing, source }
}

/// The marks hold strings and numbers only, which always encode.
fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
