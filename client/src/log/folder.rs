//! A log in a folder: reading and writing its files, each named in what goes wrong with it.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use merkle::{EntryBundle, Hash, Tile, TreeSize};
use note::SignedCheckpoint;

/// The newest checkpoint.
pub const CHECKPOINT: &str = "checkpoint";

/// The folder of manifests and of the files they name.
pub const BUNDLE: &str = "bundle";

/// The largest file of tiles: 256 entries with two bytes of length each.
const LARGEST: u64 = 256 * (65_535 + 2);

/// A folder that holds a log, or is to hold one.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// Why a file of the folder is of no use.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there, or the disk does not give it.
    #[error("`{file}` cannot be read")]
    Unreadable {
        /// The file, by its path in the folder.
        file: String,
        /// What the disk says.
        #[source]
        source: io::Error,
    },
    /// It is not what its place asks for.
    #[error("`{file}`: {what}")]
    Wrong {
        /// The file, by its path in the folder.
        file: String,
        /// What is wrong.
        what: String,
    },
}

impl FileError {
    /// A file that was read and is not what its place asks for.
    pub(crate) fn wrong(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Wrong {
            file: file.into(),
            what: what.into(),
        }
    }

    /// A file of leaves that is none.
    pub(crate) fn not_entries(bundle: &EntryBundle) -> Self {
        Self::wrong(bundle.path(), format!("not {} entries", bundle.width))
    }

    /// The file, by its path in the folder.
    pub fn file(&self) -> &str {
        match self {
            Self::Unreadable { file, .. } | Self::Wrong { file, .. } => file,
        }
    }
}

impl Folder {
    /// The folder at this path; nothing is read.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the bundle is.
    pub fn bundle(&self) -> PathBuf {
        self.0.join(BUNDLE)
    }

    /// Whether there is a file of this name.
    pub fn has(&self, file: &str) -> bool {
        self.0.join(file).is_file()
    }

    /// The bytes of a file.
    pub fn read(&self, file: &str) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        std::fs::File::open(self.0.join(file))
            .and_then(|opened| opened.take(LARGEST).read_to_end(&mut bytes))
            .map_err(|source| unreadable(file, source))?;
        Ok(bytes)
    }

    /// Some bytes within a file.
    pub fn read_within(&self, file: &str, from: u64, length: usize) -> Result<Vec<u8>, FileError> {
        let mut bytes = vec![0; length];
        let mut read = || {
            let mut opened = std::fs::File::open(self.0.join(file))?;
            opened.seek(SeekFrom::Start(from))?;
            opened.read_exact(&mut bytes)
        };
        read().map_err(|source| unreadable(file, source))?;
        Ok(bytes)
    }

    /// Writes a file whole: whoever reads sees the old one or the new one.
    pub fn write(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut beside = path.clone().into_os_string();
        beside.push(".new");
        let mut opened = std::fs::File::create(&beside)?;
        opened.write_all(bytes)?;
        drop(opened);
        std::fs::rename(&beside, &path)
    }

    /// The checkpoint; none if there is no such file.
    pub fn checkpoint(&self) -> Result<Option<SignedCheckpoint>, FileError> {
        if !self.has(CHECKPOINT) {
            return Ok(None);
        }
        let bytes = self.read(CHECKPOINT)?;
        let parsed = SignedCheckpoint::parse(&bytes);
        parsed
            .map(Some)
            .map_err(|error| FileError::wrong(CHECKPOINT, error.to_string()))
    }

    /// The hashes of a tile.
    pub fn tile(&self, tile: &Tile) -> Result<Vec<Hash>, FileError> {
        let file = tile.path();
        let bytes = self.read(&file)?;
        let hashes = tile.decode(&bytes);
        hashes.ok_or_else(|| FileError::wrong(file, format!("not {} hashes", tile.width)))
    }

    /// The leaves of a bundle of entries.
    pub fn entries(&self, bundle: &EntryBundle) -> Result<Vec<Vec<u8>>, FileError> {
        let bytes = self.read(&bundle.path())?;
        decode(bundle, &bytes)
    }

    /// All leaves that the folder's checkpoint covers, in order. They are not judged, and they are
    /// all held in memory.
    pub fn leaves(&self) -> Result<Vec<Vec<u8>>, FileError> {
        let checkpoint = self.checkpoint()?;
        let size = checkpoint.map_or(TreeSize::new(0), |signed| signed.checkpoint().size);
        let mut leaves = Vec::new();
        for bundle in EntryBundle::all_of(size) {
            leaves.extend(self.entries(&bundle)?);
        }
        Ok(leaves)
    }
}

/// The leaves in a bundle's bytes.
pub(crate) fn decode(bundle: &EntryBundle, bytes: &[u8]) -> Result<Vec<Vec<u8>>, FileError> {
    let entries = bundle.decode(bytes);
    let owned = entries.map(|entries| entries.into_iter().map(<[u8]>::to_vec).collect());
    owned.ok_or_else(|| FileError::not_entries(bundle))
}

fn unreadable(file: &str, source: io::Error) -> FileError {
    FileError::Unreadable {
        file: file.to_owned(),
        source,
    }
}
