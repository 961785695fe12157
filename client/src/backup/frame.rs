//! The frame around the files: POSIX ustar, in the one way in which this program writes it. Owner,
//! time and mode are fixed, so that a header follows from name and size alone; whoever reads makes
//! it again and compares, and no byte of the file is without meaning.

/// Headers and contents fill whole blocks.
pub(super) const BLOCK: usize = 512;

/// Two empty blocks end the file.
pub(super) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The longest name of a file, in bytes; the longest path of a tile has under 40.
const LONGEST_NAME: usize = 99;

/// The largest size that eleven octal digits hold.
const LARGEST: u64 = 0o777_7777_7777;

/// What stands where the checksum will, while it is made.
const UNSUMMED: &[u8] = b"        ";

/// The block before a file; none for a name or a size that has no place in it.
pub(super) fn header(name: &str, size: u64) -> Option<Vec<u8>> {
    if name.len() > LONGEST_NAME || size > LARGEST {
        return None;
    }
    let unsummed = block(name, size, UNSUMMED);
    let sum: u32 = unsummed.iter().map(|byte| u32::from(*byte)).sum();
    Some(block(name, size, format!("{sum:06o}\0 ").as_bytes()))
}

/// The zeros that fill the last block of a file of this size.
pub(super) fn padding(size: u64) -> usize {
    let over = usize::try_from(size % 512).unwrap_or(0);
    BLOCK.saturating_sub(over) % BLOCK
}

/// The size that a header states; none where it is not one that [`header`] makes for this name.
pub(super) fn size_of(block: &[u8], name: &str) -> Option<u64> {
    let digits = std::str::from_utf8(block.get(SIZE)?).ok()?;
    let size = u64::from_str_radix(digits, 8).ok()?;
    (header(name, size)? == block).then_some(size)
}

/// Where the digits of the size are.
const SIZE: std::ops::Range<usize> = 124..135;

fn block(name: &str, size: u64, sum: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(BLOCK);
    let mut end = 0_usize;
    let size = format!("{size:011o}");
    let fields: [(&[u8], usize); 13] = [
        (name.as_bytes(), 100),
        (b"0000644", 8), // mode
        (b"0000000", 8), // owner
        (b"0000000", 8), // group
        (size.as_bytes(), 12),
        (b"00000000000", 12), // time
        (sum, 8),
        (b"0", 1),  // an ordinary file
        (b"", 100), // a link's target
        (b"ustar", 6),
        (b"00", 2),
        (b"", 64), // names of owner and group
        (b"", BLOCK),
    ];
    for (text, width) in fields {
        end = end.saturating_add(width).min(BLOCK);
        block.extend_from_slice(text);
        block.resize(end, 0);
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of the header of an empty file `a`, added up by hand: `a` 97; mode 4 zeros, 6, 4, 4 =
    /// 7 × 48 + 14 = 350; owner and group 7 × 48 each = 672; size and time 11 × 48 each = 1056; eight
    /// blanks 256; type 48; `ustar` 559; version 96. Together 3134, octal 6076.
    #[test]
    fn a_header_is_what_the_standard_says() {
        let block = header("a", 0).unwrap();
        assert_eq!(block.len(), BLOCK);
        assert_eq!(&block[148..156], b"006076\0 ");
        assert_eq!(&block[257..265], b"ustar\x0000");
        assert_eq!(block[156], b'0');
    }

    #[test]
    fn a_size_is_read_only_from_the_very_header_that_states_it() {
        let block = header("tile/0/000", 8192).unwrap();
        assert_eq!(size_of(&block, "tile/0/000"), Some(8192));
        assert_eq!(size_of(&block, "tile/0/001"), None);
        for bit in 0..BLOCK * 8 {
            let mut flipped = block.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(size_of(&flipped, "tile/0/000"), None, "bit {bit}");
        }
    }

    #[test]
    fn contents_fill_whole_blocks() {
        let all = [(0, 0), (1, 511), (511, 1), (512, 0), (513, 511)];
        for (size, zeros) in all {
            assert_eq!(padding(size), zeros, "{size}");
        }
    }

    #[test]
    fn what_has_no_place_in_a_header_is_refused() {
        assert!(header(&"n".repeat(100), 0).is_none());
        assert!(header("n", 1 << 33).is_none());
    }
}
