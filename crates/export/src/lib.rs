//! Results in other people's formats, and proof that they say what we meant.
//!
//! In 2020 an exporter put some columns in the wrong place, and headquarters came to doubt figures
//! that were right. Here no file is offered before it has been read back: [`checked`] writes it,
//! parses its bytes with a reader that shares nothing with the writer but the format's description,
//! and meets every cell with what was to be published. A difference is an [`ExportFault`] that names
//! the format, the place and the cell, and there is no file.
//!
//! ```text
//! Publication ── write ──▶ bytes ── read ──▶ facts ──┐
//!      └─────────── taken apart ──▶ facts ───────────┴─ each met once, none left over ──▶ the bytes
//! ```
//!
//! The formats are a tidy and a wide table (`tidy.rs`, `wide.rs`), our own JSON (`json/mod.rs`), and the
//! common data format of election results, NIST SP 1500-100 version 2 (`nist/mod.rs`), which has a
//! checker for files of any origin besides, [`check_nist`]. [`feed`] has the rows of the incremental
//! feed. Each format is described at the head of its file, and the same publication always gives the
//! same bytes.
//!
//! What is published is one [`Publication`], copied from the ledger's view (`ledger.rs`). Not here: a
//! clock, a file, a socket.

mod areas;
mod day;
mod facts;
mod fault;
pub mod feed;
mod json;
mod ledger;
mod nist;
mod number;
mod publication;
mod sound;
mod tidy;
mod wide;
mod words;

pub use areas::Counts;
pub use day::{Day, Moment};
pub use fault::{Difference, ExportFault};
pub use json::SCHEMA;
pub use ledger::{Edition, logged};
pub use nist::{Problem, ProblemKind, check as check_nist};
pub use publication::{
    Figures, Head, Issuer, LogHead, Mark, Mode, NationalRow, Publication, Published, Report, Set,
    UnitRow,
};

use facts::Expected;
use words::words;

words! {
    /// A format of files.
    pub Format {
        /// One figure a row.
        CsvTidy "csv",
        /// One unit a row.
        CsvWide "csv-wide",
        /// Our own JSON.
        Json "json",
        /// NIST SP 1500-100 version 2, as JSON.
        Nist "nist",
    }
}

impl Format {
    /// What the file is called, with the size of the log it was made from.
    pub fn file_name(self, publication: &Publication) -> String {
        let ending = match self {
            Self::CsvTidy => "csv",
            Self::CsvWide => "wide.csv",
            Self::Json => "json",
            Self::Nist => "nist.json",
        };
        format!(
            "{}-{}.{ending}",
            publication.election,
            publication.log.size.get()
        )
    }

    /// What a browser is told.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::CsvTidy | Self::CsvWide => "text/csv; charset=utf-8; header=present",
            Self::Json | Self::Nist => "application/json",
        }
    }
}

/// The file of a publication, read back and found to say exactly what was meant.
pub fn checked(format: Format, publication: &Publication) -> Result<Vec<u8>, ExportFault> {
    sound::sound(publication, format)?;
    let bytes = write(format, publication)?;
    reimport(format, publication, &bytes)?;
    Ok(bytes)
}

/// Whether a file says exactly what a publication means: no cell missing, none more, none different.
pub fn reimport(
    format: Format,
    publication: &Publication,
    bytes: &[u8],
) -> Result<(), ExportFault> {
    let expected = Expected::of(publication, format);
    match format {
        Format::CsvTidy => tidy::read(&expected, bytes)?,
        Format::CsvWide => wide::read(&expected, bytes)?,
        Format::Json => json::read(&expected, bytes)?,
        Format::Nist => {
            nist::read(&expected, bytes)?;
            if let Some(problem) = nist::check(bytes).into_iter().next() {
                return Err(problem.fault());
            }
        }
    }
    expected.all_met()
}

fn write(format: Format, publication: &Publication) -> Result<Vec<u8>, ExportFault> {
    let table = |written: Result<_, csv::Error>| {
        written.map_err(|error| ExportFault::unreadable(format, &error))
    };
    let json = |written: Result<_, serde_json::Error>| {
        written.map_err(|error| ExportFault::unreadable(format, &error))
    };
    match format {
        Format::CsvTidy => table(tidy::write(publication)),
        Format::CsvWide => table(wide::write(publication)),
        Format::Json => json(json::write(publication)),
        Format::Nist => json(nist::write(publication)),
    }
}
