//! The bytes of keys and rows, written by hand: one value has one encoding, and anything else is
//! not read.
//!
//! ```text
//! number   8 bytes, big-endian          (keys ascend as the numbers do)
//! small    1 byte, an enum's own number
//! bytes    length u32 big-endian, then that many bytes
//! text     bytes that are UTF-8
//! hash     32 bytes
//! option   0x00 | 0x01 value
//! list     length u32 big-endian, then the items
//! ```
//! A row is its fields one after the other in the order given at its type in `rows/`.

use alloc::string::String;
use alloc::vec::Vec;

use merkle::{Hash, LeafHash, LeafIndex};

/// What is wrong with bytes that are no encoding.
pub(crate) type What = &'static str;

/// The bytes that most keys and rows have room in; a longer one grows.
const A_ROW: usize = 96;

/// Appends encodings to a row.
#[derive(Debug)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(A_ROW),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn small(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    pub(crate) fn number(&mut self, value: u64) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn wide(&mut self, value: u128) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn length(&mut self, length: usize) -> &mut Self {
        // No row comes near 4 GiB; a length that does not fit can not be read back, which the
        // reader reports.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.length(value.len());
        self.bytes.extend_from_slice(value);
        self
    }

    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    pub(crate) fn fixed(&mut self, value: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(value);
        self
    }

    pub(crate) fn hash(&mut self, value: &Hash) -> &mut Self {
        self.fixed(value.as_bytes())
    }

    pub(crate) fn option<V>(
        &mut self,
        value: Option<V>,
        some: impl FnOnce(&mut Self, V),
    ) -> &mut Self {
        match value {
            None => {
                self.small(0);
            }
            Some(value) => {
                self.small(1);
                some(self, value);
            }
        }
        self
    }

    pub(crate) fn list<V>(
        &mut self,
        items: impl ExactSizeIterator<Item = V>,
        mut item: impl FnMut(&mut Self, V),
    ) -> &mut Self {
        self.length(items.len());
        for value in items {
            item(self, value);
        }
        self
    }
}

/// Takes encodings off the front of a row.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Reads a whole row: nothing may be left over.
    pub(crate) fn whole<V>(
        bytes: &'a [u8],
        read: impl FnOnce(&mut Self) -> Result<V, What>,
    ) -> Result<V, What> {
        let mut reader = Self::new(bytes);
        let value = read(&mut reader)?;
        if reader.rest.is_empty() {
            Ok(value)
        } else {
            Err("bytes after its end")
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], What> {
        let (head, rest) = self.rest.split_first_chunk().ok_or("it ends too early")?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn small(&mut self) -> Result<u8, What> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn number(&mut self) -> Result<u64, What> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn wide(&mut self) -> Result<u128, What> {
        self.array().map(u128::from_be_bytes)
    }

    fn length(&mut self) -> Result<usize, What> {
        let length = u32::from_be_bytes(self.array()?);
        usize::try_from(length).map_err(|_| "a length beyond this machine")
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], What> {
        let length = self.length()?;
        let (head, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or("it ends too early")?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, What> {
        core::str::from_utf8(self.bytes()?).map_err(|_| "text that is not UTF-8")
    }

    pub(crate) fn string(&mut self) -> Result<String, What> {
        self.text().map(String::from)
    }

    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], What> {
        self.array()
    }

    pub(crate) fn hash(&mut self) -> Result<Hash, What> {
        self.array().map(Hash::from_bytes)
    }

    pub(crate) fn leaf_hash(&mut self) -> Result<LeafHash, What> {
        self.array().map(LeafHash::from_bytes)
    }

    pub(crate) fn leaf_index(&mut self) -> Result<LeafIndex, What> {
        self.number().map(LeafIndex::new)
    }

    pub(crate) fn option<V>(
        &mut self,
        some: impl FnOnce(&mut Self) -> Result<V, What>,
    ) -> Result<Option<V>, What> {
        match self.small()? {
            0 => Ok(None),
            1 => some(self).map(Some),
            _ => Err("an option that is neither none nor some"),
        }
    }

    pub(crate) fn list<V>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<V, What>,
    ) -> Result<Vec<V>, What> {
        let length = self.length()?;
        // Not reserved beforehand: the length is only believed item by item.
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(item(self)?);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_is() {
        let mut writer = Writer::new();
        writer
            .small(7)
            .number(1 << 40)
            .text("P-12")
            .option(Some(3_u64), |w, v| {
                w.number(v);
            });
        writer.list([1_u8, 2].into_iter(), |w, v| {
            w.small(v);
        });
        let bytes = writer.finish();
        let read = |bytes: &[u8]| {
            Reader::whole(bytes, |r| {
                Ok((
                    r.small()?,
                    r.number()?,
                    r.string()?,
                    r.option(Reader::number)?,
                    r.list(Reader::small)?,
                ))
            })
        };
        assert_eq!(
            read(&bytes),
            Ok((7, 1 << 40, "P-12".into(), Some(3), vec![1, 2]))
        );
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "read from {length} bytes");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(read(&longer), Err("bytes after its end"));
    }

    #[test]
    fn an_option_has_two_forms_only() {
        assert_eq!(Reader::whole(&[0], |r| r.option(Reader::small)), Ok(None));
        assert!(Reader::whole(&[2, 1], |r| r.option(Reader::small)).is_err());
    }
}
