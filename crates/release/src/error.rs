//! What does not fit: the place in the file, what is wrong there, and what to do about it.

use std::fmt;
use std::io;

use caucus::{GroupId, MAX_WRITTEN};

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; the header is line 1.
    pub line: u64,
    /// The column's name.
    pub field: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}`, line {}, field `{}`",
            self.file, self.line, self.field
        )
    }
}

/// Why a release cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A file or folder is not there or cannot be read.
    #[error("read `{path}`; is it there, and may it be read?")]
    Unreadable {
        /// The file or folder.
        path: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A folder of snapshots holds none.
    #[error(
        "`{folder}` holds no snapshot; their names begin with the release's number and end in .csv"
    )]
    NoSnapshot {
        /// The folder.
        folder: String,
    },
    /// A field says something that does not fit.
    #[error("{place}: {wrong}; {}", .wrong.advice())]
    Field {
        /// Where.
        place: Place,
        /// What is wrong there.
        wrong: Wrong,
    },
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// The header lacks the column.
    NoColumn,
    /// The header has the column twice.
    ColumnTwice,
    /// The row ends before this column.
    RowTooShort,
    /// The row goes on after its last column.
    RowTooLong,
    /// Bytes that are no UTF-8.
    NotText,
    /// A count that is below zero.
    Negative(String),
    /// A count beyond what any sheet may write.
    TooLarge(String),
    /// A count that is no whole number in plain digits.
    NotACount(String),
    /// Equivalents that are no decimal number with at most four places.
    NotADecimal(String),
    /// A count of more people than the unit's attendance in the same row.
    AboveAttendance {
        /// The count.
        count: u64,
        /// The attendance.
        attendees: u64,
    },
    /// The attendance differs from the unit's other rows.
    OtherAttendance {
        /// The attendance in the row.
        here: String,
        /// In the unit's first row.
        before: String,
    },
    /// A unit that `precincts.csv` does not list.
    UnknownUnit(String),
    /// The unit has another county or code in `precincts.csv`: figures of another unit, perhaps.
    OtherUnit {
        /// What the row says.
        here: String,
        /// What `precincts.csv` says.
        listed: String,
    },
    /// A group that the rules do not have.
    UnknownGroup(String),
    /// The unit has the group in an earlier row.
    GroupTwice(String),
    /// The unit's rows end without a group of the rules.
    GroupMissing(GroupId),
    /// A kind of unit that is none of the three.
    UnknownKind(String),
    /// A pool or county that is not known.
    UnknownPlace(String),
    /// Another row has the same id.
    Twice(String),
    /// Text that cannot be an id: letters, digits, `.`, `_` and `-`.
    NotAnId(String),
    /// A name that is empty, too long or not in printable ASCII.
    NotAName(String),
    /// A number of delegates outside what a unit or county may have.
    NotDelegates(String),
    /// A stamp that is no time of February 2020.
    NotAStamp(String),
    /// Whatever else the CSV reader cannot read.
    NotCsv(String),
}

impl Wrong {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NoColumn => "add the column, or take a file in the format of the releases",
            Self::ColumnTwice => "keep one column of this name",
            Self::RowTooShort => "write every column of the header, zeros included",
            Self::RowTooLong => "put fields that hold a comma into double quotes",
            Self::NotText | Self::NotCsv(_) => "save the file as CSV in UTF-8",
            Self::Negative(_) | Self::NotACount(_) => {
                "write the count as it stands on the sheet, in plain digits"
            }
            Self::TooLarge(_) => "compare it with the sheet; a digit too many, perhaps",
            Self::NotADecimal(_) => "write digits, a point and at most four decimals",
            Self::AboveAttendance { .. } => "compare the count and the attendance with the sheet",
            Self::OtherAttendance { .. } => "write one attendance in all rows of the unit",
            Self::UnknownUnit(_) => {
                "compare it with precincts.csv; with --roster another folder is read"
            }
            Self::OtherUnit { .. } => {
                "these may be the figures of another unit; compare the row with precincts.csv"
            }
            Self::UnknownGroup(_) => "write one of the groups of the rules",
            Self::GroupTwice(_) => "keep the row that is right",
            Self::GroupMissing(_) => "write a row for every group of the rules, zeros included",
            Self::UnknownKind(_) => "write precinct, satellite_in_state or satellite_out_of_state",
            Self::UnknownPlace(_) => "compare it with counties.csv and the pools of the rules",
            Self::Twice(_) => "every id stands once; keep the row that is right",
            Self::NotAnId(_) => "write at most 64 letters, digits, `.`, `_` or `-`",
            Self::NotAName(_) => "write 1 to 120 printable ASCII characters",
            Self::NotDelegates(_) => "compare the number with the list of delegates",
            Self::NotAStamp(_) => "write it as 2020-02-04T21:00:25",
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoColumn => f.write_str("the header lacks this column"),
            Self::ColumnTwice => f.write_str("the header has this column twice"),
            Self::RowTooShort => f.write_str("the row ends before this column"),
            Self::RowTooLong => f.write_str("the row has more fields than the header"),
            Self::NotText => f.write_str("is not text in UTF-8"),
            Self::Negative(text) => write!(f, "`{text}` is negative"),
            Self::TooLarge(text) => {
                write!(f, "`{text}` is too large; a count is at most {MAX_WRITTEN}")
            }
            Self::NotACount(text) => write!(f, "`{text}` is no count"),
            Self::NotADecimal(text) => write!(f, "`{text}` is no decimal number"),
            Self::AboveAttendance { count, attendees } => {
                write!(f, "{count} people of {attendees} who signed in")
            }
            Self::OtherAttendance { here, before } => {
                write!(f, "`{here}`, but `{before}` in the unit's first row")
            }
            Self::UnknownUnit(text) => write!(f, "unit `{text}` is not listed"),
            Self::OtherUnit { here, listed } => {
                write!(f, "`{here}`, but this unit is listed as `{listed}`")
            }
            Self::UnknownGroup(text) => write!(f, "`{text}` is no group of the rules"),
            Self::GroupTwice(text) => write!(f, "the unit has `{text}` twice"),
            Self::GroupMissing(group) => write!(f, "the unit's rows end without `{group}`"),
            Self::UnknownKind(text) => write!(f, "`{text}` is no kind of unit"),
            Self::UnknownPlace(text) => write!(f, "`{text}` is not known"),
            Self::Twice(text) => write!(f, "`{text}` stands in an earlier row"),
            Self::NotAnId(text) => write!(f, "`{text}` cannot be an id"),
            Self::NotAName(text) => write!(f, "`{text}` cannot be a name"),
            Self::NotDelegates(text) => {
                write!(f, "`{text}` is no number of delegates that can be")
            }
            Self::NotAStamp(text) => write!(f, "`{text}` is no time of February 2020"),
            Self::NotCsv(what) => f.write_str(what),
        }
    }
}
