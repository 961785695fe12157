//! What a cosigner signed last, and the one line in which it is kept. Reading and writing the file
//! is its owner's work: written whole, flushed, renamed into place, the folder flushed.

use alloc::format;
use alloc::string::String;

use merkle::{Hash, TreeSize};
use note::{UnixSeconds, b64, parse_decimal};

/// The first word of the line. Another version has another word, and is refused by this one.
const VERSION: &str = "tally-cosigner/v1";

/// The largest tree a key has cosigned. Losing it burns the key: with an older one restored, the
/// key could sign two histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSigned {
    /// How many leaves.
    pub size: TreeSize,
    /// The root over them.
    pub root: Hash,
    /// The time stated, which never decreases.
    pub time: UnixSeconds,
}

impl LastSigned {
    /// The line, its LF included.
    pub fn to_text(&self) -> String {
        format!(
            "{VERSION} {} {} {}\n",
            self.size,
            b64::encode_hash(&self.root),
            self.time
        )
    }

    /// Reads exactly what [`LastSigned::to_text`] writes.
    pub fn parse(text: &str) -> Result<Self, StateError> {
        let line = text.strip_suffix('\n').ok_or(StateError::Malformed)?;
        let mut words = line.split(' ');
        let (Some(version), Some(size), Some(root), Some(time), None) = (
            words.next(),
            words.next(),
            words.next(),
            words.next(),
            words.next(),
        ) else {
            return Err(StateError::Malformed);
        };
        if version != VERSION {
            return Err(StateError::Version);
        }
        Ok(Self {
            size: parse_decimal(size)
                .map(TreeSize::new)
                .ok_or(StateError::Malformed)?,
            root: b64::decode_hash(root).ok_or(StateError::Malformed)?,
            time: parse_decimal(time)
                .map(UnixSeconds::new)
                .ok_or(StateError::Malformed)?,
        })
    }
}

/// Why a text is no state. Its owner stops: to sign without knowing what was signed is the one
/// thing a cosigner must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Cut short, longer than one line, or changed.
    #[error("a cosigner's state is one line: `tally-cosigner/v1 <size> <root> <time>`")]
    Malformed,
    /// Written by a later version.
    #[error("a cosigner's state of another version than `tally-cosigner/v1`")]
    Version,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_reads_back_and_no_part_of_it_does() {
        let state = LastSigned {
            size: TreeSize::new(13),
            root: merkle::EMPTY_ROOT,
            time: UnixSeconds::new(1_706_576_460),
        };
        let text = state.to_text();
        assert_eq!(
            text,
            "tally-cosigner/v1 13 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= 1706576460\n"
        );
        assert_eq!(LastSigned::parse(&text), Ok(state));
        for cut in 0..text.len() {
            let (torn, _) = text.split_at(cut);
            assert!(LastSigned::parse(torn).is_err(), "{torn:?}");
        }
        for bad in [
            text.replace(" 13 ", " 013 "),
            text.replace(" 13 ", "  13 "),
            text.replace('\n', "\r\n"),
            text.replace('\n', " \n"),
            text.repeat(2),
            format!("{text}\n"),
        ] {
            assert_eq!(
                LastSigned::parse(&bad),
                Err(StateError::Malformed),
                "{bad:?}"
            );
        }
        assert_eq!(
            LastSigned::parse(&text.replace("/v1", "/v2")),
            Err(StateError::Version)
        );
    }
}
