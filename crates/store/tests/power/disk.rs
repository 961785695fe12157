//! A disk with what is durable on it and what is not yet.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::journal::Record;

/// What is torn off the last write begins at a sector.
const SECTOR: usize = 512;

/// What a power cut leaves of what was not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing.
    Drop,
    /// The first half of each file's changes, and all names.
    Prefix,
    /// All but the second half of each file's last write, and all names.
    Torn,
}

/// Names and files as the process sees them, and as they are for certain.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    files: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    durable: BTreeMap<PathBuf, usize>,
}

#[derive(Debug, Default)]
struct Content {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write(offset, data) => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
            Change::Cut(length) => bytes.resize(*length, 0),
        }
    }

    /// The part of it that a torn write leaves.
    fn torn(&self) -> Change {
        match self {
            Change::Write(offset, data) => {
                let kept = (data.len() / 2)
                    .next_multiple_of(SECTOR)
                    .min(data.len() - 1);
                Change::Write(*offset, data[..kept].to_vec())
            }
            Change::Cut(length) => Change::Cut(*length),
        }
    }
}

impl Disk {
    pub(crate) fn apply(&mut self, record: &Record) {
        match record {
            Record::Created(path) => {
                self.names.insert(path.clone(), self.files.len());
                self.files.push(Content::default());
            }
            Record::Written(path, offset, data) => {
                self.change(path, Change::Write(*offset, data.clone()));
            }
            Record::Cut(path, length) => self.change(path, Change::Cut(*length)),
            Record::Renamed(from, to) => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
            }
            Record::Unlinked(path) => {
                self.names.remove(path);
            }
            Record::Synced(path) => self.sync(path),
            Record::Said(_) => {}
        }
    }

    fn change(&mut self, path: &Path, change: Change) {
        if let Some(file) = self.names.get(path) {
            self.files[*file].pending.push(change);
        }
    }

    fn sync(&mut self, path: &Path) {
        if let Some(file) = self.names.get(path) {
            let Content { durable, pending } = &mut self.files[*file];
            for change in pending.drain(..) {
                change.apply(durable);
            }
            return;
        }
        // A directory: the names in it are what they are.
        let within = |name: &Path| name.parent() == Some(path);
        self.durable.retain(|name, _| !within(name));
        let now = self.names.iter().filter(|(name, _)| within(name));
        self.durable
            .extend(now.map(|(name, file)| (name.clone(), *file)));
    }

    /// Writes the disk as a power cut at this moment leaves it.
    pub(crate) fn write(&self, left: Left, root: &Path, to: &Path) -> io::Result<()> {
        let names = match left {
            Left::Drop => &self.durable,
            Left::Prefix | Left::Torn => &self.names,
        };
        fs::create_dir_all(to)?;
        for (name, file) in names {
            let Ok(place) = name.strip_prefix(root) else {
                continue;
            };
            let target = to.join(place);
            if let Some(folder) = target.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(target, self.files[*file].after(left))?;
        }
        Ok(())
    }
}

impl Content {
    fn after(&self, left: Left) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        match (left, self.pending.split_last()) {
            (Left::Drop, _) | (_, None) => {}
            (Left::Prefix, Some(_)) => {
                for change in &self.pending[..self.pending.len() / 2] {
                    change.apply(&mut bytes);
                }
            }
            (Left::Torn, Some((last, before))) => {
                for change in before {
                    change.apply(&mut bytes);
                }
                last.torn().apply(&mut bytes);
            }
        }
        bytes
    }
}
