//! The journal of journal.c, read.

use std::path::PathBuf;

/// One thing that a process did.
#[derive(Debug)]
pub(crate) enum Record {
    /// A file that was not there.
    Created(PathBuf),
    /// Bytes at an offset.
    Written(PathBuf, usize, Vec<u8>),
    /// A file cut, or lengthened with zeros.
    Cut(PathBuf, usize),
    /// Another name.
    Renamed(PathBuf, PathBuf),
    /// A name gone.
    Unlinked(PathBuf),
    /// A file or directory made durable.
    Synced(PathBuf),
    /// Words on standard output.
    Said(String),
}

/// All of it, in order.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) records: Vec<Record>,
}

impl Journal {
    pub(crate) fn parse(mut bytes: &[u8]) -> Journal {
        let mut records = Vec::new();
        while let Some(op) = take(&mut bytes, 1).first() {
            let named = number(&mut bytes, 4);
            let offset = number(&mut bytes, 8);
            let length = number(&mut bytes, 4);
            let path = PathBuf::from(text(take(&mut bytes, named)));
            let data = take(&mut bytes, length);
            records.push(match op {
                b'c' => Record::Created(path),
                b'w' => Record::Written(path, offset, data.to_vec()),
                b't' => Record::Cut(path, offset),
                b'r' => Record::Renamed(path, PathBuf::from(text(data))),
                b'u' => Record::Unlinked(path),
                b's' => Record::Synced(path),
                b'a' => Record::Said(text(data)),
                other => panic!("an unknown record {other}"),
            });
        }
        Journal { records }
    }
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> &'b [u8] {
    let (taken, rest) = bytes.split_at(length.min(bytes.len()));
    *bytes = rest;
    taken
}

fn number(bytes: &mut &[u8], width: usize) -> usize {
    let digits = take(bytes, width).iter().rev();
    digits.fold(0, |number, byte| (number << 8) | usize::from(*byte))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
