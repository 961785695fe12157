//! Copies of a state, made on one disk and received on another.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use ledger::{Changes, Memory, Row, Table};
use replica::seams::{Image, ImageFile, Incoming};

use super::Rows;

/// A copy of a state: one file a table, and its label.
#[derive(Clone, Debug)]
pub struct SimImage {
    applied: Option<Bytes>,
    files: Arc<BTreeMap<String, Bytes>>,
}

impl SimImage {
    pub(super) fn of(rows: &Rows) -> Self {
        let applied = rows.applied.clone();
        let mut files = BTreeMap::new();
        for table in Table::ALL {
            let mut bytes = Vec::new();
            if forgotten(*table) {
                continue;
            }
            for (key, value) in rows.memory.rows(*table) {
                for part in [key, value] {
                    bytes.extend((part.len() as u32).to_be_bytes());
                    bytes.extend(part);
                }
            }
            files.insert(table.name().to_owned(), Bytes::from(bytes));
        }
        files.extend(applied.clone().map(|label| ("applied".to_owned(), label)));
        Self {
            applied,
            files: Arc::new(files),
        }
    }

    pub(super) fn rows(&self) -> io::Result<Rows> {
        let mut memory = Memory::new();
        for table in Table::ALL {
            let mut bytes = self.files.get(table.name()).cloned().unwrap_or_default();
            let mut rows = Vec::new();
            while !bytes.is_empty() {
                let (key, value) = (part(&mut bytes)?, part(&mut bytes)?);
                let (table, value) = (*table, Some(value));
                rows.push(Row { table, key, value });
            }
            memory.absorb(Changes { rows });
        }
        Ok(Rows {
            memory,
            applied: self.applied.clone(),
        })
    }
}

/// Whether a copy leaves out the texts that are leaves already: a defect on purpose.
fn forgotten(table: Table) -> bool {
    table == Table::Text
        && std::env::var("TALLY_MUTANT").is_ok_and(|name| name == "dedupe-not-in-snapshot")
}

fn part(bytes: &mut Bytes) -> io::Result<Vec<u8>> {
    let short = || io::Error::new(io::ErrorKind::UnexpectedEof, "a row cut short");
    let length = bytes.first_chunk::<4>().ok_or_else(short)?;
    let end = 4 + u32::from_be_bytes(*length) as usize;
    if bytes.len() < end {
        return Err(short());
    }
    Ok(bytes.split_to(end)[4..].to_vec())
}

impl Image for SimImage {
    fn applied(&self) -> Option<Bytes> {
        self.applied.clone()
    }

    fn files(&self) -> io::Result<Vec<ImageFile>> {
        let file = |(name, bytes): (&String, &Bytes)| ImageFile {
            name: name.clone(),
            bytes: bytes.len() as u64,
        };
        Ok(self.files.iter().map(file).collect())
    }

    fn read(&self, name: &str, offset: u64, length: usize) -> io::Result<Bytes> {
        let file = self.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        let start = (offset as usize).min(file.len());
        let end = (start + length).min(file.len());
        Ok(file.slice(start..end))
    }
}

/// A copy that is coming in.
#[derive(Debug)]
pub struct SimIncoming {
    pub(super) files: Vec<(String, Vec<u8>)>,
}

impl Incoming for SimIncoming {
    type Image = SimImage;

    fn create(&mut self, name: &str) -> io::Result<()> {
        self.files.push((name.to_owned(), Vec::new()));
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        let (_, file) = self.files.last_mut().ok_or(io::ErrorKind::NotFound)?;
        file.extend(chunk);
        Ok(())
    }

    fn finish(self, applied: Bytes) -> io::Result<SimImage> {
        let files: BTreeMap<_, _> = self
            .files
            .into_iter()
            .map(|(name, bytes)| (name, Bytes::from(bytes)))
            .collect();
        if files.get("applied") != Some(&applied) {
            return Err(io::Error::other("a state at another position"));
        }
        let image = SimImage {
            applied: Some(applied),
            files: Arc::new(files),
        };
        image.rows()?;
        Ok(image)
    }
}
