//! A folder with a log into one file. The file gets its name when all of it is on the disk and was
//! read back from there.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use merkle::sha256;
use note::UnixSeconds;
use receipt::Election;

use super::frame;
use super::inventory::{INVENTORY, Inventory, Item, stays_inside};
use super::read::{Keep, ReadError, read};
use super::{DiskError, disk};
use crate::disk::TEMPORARY;
use crate::log::verify::Endorsed;

/// What the folder's checkpoint was found to be.
#[derive(Debug)]
pub struct Facts<'f> {
    /// The election.
    pub election: &'f Election,
    /// The checkpoint.
    pub checkpoint: &'f note::Checkpoint,
    /// What its cosignatures amount to.
    pub endorsed: &'f Endorsed,
    /// Now.
    pub taken: UnixSeconds,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is a file of this name, and it stays.
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    /// The disk does not do it.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file of the folder has a name or a size that is no log's.
    #[error("`{0}` is no file of a log")]
    Foreign(String),
    /// What was written is not what the disk gives back.
    #[error("what was written cannot be read back")]
    ReadBack(#[source] ReadError),
}

/// Packs the folder into `file`, which must not be there.
pub fn write(folder: &Path, file: &Path, facts: &Facts<'_>) -> Result<Inventory, WriteError> {
    if file.exists() {
        return Err(WriteError::Exists(file.to_owned()));
    }
    let inventory = inventory_of(folder, facts)?;
    let mut unfinished = file.to_owned().into_os_string();
    unfinished.push(TEMPORARY);
    let unfinished = PathBuf::from(unfinished);
    let packed = pack(folder, &unfinished, &inventory).and_then(|()| {
        read(&unfinished, Keep::Nothing).map_err(WriteError::ReadBack)?;
        // Whole, on the disk, and read back: from here on it may have its name.
        disk("rename", &unfinished, std::fs::rename(&unfinished, file))?;
        let above = parent(file);
        let synced = File::open(above).and_then(|it| it.sync_all());
        Ok(disk("sync", above, synced)?)
    });
    if packed.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    packed.map(|()| inventory)
}

fn inventory_of(folder: &Path, facts: &Facts<'_>) -> Result<Inventory, WriteError> {
    let mut paths = Vec::new();
    list(folder, "", &mut paths)?;
    paths.sort();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let from = folder.join(&path);
        let bytes = disk("read", &from, std::fs::read(&from))?;
        files.push(Item {
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            hash: sha256(&bytes),
            path,
        });
    }
    let Facts {
        election,
        checkpoint,
        endorsed,
        taken,
    } = facts;
    Ok(Inventory {
        election: election.id().clone(),
        kind: election.kind(),
        genesis: *election.genesis(),
        origin: checkpoint.origin.clone(),
        manifest: endorsed.manifest,
        taken: *taken,
        size: checkpoint.size,
        root: checkpoint.root,
        level: endorsed.level,
        files,
    })
}

/// The paths of all files below a folder.
fn list(root: &Path, below: &str, found: &mut Vec<String>) -> Result<(), WriteError> {
    let folder = root.join(below);
    let listed = disk("list", &folder, std::fs::read_dir(&folder))?;
    for entry in listed {
        let entry = disk("list", &folder, entry)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = match below {
            "" => name,
            below => format!("{below}/{name}"),
        };
        if !stays_inside(&path) {
            return Err(WriteError::Foreign(path));
        }
        if disk("look at", &folder, entry.file_type())?.is_dir() {
            list(root, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn pack(folder: &Path, to: &Path, inventory: &Inventory) -> Result<(), WriteError> {
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(to);
    let mut out = BufWriter::new(disk("make", to, opened)?);
    let mut put = |path: &str, bytes: &[u8]| -> Result<(), WriteError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let header = frame::header(path, size).ok_or_else(|| WriteError::Foreign(path.into()))?;
        let zeros = frame::END.get(..frame::padding(size)).unwrap_or_default();
        for part in [&header, bytes, zeros] {
            disk("write", to, out.write_all(part))?;
        }
        Ok(())
    };
    put(INVENTORY, inventory.text().as_bytes())?;
    for item in &inventory.files {
        let from = folder.join(&item.path);
        put(&item.path, &disk("read", &from, std::fs::read(&from))?)?;
    }
    disk("write", to, out.write_all(&frame::END))?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error);
    let file = disk("write", to, file)?;
    Ok(disk("sync", to, file.sync_all())?)
}

/// The folder that a file is in.
fn parent(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    }
}
