//! One CSV file: its columns by name, its rows with their lines.

use std::fs::File;
use std::path::Path;

use caucus::{Delegates, MAX_WRITTEN};
use csv::{ErrorKind, StringRecord};

use crate::error::{Place, ReleaseError, Wrong};

/// A file whose header has every column that is asked for, and whose rows are as long as the header.
#[derive(Debug)]
pub(crate) struct Table {
    file: String,
    columns: Vec<String>,
    rows: Vec<(u64, StringRecord)>,
}

/// One row of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    table: &'a Table,
    line: u64,
    record: &'a StringRecord,
}

impl Table {
    /// Reads a file whole. Every name in `columns` must stand in the header exactly once.
    pub(crate) fn read(path: &Path, columns: &[&str]) -> Result<Self, ReleaseError> {
        let shown = path.display().to_string();
        let unreadable = |source| ReleaseError::Unreadable {
            path: shown.clone(),
            source,
        };
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(File::open(path).map_err(unreadable)?);
        let mut table = Self {
            file: shown.clone(),
            columns: Vec::new(),
            rows: Vec::new(),
        };
        let header = reader.headers().map_err(|error| table.broken(error))?;
        table.columns = header.iter().map(str::to_owned).collect();
        for name in columns {
            match table.columns.iter().filter(|column| column == name).count() {
                1 => {}
                0 => return Err(table.wrong(1, name, Wrong::NoColumn)),
                _ => return Err(table.wrong(1, name, Wrong::ColumnTwice)),
            }
        }
        for record in reader.records() {
            let record = record.map_err(|error| table.broken(error))?;
            let line = record.position().map_or(0, csv::Position::line);
            table.fits(line, &record)?;
            table.rows.push((line, record));
        }
        Ok(table)
    }

    /// The rows in their order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, record)| Row {
            table: self,
            line: *line,
            record,
        })
    }

    /// A row is as long as the header.
    fn fits(&self, line: u64, record: &StringRecord) -> Result<(), ReleaseError> {
        if let Some(missing) = self.columns.get(record.len()) {
            return Err(self.wrong(line, missing, Wrong::RowTooShort));
        }
        match self.columns.last() {
            Some(last) if record.len() > self.columns.len() => {
                Err(self.wrong(line, last, Wrong::RowTooLong))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn wrong(&self, line: u64, field: &str, wrong: Wrong) -> ReleaseError {
        ReleaseError::Field {
            place: Place {
                file: self.file.clone(),
                line,
                field: field.to_owned(),
            },
            wrong,
        }
    }

    /// What the CSV reader says, with its place.
    fn broken(&self, error: csv::Error) -> ReleaseError {
        let line = error.position().map_or(1, csv::Position::line);
        let shown = error.to_string();
        let kind = error.into_kind();
        if let ErrorKind::Io(source) = kind {
            let path = self.file.clone();
            return ReleaseError::Unreadable { path, source };
        }
        if let ErrorKind::Utf8 { err, .. } = kind {
            let field = self.columns.get(err.field()).map_or("", String::as_str);
            return self.wrong(line, field, Wrong::NotText);
        }
        self.wrong(line, "", Wrong::NotCsv(shown))
    }
}

impl<'a> Row<'a> {
    /// What stands in a column; nothing where the file has no such column.
    pub(crate) fn optional(self, field: &str) -> Option<&'a str> {
        let column = self.table.columns.iter().position(|name| name == field)?;
        self.record.get(column)
    }

    /// What stands in a column that the file was asked to have.
    pub(crate) fn text(self, field: &str) -> &'a str {
        self.optional(field).unwrap_or_default()
    }

    /// A count in plain digits.
    pub(crate) fn count(self, field: &str) -> Result<u64, ReleaseError> {
        count(self.text(field)).map_err(|wrong| self.wrong(field, wrong))
    }

    /// A number of delegates, from `least` on.
    pub(crate) fn delegates(self, field: &str, least: u64) -> Result<Delegates, ReleaseError> {
        let number = self.count(field)?;
        Delegates::new(number)
            .filter(|_| number >= least)
            .ok_or_else(|| self.wrong(field, Wrong::NotDelegates(self.text(field).to_owned())))
    }

    /// This row's error at a field.
    pub(crate) fn wrong(self, field: &str, wrong: Wrong) -> ReleaseError {
        self.table.wrong(self.line, field, wrong)
    }
}

/// Reads a count. A spelling with leading zeros is one, for spreadsheets write some.
fn count(text: &str) -> Result<u64, Wrong> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if text.strip_prefix('-').is_some_and(digits) {
        return Err(Wrong::Negative(text.to_owned()));
    }
    if !digits(text) {
        return Err(Wrong::NotACount(text.to_owned()));
    }
    text.parse()
        .ok()
        .filter(|count| *count <= MAX_WRITTEN)
        .ok_or_else(|| Wrong::TooLarge(text.to_owned()))
}
