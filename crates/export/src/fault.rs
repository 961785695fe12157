//! Why a file is not offered.

use crate::Format;

/// A file does not say what was meant. It is not offered; collecting reports goes on regardless,
/// for nothing in the ledger waits for an export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{format}: {place}, {cell}: {what}")]
pub struct ExportFault {
    /// The format.
    pub format: Format,
    /// The unit or area, or the publication as a whole.
    pub place: String,
    /// The cell.
    pub cell: String,
    /// What is wrong there.
    pub what: Difference,
}

/// What is wrong with a cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// It is not in the file.
    #[error("`{meant}` is missing")]
    Missing {
        /// What it should say.
        meant: String,
    },
    /// It is in the file and belongs to nothing that was published.
    #[error("`{written}` was never published")]
    Stranger {
        /// What it says.
        written: String,
    },
    /// It says something else.
    #[error("`{written}` is written, `{meant}` is meant")]
    Differs {
        /// What it says.
        written: String,
        /// What it should say.
        meant: String,
    },
    /// It is in the file more than once.
    #[error("is written twice")]
    Twice,
    /// The file cannot be read at all.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The publication contradicts itself, or the file breaks a rule of its format.
    #[error("{0}")]
    Broken(String),
}

impl ExportFault {
    pub(crate) fn unreadable(format: Format, error: &(impl ToString + ?Sized)) -> Self {
        Self::whole(format, Difference::Unreadable(error.to_string()))
    }

    pub(crate) fn whole(format: Format, what: Difference) -> Self {
        Self {
            format,
            place: "the file".to_owned(),
            cell: "as a whole".to_owned(),
            what,
        }
    }
}
