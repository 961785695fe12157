//! Key files on the disk: readable by their owner alone, and durable before anyone relies on them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use pkcs8::der::zeroize::Zeroizing;

use crate::{Error, KeyFile};

/// Reads a key file of either form.
pub fn read(path: &Path) -> Result<KeyFile, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    KeyFile::parse(&Zeroizing::new(text))
}

/// Writes a key file that did not exist. When this returns, a power cut does not take it away: the
/// public half may be enrolled.
pub fn write_new(path: &Path, text: &str) -> Result<(), Error> {
    create(path, text)
        .and_then(|()| sync_folder(path))
        .map_err(|source| write_error(path, source))
}

/// Puts another form of a key in the place of its file: there is the old file or the whole new one
/// at any moment.
pub fn write_over(path: &Path, text: &str) -> Result<(), Error> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".unfinished");
    let temporary = Path::new(&temporary);
    let replace = || {
        match std::fs::remove_file(temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        create(temporary, text)?;
        std::fs::rename(temporary, path)?;
        sync_folder(path)
    };
    replace().map_err(|source| write_error(path, source))
}

fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn write_error(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_file_is_its_owners_alone_and_is_never_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        write_new(&path, "one\n").unwrap();
        assert!(write_new(&path, "two\n").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\n");
        write_over(&path, "three\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
