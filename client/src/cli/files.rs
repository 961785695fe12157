//! Files named on the command line, and the sentences when they cannot be read.

use std::io::Read as _;
use std::path::Path;

use super::exit::Exit;
use super::failure::{Failure, Outcome};

/// The largest file read: a receipt, a key, a sheet or a roster; none comes near it.
const LARGEST: u64 = 64 * 1024 * 1024;

/// All bytes of a file; `-` is standard input.
pub(crate) fn read(path: &Path) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    let result = if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(LARGEST)
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes))
    };
    result.map(|_| bytes).map_err(|error| {
        Failure::new(Exit::Usage, format!("cannot read `{}`", path.display())).because(&error)
    })
}

/// A file as text.
pub(crate) fn read_text(path: &Path) -> Outcome<String> {
    String::from_utf8(read(path)?).map_err(|_| {
        Failure::new(
            Exit::Usage,
            format!("`{}` is not a text file", path.display()),
        )
    })
}

/// Refuses a folder that is there: what it holds stays.
pub(crate) fn must_be_new(path: &Path) -> Outcome<()> {
    if path.exists() {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{}` is there already", path.display()),
        )
        .now("give the name of a new folder"));
    }
    Ok(())
}

/// Makes a folder, with those above it; one that is there is left as it is.
pub(crate) fn make_folder(path: &Path) -> Outcome<()> {
    std::fs::create_dir_all(path).map_err(|error| {
        Failure::new(Exit::Failed, format!("cannot make `{}`", path.display())).because(&error)
    })
}

/// Writes a file that did not exist.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Outcome<()> {
    let created = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path);
    created
        .and_then(|mut file| std::io::Write::write_all(&mut file, bytes))
        .map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot write `{}`", path.display())).because(&error)
        })
}

/// Writes a file that did not exist and that only its owner may read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Outcome<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let created = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    created
        .and_then(|mut file| std::io::Write::write_all(&mut file, bytes))
        .map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot write `{}`", path.display())).because(&error)
        })
}
