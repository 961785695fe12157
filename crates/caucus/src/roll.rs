//! The roll file: whose key may report for which unit, and the hashes of paper vouchers.
//!
//! ```abnf
//! roll    = *entry
//! entry   = token SP (key / voucher) LF
//! key     = ("a" / "b" / "s") SP 1*256(%x21-7E)     ; a verifier key in its text form
//! voucher = %s"v" SP 44(%x21-7E)                    ; base64 of a SHA-256 hash
//! ```
//!
//! Lines ascend strictly by their bytes; a unit has at most one key a slot and any number of
//! vouchers. Keys stay text here: this crate knows no signatures, and whoever verifies one parses it.

use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use core::fmt;

use crate::id::UnitId;
use crate::lines::{LineError, Lines, field};

const KEY_MAX: usize = 256;
const HASH_CHARACTERS: usize = 44;

/// Whose hand a unit's key is in. Chair and spare are one hand, the secretary is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// `a`: the chair's key.
    A,
    /// `b`: the chair's sealed spare.
    B,
    /// `s`: the secretary's key.
    S,
}

/// All entries of the roll, in the file's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roll {
    keys: BTreeMap<(UnitId, Slot), String>,
    vouchers: BTreeSet<(UnitId, String)>,
}

/// One line of the roll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollEntry {
    /// The unit.
    pub unit: UnitId,
    /// A key or a voucher.
    pub kind: RollKind,
}

/// What a line of the roll gives its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollKind {
    /// A key for a slot.
    Key {
        /// The slot.
        slot: Slot,
        /// The verifier key as text.
        vkey: String,
    },
    /// The hash of a paper voucher, 44 characters of base64.
    Voucher {
        /// The hash as text.
        hash: String,
    },
}

impl Slot {
    /// All three, in order.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::S];

    /// The letter used in files and key names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::S => "s",
        }
    }

    /// Reads the letter.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| slot.as_str() == text)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Roll {
    /// Reads a roll file. The error names the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let mut lines = Lines::of(text)?;
        let mut roll = Self::default();
        let mut last: Option<&str> = None;
        while let Some(line) = lines.peek() {
            if last.is_some_and(|last| last >= line) {
                return Err(lines.error("lines must ascend, each once"));
            }
            let entry = RollEntry::parse_line(line).map_err(|what| lines.error(what))?;
            roll.insert(entry).map_err(|what| lines.error(what))?;
            last = Some(line);
            lines.advance();
        }
        Ok(roll)
    }

    /// Adds an entry; a second key for one slot, or a voucher that is already there, is an error.
    pub fn insert(&mut self, entry: RollEntry) -> Result<(), String> {
        let RollEntry { unit, kind } = entry;
        let fresh = match kind {
            RollKind::Key { slot, vkey } => match self.keys.entry((unit, slot)) {
                alloc::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(vkey);
                    true
                }
                alloc::collections::btree_map::Entry::Occupied(_) => false,
            },
            RollKind::Voucher { hash } => self.vouchers.insert((unit, hash)),
        };
        if fresh {
            Ok(())
        } else {
            Err("a unit has one key a slot, and a voucher once".to_string())
        }
    }

    /// The key of a unit's slot, as text.
    pub fn key(&self, unit: &UnitId, slot: Slot) -> Option<&str> {
        self.keys.get(&(unit.clone(), slot)).map(String::as_str)
    }

    /// All keys, ascending by unit and slot.
    pub fn keys(&self) -> impl Iterator<Item = (&UnitId, Slot, &str)> {
        self.keys
            .iter()
            .map(|((unit, slot), vkey)| (unit, *slot, vkey.as_str()))
    }

    /// All vouchers, ascending by unit and hash.
    pub fn vouchers(&self) -> impl Iterator<Item = (&UnitId, &str)> {
        self.vouchers
            .iter()
            .map(|(unit, hash)| (unit, hash.as_str()))
    }

    /// How many lines the file has.
    pub fn line_count(&self) -> usize {
        self.keys.len().saturating_add(self.vouchers.len())
    }
}

impl RollEntry {
    /// Reads one line, without its LF.
    pub fn parse_line(line: &str) -> Result<Self, String> {
        let mut words = line.splitn(3, ' ');
        let unit = field(words.next(), "a unit's id", |text| UnitId::parse(text).ok())?;
        let letter = field(words.next(), "`a`, `b`, `s` or `v`", |word| {
            (word == "v" || Slot::parse(word).is_some()).then_some(word)
        })?;
        let kind = match Slot::parse(letter) {
            Some(slot) => {
                let vkey = field(words.next(), "a verifier key", |text| word(text, KEY_MAX))?;
                RollKind::Key { slot, vkey }
            }
            None => RollKind::Voucher {
                hash: field(words.next(), "a hash of 44 characters", |text| {
                    word(text, HASH_CHARACTERS).filter(|hash| hash.len() == HASH_CHARACTERS)
                })?,
            },
        };
        Ok(Self { unit, kind })
    }

    /// The entry's line, without its LF.
    pub fn to_line(&self) -> String {
        match &self.kind {
            RollKind::Key { slot, vkey } => alloc::format!("{} {slot} {vkey}", self.unit),
            RollKind::Voucher { hash } => alloc::format!("{} v {hash}", self.unit),
        }
    }
}

fn word(text: &str, longest: usize) -> Option<String> {
    let visible = text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    (visible && (1..=longest).contains(&text.len())).then(|| text.to_string())
}

/// The canonical text: [`Roll::parse`] of it gives the same roll.
impl fmt::Display for Roll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self
            .keys()
            .map(|(unit, slot, vkey)| alloc::format!("{unit} {slot} {vkey}"));
        let vouchers = self
            .vouchers()
            .map(|(unit, hash)| alloc::format!("{unit} v {hash}"));
        let lines: BTreeSet<String> = keys.chain(vouchers).collect();
        for line in lines {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "4j504IZbaQWUx0zb541TqKHpOdwbSVqD2juT6rwqr7o=";

    fn text() -> String {
        alloc::format!(
            "19-1 a e/19-1/a+04264856+ASZm\n19-1 b e/19-1/b+04264857+ASZn\n19-1 s e/19-1/s+04264858+ASZo\n\
             19-1 v {HASH}\n19-1.5 a e/19-1.5/a+04264859+ASZp\n"
        )
    }

    #[test]
    fn a_roll_has_one_text() {
        let roll = Roll::parse(&text()).unwrap();
        assert_eq!(roll.to_string(), text());
        assert_eq!(roll.line_count(), 5);
        let unit = UnitId::parse("19-1").unwrap();
        assert_eq!(roll.key(&unit, Slot::B), Some("e/19-1/b+04264857+ASZn"));
        assert_eq!(roll.vouchers().count(), 1);
        assert_eq!(Roll::parse("").unwrap(), Roll::default());
    }

    #[test]
    fn a_wrong_roll_is_refused_at_its_line() {
        for (from, to, line) in [
            ("19-1 a", "19/1 a", 1),
            ("19-1 b", "19-1 a", 2),
            ("19-1 s", "19-1 c", 3),
            ("19-1 s", "19-1 a", 3),
            ("rwqr7o=", "rwqr7=", 4),
            ("+ASZp", "+ASZp x", 5),
        ] {
            let error = Roll::parse(&text().replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.line, line, "{from:?} -> {to:?}: {error}");
        }
    }
}
