//! A tree head: which log, how many leaves, which root.

use alloc::format;
use alloc::string::String;

use merkle::{Hash, TreeSize};

use crate::{NoteError, Origin, UnixSeconds, b64, parse_decimal};

/// What a log says about itself at one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: Origin,
    /// How many leaves.
    pub size: TreeSize,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The three lines that are signed, each with its LF.
    pub fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            b64::encode_hash(&self.root)
        )
    }

    /// Reads exactly three lines. The specification allows further ones and advises against them;
    /// here they are refused, because some verifiers cannot read them.
    pub fn parse_text(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), Some(""), None) = (
            lines.next(),
            lines.next(),
            lines.next(),
            lines.next(),
            lines.next(),
        ) else {
            return Err(CheckpointError::NotThreeLines);
        };
        let origin = Origin::parse(origin).map_err(|_| CheckpointError::Origin)?;
        let size = parse_decimal(size)
            .map(TreeSize::new)
            .ok_or(CheckpointError::Size)?;
        if size > TreeSize::MAX_STATED {
            return Err(CheckpointError::Size);
        }
        let root = b64::decode_hash(root).ok_or(CheckpointError::Root)?;
        Ok(Self { origin, size, root })
    }

    /// The message of a `cosignature/v1` made at `time`.
    pub(crate) fn cosigned_text(&self, time: UnixSeconds) -> String {
        format!("cosignature/v1\ntime {time}\n{}", self.text())
    }
}

/// Why a text is no checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The signed note around it is broken.
    #[error("read a checkpoint's note")]
    Note(#[source] NoteError),
    /// Fewer or more lines than origin, size and root.
    #[error("a checkpoint has exactly three lines")]
    NotThreeLines,
    /// The first line is no origin.
    #[error("a checkpoint's first line is a log's origin")]
    Origin,
    /// The second line is no number, or above 2^53.
    #[error("a checkpoint's second line is its size, at most 2^53")]
    Size,
    /// The third line is no hash.
    #[error("a checkpoint's third line is its root, 32 bytes in base64")]
    Root,
}
