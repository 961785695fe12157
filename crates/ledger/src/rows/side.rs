//! The state without leaves: time, digest, refused notes.

use alloc::string::String;
use alloc::vec::Vec;

use merkle::Hash;

use super::key::KeyRef;
use super::{SIDE_DIGEST, SIDE_TIME, decode_hash, decode_number, decode_text, row, rows_under};
use crate::changes::EMPTY_DIGEST;
use crate::codec::{Reader, What, Writer};
use crate::command::UnixMillis;
use crate::tables::{Fault, Table, Tables};

/// An authentic note that was refused. Layout: number time, text code, bytes note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefusedRow {
    pub(crate) at: UnixMillis,
    pub(crate) code: String,
    pub(crate) note: Vec<u8>,
}

impl RefusedRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .number(self.at.get())
            .text(&self.code)
            .bytes(&self.note);
        writer.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                at: UnixMillis::new(reader.number()?),
                code: reader.string()?,
                note: reader.bytes()?.to_vec(),
            })
        })
    }
}

pub(crate) fn side_digest<T: Tables>(tables: &T) -> Result<Hash, Fault> {
    Ok(row(tables, Table::Side, SIDE_DIGEST, decode_hash)?.unwrap_or(EMPTY_DIGEST))
}

pub(crate) fn last_time<T: Tables>(tables: &T) -> Result<UnixMillis, Fault> {
    let found = row(tables, Table::Side, SIDE_TIME, decode_number)?;
    Ok(UnixMillis::new(found.unwrap_or(0)))
}

/// How many authentic notes of a key were refused.
pub(crate) fn refused_by<T: Tables>(tables: &T, key: &KeyRef) -> Result<u64, Fault> {
    Ok(row(tables, Table::RefusedBy, &key.to_key(), decode_number)?.unwrap_or(0))
}

pub(crate) fn refused_key(key: &KeyRef, slot: u8) -> Vec<u8> {
    let mut bytes = key.to_key();
    bytes.push(slot);
    bytes
}

/// A refused note of a key.
pub(crate) fn refused<T: Tables>(
    tables: &T,
    key: &KeyRef,
    slot: u8,
) -> Result<Option<RefusedRow>, Fault> {
    row(
        tables,
        Table::Refused,
        &refused_key(key, slot),
        RefusedRow::decode,
    )
}

/// How many authentic notes met this refusal.
pub(crate) fn refused_count<T: Tables>(tables: &T, code: &str) -> Result<u64, Fault> {
    Ok(row(tables, Table::RefusedCount, code.as_bytes(), decode_number)?.unwrap_or(0))
}

/// How many authentic notes met each refusal, ascending by code.
pub(crate) fn refused_counts<T: Tables>(tables: &T) -> Result<Vec<(String, u64)>, Fault> {
    rows_under(tables, Table::RefusedCount, &[], |code, value| {
        Ok((String::from(decode_text(code)?), decode_number(value)?))
    })
}
