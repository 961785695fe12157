//! One directory as the outbox sees it, and the one way in which a file becomes durable.
//!
//! The trait is the seam at which tests pull the plug: between any two of its calls the power may
//! go, and what was not synced may be gone, torn or there.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A flat directory of files.
pub trait Disk {
    /// Names of all files, in no particular order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// All bytes of one file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// Writes a file that did not exist. It may be torn or missing after a power cut.
    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Makes the bytes of a file durable, though not yet its name.
    fn sync(&self, name: &str) -> io::Result<()>;
    /// Gives a file its name in one step, replacing what had that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names durable: creations, renames and removals before this call.
    fn sync_directory(&self) -> io::Result<()>;
}

/// What a file is called until it is whole.
pub const TEMPORARY: &str = ".unfinished";

/// Puts `bytes` under `name` so that after a power cut there is either the old file or the whole
/// new one, and after this function returns there is the new one.
pub fn write_durably(disk: &impl Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}{TEMPORARY}");
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    disk.create(&temporary, bytes)?;
    disk.sync(&temporary)?;
    disk.rename(&temporary, name)?;
    // From here on the file survives: this is what "safe here" means on the screen.
    disk.sync_directory()
}

/// A directory of the file system.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Opens a directory, making it (and its parents) where it is missing. What was made is
    /// durable: a note is not safe in a directory that a power cut takes away.
    pub fn open(path: &Path) -> io::Result<Directory> {
        let path = std::path::absolute(path)?;
        let made: Vec<&Path> = path
            .ancestors()
            .take_while(|folder| !folder.exists())
            .collect();
        std::fs::create_dir_all(&path)?;
        for parent in made.iter().filter_map(|folder| folder.parent()) {
            File::open(parent)?.sync_all()?;
        }
        Ok(Directory { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Disk for Directory {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Some(name) = entry.file_name().to_str()
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.path.join(name))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path.join(name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)?
            .write_all(bytes)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        File::open(self.path.join(name))?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// Writes a file that only its owner may read: secret keys.
pub fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}
