//! What a command changes: rows to write in one step, and the digests over them.
//!
//! ```text
//! row bytes     = table id u8, key length u32, key, 0x00
//!               | table id u8, key length u32, key, 0x01, value length u32, value   (big-endian)
//! leaf digest i = H("tally/leaf-digest/v1" 0x00, leaf digest i-1, leaf index u64, row bytes …)
//! side digest   = H("tally/side-digest/v1" 0x00, side digest before, row bytes …)
//! ```
//! Rows are hashed in ascending order of table number and key, each once. The digests start from
//! 32 zero bytes. The leaf digest covers every row derived from that one leaf except the digest
//! itself; the side digest covers what a command changes in the state that has no leaves.

use alloc::vec::Vec;

use merkle::{Hash, LeafIndex};

use crate::tables::Table;

/// One row to write (`Some`) or to delete (`None`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The table it belongs to.
    pub table: Table,
    /// Its key.
    pub key: Vec<u8>,
    /// Its new value; `None` deletes it.
    pub value: Option<Vec<u8>>,
}

/// Everything one command changes. The rows name each key once, in ascending order of table and
/// key, and are to be written all together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "changes that are not written are lost, and the next command would be applied to another state"]
pub struct Changes {
    /// The rows to write.
    pub rows: Vec<Row>,
}

impl Changes {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// The digest before the first leaf and before the first command.
pub const EMPTY_DIGEST: Hash = Hash::from_bytes([0; 32]);

/// The leaf digest after a leaf whose derived rows are `rows`, ascending.
pub(crate) fn leaf_digest<'a>(
    before: &Hash,
    index: LeafIndex,
    rows: impl Iterator<Item = (Table, &'a [u8], Option<&'a [u8]>)>,
) -> Hash {
    let mut bytes = Vec::with_capacity(1024);
    bytes.extend_from_slice(b"tally/leaf-digest/v1\0");
    bytes.extend_from_slice(before.as_bytes());
    bytes.extend_from_slice(&index.get().to_be_bytes());
    for (table, key, value) in rows {
        put_row(&mut bytes, table, key, value);
    }
    merkle::sha256(&bytes)
}

/// The side digest after a command that changes `rows`, ascending.
pub(crate) fn side_digest<'a>(
    before: &Hash,
    rows: impl Iterator<Item = (Table, &'a [u8], Option<&'a [u8]>)>,
) -> Hash {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(b"tally/side-digest/v1\0");
    bytes.extend_from_slice(before.as_bytes());
    for (table, key, value) in rows {
        put_row(&mut bytes, table, key, value);
    }
    merkle::sha256(&bytes)
}

/// Appends one row in the form the digests cover.
fn put_row(bytes: &mut Vec<u8>, table: Table, key: &[u8], value: Option<&[u8]>) {
    bytes.push(table.id());
    put_sized(bytes, key);
    match value {
        None => bytes.push(0),
        Some(value) => {
            bytes.push(1);
            put_sized(bytes, value);
        }
    }
}

fn put_sized(bytes: &mut Vec<u8>, part: &[u8]) {
    // A row is at most a file of a few megabytes; a longer one would still hash to something
    // that no other content of the same prefix hashes to.
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(part);
}
