//! One signature line: who signed, and the signature's bytes. It says nothing about whether it
//! verifies; that is [`VerifierKey`](crate::VerifierKey)'s answer.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use crate::{KeyId, KeyName, b64};

/// The em dash (U+2014) and space with which every signature line begins.
const DASH: &str = "\u{2014} ";

/// A signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureLine {
    /// The name of the key that is said to have signed.
    pub name: KeyName,
    /// Which key of that name.
    pub id: KeyId,
    /// The signature's bytes without the key id: their length and sense are the algorithm's, which
    /// only the key tells. At least one byte.
    pub body: Vec<u8>,
}

impl SignatureLine {
    /// Reads a line, given without its LF. What is wrong with it, if it is none, is said in words
    /// for a [`NoteError`](crate::NoteError).
    pub fn parse(line: &str) -> Result<Self, &'static str> {
        let rest = line
            .strip_prefix(DASH)
            .ok_or("a signature line begins with a dash")?;
        let (name, bytes) = rest
            .split_once(' ')
            .ok_or("a signature line has a name and bytes")?;
        let name = KeyName::parse(name).map_err(|_| "a signature line's name is malformed")?;
        let bytes = b64::decode(bytes).ok_or("a signature is canonical base64")?;
        match bytes.split_first_chunk() {
            Some((id, body)) if !body.is_empty() => Ok(Self {
                name,
                id: KeyId::from_bytes(*id),
                body: body.to_vec(),
            }),
            _ => Err("a signature has a key id and at least one byte more"),
        }
    }

    /// Whether two lines claim the same key. A second line of a key adds nothing and is never
    /// counted.
    pub fn same_key(&self, other: &Self) -> bool {
        self.name == other.name && self.id == other.id
    }
}

/// The line without its LF.
impl fmt::Display for SignatureLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.as_bytes().to_vec();
        bytes.extend_from_slice(&self.body);
        write!(formatter, "{DASH}{} {}", self.name, b64::encode(bytes))
    }
}

/// The bytes of a note: its text, a blank line, its signature lines.
pub(crate) fn join(text: &str, lines: &[SignatureLine]) -> String {
    let mut note = String::from(text);
    note.push('\n');
    for line in lines {
        // Writing to a `String` cannot fail.
        let _ = writeln!(note, "{line}");
    }
    note
}
