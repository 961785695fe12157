//! Whether a write-ahead log goes on behind its first bad byte. Only asked once RocksDB has refused it.
//!
//! A power cut tears the last write and leaves nothing behind it; a bad disk alters something in the
//! middle. RocksDB's own recovery modes cannot tell the two apart within one block: they skip the rest
//! of a block with a bad record in it. So this reads the file as RocksDB writes it:
//! ```text
//! file    blocks of 32 KiB; what does not fit into a block goes on in the next
//! record  check (4, little-endian) · length (2, little-endian) · type (1) · payload
//!         check = CRC-32C of type · payload, rotated right by 15 bits, plus 0xa282ead8
//! type    1 a whole write   2 the first part of one   3 a middle part   4 the last   9, 130 about the file
//! ```
//! One group of the log is one write, so a record of type 1 or 2 behind the damage is a later group,
//! written after the damaged one had been acknowledged.

const BLOCK: usize = 32 << 10;
const HEADER: usize = 7;
const MASK: u32 = 0xa282_ead8;
const WHOLE: u8 = 1;
const FIRST: u8 = 2;
const TYPES: [u8; 6] = [WHOLE, FIRST, 3, 4, 9, 130];

/// Reads the write-ahead logs of one database, oldest first.
#[derive(Debug, Default)]
pub(super) struct WalReader {
    damaged: bool,
}

impl WalReader {
    /// Reads the next file. True if a write begins behind damage, in this file or an earlier one.
    pub(super) fn goes_on_behind_damage(&mut self, file: &[u8]) -> bool {
        file.chunks(BLOCK).any(|block| self.block_goes_on(block))
    }

    fn block_goes_on(&mut self, block: &[u8]) -> bool {
        let mut rest = block;
        while rest.len() >= HEADER {
            let step = match record(rest) {
                Some((kind, _)) if self.damaged && (kind == WHOLE || kind == FIRST) => return true,
                Some((_, length)) => length,
                None => {
                    // The length itself may be what is wrong, so the next record may begin anywhere.
                    self.damaged = true;
                    1
                }
            };
            rest = rest.get(step..).unwrap_or_default();
        }
        false
    }
}

/// The type and the whole length of the record that `bytes` begin with, if its sum is right.
fn record(bytes: &[u8]) -> Option<(u8, usize)> {
    let (check, rest) = bytes.split_first_chunk::<4>()?;
    let (length, summed) = rest.split_first_chunk::<2>()?;
    let kind = *summed.first()?;
    if !TYPES.contains(&kind) {
        return None;
    }
    let length = usize::from(u16::from_le_bytes(*length));
    let summed = summed.get(..length.checked_add(1)?)?;
    let masked = crc32c(summed).rotate_right(15).wrapping_add(MASK);
    (u32::from_le_bytes(*check) == masked).then(|| (kind, HEADER.saturating_add(length)))
}

/// CRC-32C, a bit at a time: this runs over one damaged file in the life of a node.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 {
                (sum >> 1) ^ POLYNOMIAL
            } else {
                sum >> 1
            }
        })
    });
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut summed = vec![kind];
        summed.extend_from_slice(payload);
        let mut bytes = crc32c(&summed)
            .rotate_right(15)
            .wrapping_add(MASK)
            .to_le_bytes()
            .to_vec();
        bytes.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(&summed);
        bytes
    }

    fn goes_on(file: &[u8]) -> bool {
        WalReader::default().goes_on_behind_damage(file)
    }

    #[test]
    fn the_sum_is_that_of_rfc_3720() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn damage_in_the_last_write_is_a_tail_and_before_it_is_not() {
        let writes = [write(1, b"one"), write(1, b"two"), write(1, b"three")];
        let whole = writes.concat();
        assert!(!goes_on(&whole));
        let last = writes[0].len() + writes[1].len();
        for place in 0..whole.len() {
            let mut bad = whole.clone();
            bad[place] ^= 0x20;
            assert_eq!(goes_on(&bad), place < last, "byte {place}");
        }
    }

    #[test]
    fn the_rest_of_a_torn_write_is_not_a_later_one() {
        let torn = [
            write(1, b"one"),
            vec![0; 100],
            write(3, b"middle"),
            write(4, b"end"),
        ]
        .concat();
        assert!(!goes_on(&torn));
        assert!(goes_on(&[torn, write(2, b"next")].concat()));
    }

    #[test]
    fn a_later_file_counts() {
        let mut reader = WalReader::default();
        assert!(!reader.goes_on_behind_damage(&write(1, b"one")[..8]));
        assert!(reader.goes_on_behind_damage(&write(1, b"two")));
    }

    #[test]
    fn zeros_at_the_end_are_no_writes() {
        assert!(!goes_on(&[write(1, b"one"), vec![0; 70_000]].concat()));
    }
}
