//! The passphrase of a sealed key, and the files it may come from.
//!
//! It never comes as an argument of a command or as a variable of the environment: both can be read
//! by others on the machine.

use std::fmt;
use std::path::{Path, PathBuf};

use pkcs8::der::zeroize::Zeroizing;

use crate::Error;

/// What the service manager's credential is called.
pub const CREDENTIAL: &str = "tally-passphrase";

/// A passphrase; wiped from memory when dropped.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Shorter ones are guessed whatever the cost of a guess.
    pub const SHORTEST: usize = 8;

    /// Longer ones are a mistake in the file's name.
    pub const LONGEST: usize = 1024;

    /// One line, with or without its end.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let fits = (Self::SHORTEST..=Self::LONGEST).contains(&line.len())
            && !line.contains(['\n', '\r', '\0']);
        if fits {
            Ok(Self(Zeroizing::new(line.to_owned())))
        } else {
            Err(Error::BadPassphrase)
        }
    }

    /// Reads the file of a passphrase.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&Zeroizing::new(text))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Says nothing.
impl fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passphrase(not shown)")
    }
}

/// Where the service manager puts the passphrase, if it does: `LoadCredential=tally-passphrase:…`.
pub fn credential_file() -> Option<PathBuf> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY")?;
    let file = PathBuf::from(folder).join(CREDENTIAL);
    file.exists().then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_one_line_and_not_a_short_one() {
        assert_eq!(
            Passphrase::parse("eight ch\n").unwrap().as_bytes(),
            b"eight ch"
        );
        assert_eq!(
            Passphrase::parse("eight ch\r\n").unwrap().as_bytes(),
            b"eight ch"
        );
        let long = "x".repeat(Passphrase::LONGEST + 1);
        for bad in ["", "\n", "short", "two lines\nof text", long.as_str()] {
            assert!(Passphrase::parse(bad).is_err(), "{bad:?}");
        }
        assert!(!format!("{:?}", Passphrase::parse("eight ch").unwrap()).contains("eight"));
    }
}
