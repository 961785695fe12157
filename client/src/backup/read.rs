//! A backup read from its first byte to its last: each file against its hash in the inventory, each
//! byte between them against the only one that can stand there. The damaged part is named.

use std::fs::File;
use std::io::{BufReader, Read, Write as _};
use std::path::Path;

use merkle::sha256;

use super::frame::{self, BLOCK};
use super::inventory::{INVENTORY, Inventory, Item};
use super::{DiskError, disk};
use crate::bundle::LARGEST_FILE;
use crate::disk::Directory;

/// The largest inventory: that of a hundred million leaves.
const LARGEST_INVENTORY: u64 = 128 << 20;

/// What becomes of the files while they are read.
#[derive(Debug, Clone, Copy)]
pub enum Keep<'p> {
    /// They are only checked.
    Nothing,
    /// They are written into this folder, for as long as this program runs.
    Passing(&'p Path),
    /// They are written into this folder and survive a power cut.
    Durably(&'p Path),
}

/// Why a backup cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk does not give it, or does not take what was in it.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It is not what was written.
    #[error("{part}: {damage}")]
    Damaged {
        /// The part of the backup.
        part: String,
        /// What is wrong with it.
        damage: Damage,
    },
}

/// What can be wrong with a part of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file ends in it.
    #[error("the backup is cut off here")]
    Cut,
    /// What stands before its contents is not what belongs there.
    #[error("the bytes before its contents are damaged")]
    Header,
    /// Its contents have another hash than the inventory says.
    #[error("its contents are not those that were saved")]
    Contents,
    /// The rest of its last block is not empty.
    #[error("the bytes behind its contents are damaged")]
    Padding,
    /// It is not an inventory, or not the one that was written.
    #[error("it is damaged, or this is no backup of this version")]
    Inventory,
    /// The file goes on where it should end.
    #[error("the backup goes on behind its end")]
    Longer,
}

/// Reads all of a backup. What is kept is there when this returns, and worth nothing if it fails.
pub fn read(file: &Path, keep: Keep<'_>) -> Result<Inventory, ReadError> {
    let opened = disk("open", file, File::open(file))?;
    let mut reader = Reader {
        input: BufReader::with_capacity(1 << 20, opened),
        file,
    };
    let size = reader.header(INVENTORY, None)?;
    if size > LARGEST_INVENTORY {
        return Err(damaged(INVENTORY, Damage::Inventory));
    }
    let text = reader.contents(INVENTORY, size)?;
    let inventory = String::from_utf8(text)
        .ok()
        .and_then(|text| Inventory::parse(&text))
        .ok_or_else(|| damaged(INVENTORY, Damage::Inventory))?;
    for item in &inventory.files {
        let bytes = reader.item(item)?;
        match keep {
            Keep::Nothing => {}
            Keep::Passing(folder) => drop(put(folder, item, &bytes)?),
            Keep::Durably(folder) => {
                let written = put(folder, item, &bytes)?;
                disk("sync", folder, written.sync_all())?;
            }
        }
    }
    let end = reader.take(END, frame::END.len())?;
    if end != frame::END {
        return Err(damaged(END, Damage::Contents));
    }
    let mut more = Vec::new();
    let behind = (&mut reader.input).take(1).read_to_end(&mut more);
    if disk("read", file, behind)? > 0 {
        return Err(damaged(END, Damage::Longer));
    }
    if let Keep::Durably(folder) = keep {
        sync_folders(folder)?;
    }
    Ok(inventory)
}

/// What the last two blocks are called.
const END: &str = "end";

struct Reader<'p> {
    input: BufReader<File>,
    file: &'p Path,
}

impl Reader<'_> {
    fn item(&mut self, item: &Item) -> Result<Vec<u8>, ReadError> {
        if item.bytes > LARGEST_FILE {
            return Err(damaged(&item.path, Damage::Contents));
        }
        self.header(&item.path, Some(item.bytes))?;
        let bytes = self.contents(&item.path, item.bytes)?;
        if sha256(&bytes) != item.hash {
            return Err(damaged(&item.path, Damage::Contents));
        }
        Ok(bytes)
    }

    /// The size by the header that comes next, which must be this part's.
    fn header(&mut self, part: &str, size: Option<u64>) -> Result<u64, ReadError> {
        let block = self.take(part, BLOCK)?;
        frame::size_of(&block, part)
            .filter(|stated| size.is_none_or(|size| size == *stated))
            .ok_or_else(|| damaged(part, Damage::Header))
    }

    fn contents(&mut self, part: &str, size: u64) -> Result<Vec<u8>, ReadError> {
        let bytes = self.take(part, usize::try_from(size).unwrap_or(usize::MAX))?;
        let padding = self.take(part, frame::padding(size))?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(damaged(part, Damage::Padding));
        }
        Ok(bytes)
    }

    fn take(&mut self, part: &str, length: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(length).unwrap_or(u64::MAX);
        let got = (&mut self.input).take(limit).read_to_end(&mut bytes);
        if disk("read", self.file, got)? < length {
            return Err(damaged(part, Damage::Cut));
        }
        Ok(bytes)
    }
}

fn put(folder: &Path, item: &Item, bytes: &[u8]) -> Result<File, ReadError> {
    let path = folder.join(&item.path);
    if let Some(above) = path.parent() {
        disk("make", above, std::fs::create_dir_all(above))?;
    }
    let mut file = disk("make", &path, File::create(&path))?;
    disk("write", &path, file.write_all(bytes))?;
    Ok(file)
}

/// Makes the names below a folder, and its own, durable.
fn sync_folders(folder: &Path) -> Result<(), ReadError> {
    disk("sync", folder, Directory::open(folder))?;
    disk(
        "sync",
        folder,
        File::open(folder).and_then(|it| it.sync_all()),
    )?;
    let listed = disk("list", folder, std::fs::read_dir(folder))?;
    for entry in listed {
        let path = disk("list", folder, entry)?.path();
        if path.is_dir() {
            sync_folders(&path)?;
        }
    }
    Ok(())
}

fn damaged(part: &str, damage: Damage) -> ReadError {
    ReadError::Damaged {
        part: format!("`{part}`"),
        damage,
    }
}
