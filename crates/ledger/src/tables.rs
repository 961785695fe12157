//! The state as plain keys and values, and the one trait through which it is read.
//!
//! An adapter (a database, a map, a snapshot) knows nothing of what the rows mean: it answers
//! [`Tables::read`] and [`Tables::scan`], and writes the rows of a
//! [`Changes`](crate::Changes) in one step. What the rows mean is in `rows/`.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::ControlFlow;

use caucus::Rules;
use merkle::{Hash, LeafIndex};
use note::{KeyError, SignatureLine, VerifierKey};
use receipt::Leaf;

/// Declares the tables with their stable number, stable name and the layout of their rows.
macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident = $id:literal, $name:literal;)*) => {
        /// Every table of the state. The number and the name of a table never change: the number
        /// is part of the digests, the name is what a database calls its column family.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table {
            $($(#[$doc])* $table,)*
        }

        impl Table {
            /// All tables, in ascending order of their numbers.
            pub const ALL: &'static [Table] = &[$(Table::$table,)*];

            /// The table's number, part of every digest.
            pub const fn id(self) -> u8 {
                match self { $(Table::$table => $id,)* }
            }

            /// The table's name, for databases and for people.
            pub const fn name(self) -> &'static str {
                match self { $(Table::$table => $name,)* }
            }
        }
    };
}

tables! {
    /// Single facts by name: genesis, election, tree frontier, counts, the closing leaf.
    Meta = 1, "meta";
    /// Leaf index → the leaf's exact bytes.
    Leaf = 2, "leaf";
    /// Tree level and index → the hash of that complete subtree.
    Node = 3, "node";
    /// Hash of a note's text → leaf index.
    Text = 4, "text";
    /// Leaf hash → leaf index.
    LeafHash = 5, "leaf_hash";
    /// Key id and key name → what that key may sign, and whether it still may.
    Key = 6, "key";
    /// Key id, key name and note id → leaf index: an id is used once by a signer.
    SignerId = 7, "signer_id";
    /// Unit id → the unit's line of the roster in force.
    Unit = 8, "unit";
    /// Unit id → the unit's head, reasons for being held and witnesses.
    UnitSheet = 9, "unit_sheet";
    /// Unit id and leaf index → a recorded submission that is not, or no longer, on the head's
    /// way: a rival, or a predecessor that arrived late.
    Rival = 10, "rival";
    /// Unit id and leaf hash → a predecessor which the head's chain names and which has not arrived.
    Awaited = 11, "awaited";
    /// Unit id and key → leaf index of that signer's newest attestation.
    Attest = 12, "attest";
    /// Unit id and voucher hash → unused, or the leaf that used it.
    Voucher = 13, "voucher";
    /// Manifest version → its leaf index and the hash of its text.
    Manifest = 14, "manifest";
    /// Hash of a manifest's text → the leaf that activated it.
    Activated = 15, "activated";
    /// File hash → the file's bytes (roster, roll, rules, policies).
    File = 16, "file";
    /// County id → the county's line of the roster in force.
    County = 17, "county";
    /// Basis and county id → the sums of the county's heads.
    CountyTotal = 18, "county_total";
    /// Basis and pool id → the sums of the pool's heads.
    PoolTotal = 19, "pool_total";
    /// Leaf index → the leaf digest after that leaf.
    LeafDigest = 20, "leaf_digest";
    /// Single facts of the state that has no leaves: the last time, the side digest.
    Side = 21, "side";
    /// Key and slot → an authentic note that was refused.
    Refused = 22, "refused";
    /// Key → how many of its refused notes were kept so far.
    RefusedBy = 23, "refused_by";
    /// Code of a refusal → how many authentic notes met it.
    RefusedCount = 24, "refused_count";
    /// Basis and district id, or basis alone for the contest → the sums of the precincts' heads.
    PrecinctsTotal = 25, "precincts_total";
    /// County or pool → how many of its units are held.
    AreaHeld = 26, "area_held";
    /// Everything, a county or a unit → the latest publish or hold of that scope.
    Gate = 40, "gate";
    /// Unit id and leaf index → a campaign's dispute, and its answer.
    Dispute = 41, "dispute";
    /// Unit id and leaf index → a recanvass or recount.
    CountAgain = 42, "count_again";
    /// Unit id → a unit that was on the roster and was closed or merged.
    Gone = 43, "gone";
    /// Group id → the leaf that withdrew it.
    Withdrawn = 44, "withdrawn";
    /// County or pool → how many units it has on the roster in force.
    AreaUnits = 45, "area_units";
    /// Hash of the counts that two heads may share, and unit id → the leaf of that unit's head.
    Print = 46, "print";
    /// Unit, county or everything, and leaf index: the leaves about it.
    Trail = 47, "trail";
    /// Leaf index → what that leaf did to which units.
    Moved = 48, "moved";
}

/// Which of the two digests covers a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Derived from leaves alone: whoever replays the leaves has the same rows.
    Leaves,
    /// Replicated, but without leaves: time and refused notes.
    Side,
}

impl Table {
    /// Where the table's rows come from.
    pub const fn origin(self) -> Origin {
        match self {
            Table::Side | Table::Refused | Table::RefusedBy | Table::RefusedCount => Origin::Side,
            Table::Meta
            | Table::Leaf
            | Table::Node
            | Table::Text
            | Table::LeafHash
            | Table::Key
            | Table::SignerId
            | Table::Unit
            | Table::UnitSheet
            | Table::Rival
            | Table::Awaited
            | Table::Attest
            | Table::Voucher
            | Table::Manifest
            | Table::Activated
            | Table::File
            | Table::County
            | Table::CountyTotal
            | Table::PoolTotal
            | Table::LeafDigest
            | Table::PrecinctsTotal
            | Table::AreaHeld
            | Table::Gate
            | Table::Dispute
            | Table::CountAgain
            | Table::Gone
            | Table::Withdrawn
            | Table::AreaUnits
            | Table::Print
            | Table::Trail
            | Table::Moved => Origin::Leaves,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The state can not be read. Nobody can mend this while the node runs: it stops, and start-up
/// decides what to do with its disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The storage below failed.
    #[error("read table `{table}`: {what}")]
    Storage {
        /// The table that was being read.
        table: Table,
        /// What the storage said.
        what: String,
    },
    /// A row is not what this crate writes.
    #[error("row of table `{table}` is corrupt: {what}")]
    Corrupt {
        /// The table of the row.
        table: Table,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Shown each row of a scan, key and value, until it breaks.
pub type Visit<'v> = &'v mut (dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'v);

/// Read access to the state.
///
/// An adapter must show one consistent state for as long as a call of
/// [`apply`](crate::apply()) or a [`View`](crate::View) borrows it.
pub trait Tables {
    /// The value at `key`, if there is one.
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault>;

    /// Visits every row whose key begins with `prefix`, in ascending order of keys, until the
    /// visitor breaks.
    fn scan(&self, table: Table, prefix: &[u8], visit: Visit<'_>) -> Result<(), Fault>;

    /// Whether `line` is `key`'s signature of `text`, by the one strict rule.
    ///
    /// An adapter may remember what it has accepted before; it must never accept what the strict
    /// rule refuses.
    fn accepts(&self, key: &VerifierKey, text: &str, line: &SignatureLine) -> bool {
        key.verifies(text, line)
    }

    /// The rule file of this hash, read.
    ///
    /// An adapter may keep what it has read: the hash says that it is the same file.
    fn rules(&self, hash: &Hash) -> Result<Option<Arc<Rules>>, Fault> {
        let bytes = self.read(Table::File, hash.as_bytes())?;
        bytes.map(|bytes| read_rules(&bytes)).transpose()
    }

    /// The key of this text, if it may be enrolled.
    ///
    /// An adapter may remember keys that were examined before; it must never answer with one that
    /// [`VerifierKey::parse`] refuses.
    fn sound_key(&self, vkey: &str) -> Result<VerifierKey, KeyError> {
        VerifierKey::parse(vkey)
    }

    /// The content of a recorded leaf, if the adapter still has it from when the leaf was applied.
    /// Where it has not, the leaf's bytes are read.
    fn leaf_at(&self, _index: LeafIndex) -> Option<Arc<Leaf>> {
        None
    }
}

/// Reads the bytes of a rule file that is in the state: what [`Tables::rules`] does with them.
pub fn read_rules(bytes: &[u8]) -> Result<Arc<Rules>, Fault> {
    let text = core::str::from_utf8(bytes).ok();
    let rules = text.and_then(|text| Rules::parse(text).ok());
    rules.map(Arc::new).ok_or(Fault::Corrupt {
        table: Table::File,
        what: "the rule file does not parse",
    })
}

impl<T: Tables + ?Sized> Tables for &T {
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        (**self).read(table, key)
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: Visit<'_>) -> Result<(), Fault> {
        (**self).scan(table, prefix, visit)
    }

    fn accepts(&self, key: &VerifierKey, text: &str, line: &SignatureLine) -> bool {
        (**self).accepts(key, text, line)
    }

    fn rules(&self, hash: &Hash) -> Result<Option<Arc<Rules>>, Fault> {
        (**self).rules(hash)
    }

    fn sound_key(&self, vkey: &str) -> Result<VerifierKey, KeyError> {
        (**self).sound_key(vkey)
    }

    fn leaf_at(&self, index: LeafIndex) -> Option<Arc<Leaf>> {
        (**self).leaf_at(index)
    }
}
