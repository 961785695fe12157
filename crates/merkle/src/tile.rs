//! The tree cut into files that never change: `c2sp.org/tlog-tiles`, addresses and contents.
//!
//! ```text
//! hash tile    = "tile/" level "/" number [".p/" width]       256 hashes of tree level 8 * level
//! entry bundle = "tile/entries/" number [".p/" width]         256 entries
//! number       = *("x" 3DIGIT "/") 3DIGIT                     in groups of three digits
//! width        = 1 to 255; without it 256
//! bundle       = *(length u16 big-endian, entry)
//! ```
//! A partial tile is the right edge of the tree at some size; its content is fixed as well, for the
//! tree only grows. Nothing here reads files or the network, and nothing here is verified: whoever
//! reads tiles holds what follows from them against a signed root.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use crate::{Hash, TreeSize};

/// Hashes of a full tile, entries of a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// Tree levels that one tile spans.
const HEIGHT: u32 = 8;

/// The highest level of tiles: six spans of eight tree levels and what is above them cover every
/// size that a text may state.
const MAX_LEVEL: u8 = 6;

/// A tile of hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// 0 holds leaf hashes, each level above it the nodes eight tree levels higher.
    pub level: u8,
    /// Its place on that level, from the left.
    pub index: u64,
    /// How many hashes it has: 1 to 256.
    pub width: u16,
}

/// A file of entries: the leaves' own bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryBundle {
    /// Its place, from the left.
    pub index: u64,
    /// How many entries it has: 1 to 256.
    pub width: u16,
}

impl Tile {
    /// Where the tile is found, without a leading slash.
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, place(self.index, self.width))
    }

    /// Reads exactly what [`Tile::path`] writes.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let level: u8 = level.parse().ok().filter(|level| *level <= MAX_LEVEL)?;
        let (index, width) = parse_place(rest)?;
        let tile = Self {
            level,
            index,
            width,
        };
        (tile.path() == path).then_some(tile)
    }

    /// Every tile of a tree of that size, level by level from the leaves, from left to right.
    pub fn all_of(size: TreeSize) -> Vec<Self> {
        (0..=MAX_LEVEL)
            .flat_map(|level| {
                pieces(hashes_at(level, size)).map(move |(index, width)| Self {
                    level,
                    index,
                    width,
                })
            })
            .collect()
    }

    /// Whether a tree of that size has these hashes: then the tile's content is fixed.
    pub fn fits(&self, size: TreeSize) -> bool {
        (1..=TILE_WIDTH).contains(&self.width)
            && self.level <= MAX_LEVEL
            && covers(self.index, self.width, hashes_at(self.level, size))
    }

    /// The nodes of the tree that it holds, by tree level and index, from left to right.
    pub fn nodes(&self) -> impl Iterator<Item = (u8, u64)> + use<> {
        let height = u32::from(self.level).saturating_mul(HEIGHT);
        let level = u8::try_from(height).unwrap_or(u8::MAX);
        range(self.index, self.width).map(move |index| (level, index))
    }

    /// The tile's bytes.
    pub fn encode(hashes: &[Hash]) -> Vec<u8> {
        hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
    }

    /// The hashes in the tile's bytes; `None` unless there are exactly as many as it has.
    pub fn decode(&self, bytes: &[u8]) -> Option<Vec<Hash>> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        let exact = rest.is_empty() && hashes.len() == usize::from(self.width);
        exact.then(|| hashes.iter().copied().map(Hash::from_bytes).collect())
    }
}

impl EntryBundle {
    /// Where the bundle is found, without a leading slash.
    pub fn path(&self) -> String {
        format!("tile/entries/{}", place(self.index, self.width))
    }

    /// Reads exactly what [`EntryBundle::path`] writes.
    pub fn parse(path: &str) -> Option<Self> {
        let (index, width) = parse_place(path.strip_prefix("tile/entries/")?)?;
        let bundle = Self { index, width };
        (bundle.path() == path).then_some(bundle)
    }

    /// Every bundle of a tree of that size, from left to right.
    pub fn all_of(size: TreeSize) -> Vec<Self> {
        pieces(size.get())
            .map(|(index, width)| Self { index, width })
            .collect()
    }

    /// Whether a tree of that size has these entries.
    pub fn fits(&self, size: TreeSize) -> bool {
        (1..=TILE_WIDTH).contains(&self.width) && covers(self.index, self.width, size.get())
    }

    /// The leaves that it holds.
    pub fn leaves(&self) -> Range<u64> {
        range(self.index, self.width)
    }

    /// The bundle's bytes; `None` where an entry is longer than its two bytes of length can say.
    pub fn encode<'e>(entries: impl IntoIterator<Item = &'e [u8]>) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for entry in entries {
            bytes.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
            bytes.extend_from_slice(entry);
        }
        Some(bytes)
    }

    /// The entries in the bundle's bytes; `None` unless there are exactly as many as it has and
    /// nothing behind them.
    pub fn decode<'b>(&self, bytes: &'b [u8]) -> Option<Vec<&'b [u8]>> {
        let mut rest = bytes;
        let entries = (0..self.width)
            .map(|_| {
                let (length, behind) = rest.split_first_chunk()?;
                let length = usize::from(u16::from_be_bytes(*length));
                let (entry, behind) = behind.split_at_checked(length)?;
                rest = behind;
                Some(entry)
            })
            .collect::<Option<Vec<_>>>()?;
        rest.is_empty().then_some(entries)
    }
}

/// Complete nodes of a tree on the level at which tiles of `level` begin.
fn hashes_at(level: u8, size: TreeSize) -> u64 {
    let height = u32::from(level).saturating_mul(HEIGHT);
    size.get().checked_shr(height).unwrap_or(0)
}

/// A row of that many things in pieces of 256, the last with what is left.
fn pieces(count: u64) -> impl Iterator<Item = (u64, u16)> {
    let full = count >> HEIGHT;
    let left = u16::try_from(count & u64::from(TILE_WIDTH).saturating_sub(1)).unwrap_or(0);
    let last = (left > 0).then_some((full, left));
    (0..full).map(|index| (index, TILE_WIDTH)).chain(last)
}

/// Whether a row of `count` things reaches to the end of the piece.
fn covers(index: u64, width: u16, count: u64) -> bool {
    index
        .checked_mul(u64::from(TILE_WIDTH))
        .and_then(|first| first.checked_add(u64::from(width)))
        .is_some_and(|end| end <= count)
}

fn range(index: u64, width: u16) -> Range<u64> {
    let first = index.saturating_mul(u64::from(TILE_WIDTH));
    first..first.saturating_add(u64::from(width))
}

/// The number in groups of three digits, all but the last marked, and the width of a partial one.
fn place(index: u64, width: u16) -> String {
    let digits = index.to_string();
    let missing = digits
        .len()
        .next_multiple_of(3)
        .saturating_sub(digits.len());
    let padded = format!("{}{digits}", "0".repeat(missing));
    let mut groups: Vec<String> = Vec::new();
    for group in padded.as_bytes().chunks(3) {
        groups.push(group.iter().copied().map(char::from).collect());
    }
    let mut path = groups.join("/x");
    if groups.len() > 1 {
        path.insert(0, 'x');
        // Every group but the last is marked, so the mark before the last goes.
        if let Some(mark) = path.rfind('x') {
            path.remove(mark);
        }
    }
    if width < TILE_WIDTH {
        path = format!("{path}.p/{width}");
    }
    path
}

fn parse_place(text: &str) -> Option<(u64, u16)> {
    let (number, width) = match text.split_once(".p/") {
        None => (text, TILE_WIDTH),
        Some((number, width)) => {
            let width: u16 = width.parse().ok()?;
            (
                number,
                Some(width).filter(|width| (1..TILE_WIDTH).contains(width))?,
            )
        }
    };
    let mut index = 0_u64;
    for group in number.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let three = digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
        let value: u64 = digits.parse().ok().filter(|_| three)?;
        index = index.checked_mul(1_000)?.checked_add(value)?;
    }
    Some((index, width))
}
