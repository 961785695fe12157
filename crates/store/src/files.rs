//! Small files that are whole or absent: written beside, fsynced, renamed, and the directory fsynced.
//!
//! Text files that a node stands or falls with are *sealed*: their last line is
//! `check <8 lowercase hex digits>`, the CRC-32 (IEEE) of every byte before it. This finds a bad disk and
//! a careless editor; it is no protection against anyone who means it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A file that is always replaced as a whole; after a crash it holds the old bytes or the new ones.
#[derive(Debug, Clone)]
pub struct DurableFile {
    path: PathBuf,
}

impl DurableFile {
    /// The file at `path`, which need not exist; its directory must.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes, or `None` if there is no such file.
    pub fn read(&self) -> Result<Option<Vec<u8>>, Error> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file("read", &self.path, error)),
        }
    }

    /// Replaces the contents. When this returns, they survive a power cut.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), Error> {
        write_durably(&self.path, bytes)
    }

    /// The text of a sealed file without its `check` line, or `None` if there is no such file. When
    /// this returns, the text survives a power cut: a process killed between the rename and the
    /// fsync of the directory leaves a name that a power cut could still take back.
    pub fn read_sealed(&self) -> Result<Option<String>, Error> {
        let Some(bytes) = self.read()? else {
            return Ok(None);
        };
        let damaged = |what: &str| {
            Error::damaged(
                format!("`{}` is corrupt: {what}", self.path.display()),
                "restore this file from the copy it was made from, or bring the node back as a new member",
            )
        };
        let sealed = String::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
        let Some(text) = unseal(&sealed) else {
            return Err(damaged("its check line does not match the lines before it"));
        };
        File::open(&self.path)
            .and_then(|file| file.sync_all())
            .map_err(|error| Error::file("fsync", &self.path, error))?;
        sync_directory(parent(&self.path))?;
        Ok(Some(text.to_owned()))
    }

    /// Replaces the contents by `text` and the line that seals it. Every line of `text` ends with `\n`.
    pub fn replace_sealed(&self, text: &str) -> Result<(), Error> {
        if !text.ends_with('\n') {
            return Err(Error::misuse("a sealed text ends with a line feed"));
        }
        self.replace(format!("{text}{}", check_line(text)).as_bytes())
    }
}

/// Writes `bytes` to `path` so that a crash leaves the old file or the new one, and nothing between.
///
/// The new bytes go to `<path>.tmp`, which is fsynced before it takes the name: a name that points at
/// bytes still in the page cache would be an empty file after a power cut. The fsync of the directory
/// makes the rename itself last.
pub fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let beside = beside(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&beside)
        .map_err(|error| Error::file("create", &beside, error))?;
    file.write_all(bytes)
        .map_err(|error| Error::file("write", &beside, error))?;
    file.sync_all()
        .map_err(|error| Error::file("fsync", &beside, error))?;
    fs::rename(&beside, path).map_err(|error| Error::file("rename", &beside, error))?;
    sync_directory(parent(path))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| Error::file("fsync", path, error))
}

/// Makes every file of a directory durable, then the directory. Database directories have no folders inside.
pub(crate) fn sync_tree(path: &Path) -> Result<(), Error> {
    for file in list(path)? {
        File::open(&file)
            .and_then(|file| file.sync_all())
            .map_err(|error| Error::file("fsync", &file, error))?;
    }
    sync_directory(path)
}

/// The paths in a directory in the order of their names; none if the directory does not exist.
pub(crate) fn list(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("list", path, error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(
            entry
                .map_err(|error| Error::file("list", path, error))?
                .path(),
        );
    }
    paths.sort();
    Ok(paths)
}

/// Removes a directory with everything in it; that it is not there is no error.
pub(crate) fn remove_tree(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::file("remove", path, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The directory a file's name stands in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

fn check_line(text: &str) -> String {
    format!("check {:08x}\n", crc32fast::hash(text.as_bytes()))
}

/// The lines before the `check` line, if it is there and right.
fn unseal(sealed: &str) -> Option<&str> {
    let (before, _) = sealed.strip_suffix('\n')?.rsplit_once('\n')?;
    let text = sealed.get(..before.len().checked_add(1)?)?;
    (sealed.strip_prefix(text)? == check_line(text)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_holds_the_new_bytes_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let file = DurableFile::new(folder.path().join("state"));
        assert_eq!(file.read().unwrap(), None);
        file.replace(b"one").unwrap();
        file.replace(b"two").unwrap();
        assert_eq!(file.read().unwrap(), Some(b"two".to_vec()));
        assert_eq!(list(folder.path()).unwrap(), [folder.path().join("state")]);
    }

    #[test]
    fn what_a_crash_left_beside_is_not_read_and_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = DurableFile::new(folder.path().join("state"));
        file.replace(b"old").unwrap();
        fs::write(folder.path().join("state.tmp"), b"half of something lo").unwrap();
        assert_eq!(file.read().unwrap(), Some(b"old".to_vec()));
        file.replace(b"new").unwrap();
        assert_eq!(file.read().unwrap(), Some(b"new".to_vec()));
    }

    #[test]
    fn a_sealed_text_comes_back_without_its_seal() {
        let folder = tempfile::tempdir().unwrap();
        let file = DurableFile::new(folder.path().join("identity"));
        file.replace_sealed("one\ntwo\n").unwrap();
        assert_eq!(file.read_sealed().unwrap().as_deref(), Some("one\ntwo\n"));
    }

    #[test]
    fn every_flipped_bit_of_a_sealed_text_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = DurableFile::new(folder.path().join("identity"));
        file.replace_sealed("ordinal 1\norigin a\n").unwrap();
        let good = file.read().unwrap().unwrap();
        for place in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[place] ^= 1 << bit;
                fs::write(file.path(), &bad).unwrap();
                let error = file.read_sealed().unwrap_err();
                assert!(
                    matches!(error, Error::Damaged { .. }),
                    "byte {place} bit {bit}: {error}"
                );
            }
        }
    }

    #[test]
    fn a_sealed_text_cut_anywhere_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = DurableFile::new(folder.path().join("identity"));
        file.replace_sealed("ordinal 1\norigin a\n").unwrap();
        let good = file.read().unwrap().unwrap();
        for length in 0..good.len() {
            fs::write(file.path(), &good[..length]).unwrap();
            assert!(
                matches!(file.read_sealed(), Err(Error::Damaged { .. })),
                "length {length}"
            );
        }
    }
}
