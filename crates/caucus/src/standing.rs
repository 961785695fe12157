//! Where a unit is in its night. What moves it is the ledger's business.

use core::fmt;

/// The standing of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// No report counts for it yet.
    Silent,
    /// A report counts for it.
    Received,
    /// A second hand's record agrees and no error is open, or people have settled the findings.
    Verified,
    /// Something must be looked at before it is verified; its codes say what.
    Held,
}

impl Standing {
    /// All four, in the order of a night.
    pub const ALL: [Self; 4] = [Self::Silent, Self::Received, Self::Verified, Self::Held];

    /// The word used in tables and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Received => "received",
            Self::Verified => "verified",
            Self::Held => "held",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|standing| standing.as_str() == word)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
