//! An entry as RocksDB keeps it. The layout stands at the head of [`super`].

use bytes::Bytes;

use super::{Entry, Position, Purged};

const CHECK_BYTES: usize = 4;
const TERM_BYTES: usize = 8;

/// The key of an index. Big-endian, so that keys sort as indexes do.
pub(super) fn key(index: u64) -> [u8; 8] {
    index.to_be_bytes()
}

/// The index of a key, if it is one.
pub(super) fn index(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.try_into().ok()?))
}

/// Writes the value of an entry into `value`, which is emptied first and reused between entries.
pub(super) fn encode(entry: &Entry, value: &mut Vec<u8>) {
    value.clear();
    let check = check(entry.index, entry.term, &entry.payload);
    value.extend_from_slice(&check.to_be_bytes());
    value.extend_from_slice(&entry.term.to_be_bytes());
    value.extend_from_slice(&entry.payload);
}

/// The entry at `index`, or `None` if the bytes are not what was written there.
pub(super) fn decode(index: u64, value: &[u8]) -> Option<Entry> {
    let (found, rest) = value.split_at_checked(CHECK_BYTES)?;
    let (term, payload) = rest.split_at_checked(TERM_BYTES)?;
    let term = u64::from_be_bytes(term.try_into().ok()?);
    (u32::from_be_bytes(found.try_into().ok()?) == check(index, term, payload)).then(|| Entry {
        index,
        term,
        payload: Bytes::copy_from_slice(payload),
    })
}

/// The value of the `purged` row.
pub(super) fn encode_purged(purged: &Purged) -> Vec<u8> {
    let mut value = purged.position.index.to_be_bytes().to_vec();
    value.extend_from_slice(&purged.position.term.to_be_bytes());
    value.extend_from_slice(&purged.label);
    value
}

/// The `purged` row read back.
pub(super) fn decode_purged(value: &[u8]) -> Option<Purged> {
    let (index, rest) = value.split_at_checked(8)?;
    let (term, label) = rest.split_at_checked(8)?;
    let position = Position {
        index: u64::from_be_bytes(index.try_into().ok()?),
        term: u64::from_be_bytes(term.try_into().ok()?),
    };
    Some(Purged {
        position,
        label: Bytes::copy_from_slice(label),
    })
}

/// The index is part of the sum, so a good value under a wrong key is found too.
fn check(index: u64, term: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&index.to_be_bytes());
    hasher.update(&term.to_be_bytes());
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_entry_comes_back_as_it_was(index: u64, term: u64, payload: Vec<u8>) {
            let entry = Entry { index, term, payload: payload.into() };
            let mut value = Vec::new();
            encode(&entry, &mut value);
            prop_assert_eq!(decode(index, &value), Some(entry));
        }

        #[test]
        fn one_flipped_bit_is_found(index: u64, term: u64, payload: Vec<u8>, place: prop::sample::Index) {
            let mut value = Vec::new();
            encode(&Entry { index, term, payload: payload.into() }, &mut value);
            let bit = place.index(value.len() * 8);
            value[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(index, &value), None);
        }

        #[test]
        fn a_purged_row_comes_back_as_it_was(index: u64, term: u64, label: Vec<u8>) {
            let purged = Purged { position: Position { index, term }, label: label.into() };
            prop_assert_eq!(decode_purged(&encode_purged(&purged)), Some(purged));
        }
    }

    #[test]
    fn a_value_under_another_index_is_not_that_entry() {
        let mut value = Vec::new();
        encode(
            &Entry {
                index: 7,
                term: 1,
                payload: Bytes::from_static(b"seven"),
            },
            &mut value,
        );
        assert!(decode(7, &value).is_some());
        assert_eq!(decode(8, &value), None);
    }

    #[test]
    fn keys_sort_as_their_indexes() {
        assert!(key(255) < key(256));
        assert_eq!(index(&key(256)), Some(256));
        assert_eq!(index(b"short"), None);
    }
}
