//! What a backup says of itself at its front.
//!
//! ```text
//! tally backup 1
//! election <id>
//! kind live|rehearsal
//! genesis <hash>
//! origin <origin>
//! manifest <version in force at the checkpoint>
//! taken <seconds since 1970>
//! leaves <number>
//! root <hash>
//! level receipt|final
//! file <bytes> <hash> <path>      one for each file behind it, in order of the paths
//! inventory <hash of all lines above>
//! ```
//!
//! The last line finds an accident, not a forger: whoever changes the inventory can make it again.
//! What a forger cannot make is the checkpoint, and nothing here is believed against that.

use caucus::ElectionId;
use merkle::{Hash, TreeSize, sha256};
use note::{Origin, UnixSeconds, b64, parse_decimal};
use receipt::ElectionKind;

use crate::log::verify::Level;

/// The name of the file that it is.
pub const INVENTORY: &str = "inventory";

const HEAD: &str = "tally backup 1";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The election.
    pub election: ElectionId,
    /// The night, or a rehearsal of it.
    pub kind: ElectionKind,
    /// The hash of its first manifest.
    pub genesis: Hash,
    /// The log.
    pub origin: Origin,
    /// The manifest version in force at the checkpoint.
    pub manifest: u64,
    /// When it was taken, by the clock of the machine that took it.
    pub taken: UnixSeconds,
    /// How many leaves the checkpoint covers.
    pub size: TreeSize,
    /// Their root.
    pub root: Hash,
    /// What the checkpoint's cosignatures amount to.
    pub level: Level,
    /// Every other file, ascending by path.
    pub files: Vec<Item>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its path, which stays inside the folder it is unpacked into.
    pub path: String,
    /// How long it is.
    pub bytes: u64,
    /// The hash of its contents.
    pub hash: Hash,
}

impl Inventory {
    /// The file's text.
    pub fn text(&self) -> String {
        let mut lines = vec![
            HEAD.to_owned(),
            format!("election {}", self.election),
            format!("kind {}", self.kind),
            format!("genesis {}", b64::encode_hash(&self.genesis)),
            format!("origin {}", self.origin),
            format!("manifest {}", self.manifest),
            format!("taken {}", self.taken.get()),
            format!("leaves {}", self.size),
            format!("root {}", b64::encode_hash(&self.root)),
            format!("level {}", self.level.word()),
        ];
        for Item { path, bytes, hash } in &self.files {
            lines.push(format!("file {bytes} {} {path}", b64::encode_hash(hash)));
        }
        let text = lines.join("\n") + "\n";
        let own = b64::encode_hash(&sha256(text.as_bytes()));
        format!("{text}{INVENTORY} {own}\n")
    }

    /// Reads a text that [`Inventory::text`] made, and no other.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = Lines(text.lines());
        (lines.0.next()? == HEAD).then_some(())?;
        let mut read = Self {
            election: ElectionId::parse(lines.value("election")?).ok()?,
            kind: match lines.value("kind")? {
                "live" => ElectionKind::Live,
                "rehearsal" => ElectionKind::Rehearsal,
                _ => return None,
            },
            genesis: b64::decode_hash(lines.value("genesis")?)?,
            origin: Origin::parse(lines.value("origin")?).ok()?,
            manifest: parse_decimal(lines.value("manifest")?)?,
            taken: UnixSeconds::new(parse_decimal(lines.value("taken")?)?),
            size: TreeSize::new(parse_decimal(lines.value("leaves")?)?),
            root: b64::decode_hash(lines.value("root")?)?,
            level: Level::parse(lines.value("level")?)?,
            files: Vec::new(),
        };
        for line in lines.0 {
            if let Some(item) = line.strip_prefix("file ") {
                read.files.push(item_of(item)?);
            }
        }
        let ascending = read.files.is_sorted_by(|one, next| one.path < next.path);
        (ascending && read.text() == text).then_some(read)
    }

    /// Bytes of all files in it.
    pub fn bytes(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum: u64, item| sum.saturating_add(item.bytes))
    }
}

/// The lines not yet read.
struct Lines<'t>(std::str::Lines<'t>);

impl<'t> Lines<'t> {
    /// The rest of the next line, if it begins with this word.
    fn value(&mut self, word: &str) -> Option<&'t str> {
        self.0.next()?.strip_prefix(word)?.strip_prefix(' ')
    }
}

fn item_of(text: &str) -> Option<Item> {
    let (bytes, rest) = text.split_once(' ')?;
    let (hash, path) = rest.split_once(' ')?;
    stays_inside(path).then_some(())?;
    Some(Item {
        path: path.to_owned(),
        bytes: parse_decimal(bytes)?,
        hash: b64::decode_hash(hash)?,
    })
}

/// Whether a path leads to a file below the folder it is unpacked into, wherever that is.
pub(super) fn stays_inside(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
    path != INVENTORY && path.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory() -> Inventory {
        let item = |path: &str| Item {
            path: path.to_owned(),
            bytes: 7,
            hash: sha256(path.as_bytes()),
        };
        Inventory {
            election: ElectionId::parse("rehearsal-2028").unwrap(),
            kind: ElectionKind::Rehearsal,
            genesis: sha256(b"genesis"),
            origin: Origin::parse_election("tally.example/caucus").unwrap(),
            manifest: 2,
            taken: UnixSeconds::new(1_800_000_000),
            size: TreeSize::new(12),
            root: sha256(b"root"),
            level: Level::Final,
            files: vec![item("bundle/roster.txt"), item("checkpoint")],
        }
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(Inventory::parse(&inventory().text()), Some(inventory()));
    }

    #[test]
    fn no_flipped_bit_is_read() {
        let text = inventory().text().into_bytes();
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = String::from_utf8(flipped)
                .ok()
                .and_then(|text| Inventory::parse(&text));
            assert_eq!(read, None, "bit {bit}");
        }
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for path in ["a", "tile/0/x001/234.p/5", "bundle/policy.final.txt"] {
            assert!(stays_inside(path), "{path}");
        }
        for path in [
            "",
            "/a",
            "a/",
            "../a",
            "a/../b",
            "a//b",
            ".a",
            "a\\b",
            "a b",
            "ä",
            "inventory",
        ] {
            assert!(!stays_inside(path), "{path}");
        }
    }

    #[test]
    fn files_out_of_order_or_twice_are_no_inventory() {
        let mut turned = inventory();
        turned.files.reverse();
        assert_eq!(Inventory::parse(&turned.text()), None);
        let mut twice = inventory();
        twice.files = [twice.files[0].clone(), twice.files[0].clone()].to_vec();
        assert_eq!(Inventory::parse(&twice.text()), None);
    }
}
