//! The published releases again, as the notes that chairs and headquarters would have signed.
//!
//! ```text
//! keys      the development election's keys: from its folder, or just made
//! desk      signs a note and applies it in memory; its head is there for the next one
//! releases  six releases in order: each adds units, and the totals are held against the published
//! seventh   a generated release: every act that can change a figure, from a seed
//! ```
//!
//! A note's hash does not depend on where in a log it stands, so the notes that were applied here in
//! memory are sent to a cluster as they are, in the same order.

mod amendments;
mod desk;
mod keys;
mod releases;
mod seventh;
mod sheets;

pub use desk::{Desk, Noted, Standings};
pub use keys::Keys;
pub use releases::{Mismatch, release};
pub use seventh::seventh;

use caucus::{Refusal, UnitId};
use note::NoteError;
use receipt::leaf::Role;

/// Why a replay ends early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key is missing: the election is of another roster, or another tool's.
    #[error("the election has no key of unit `{0}`; make one with --releases")]
    NoUnit(UnitId),
    /// Too few people of a role.
    #[error("the election has too few keys of role `{0}`")]
    TooFew(Role),
    /// No unit is left for an act of the generated release.
    #[error("the releases have too few units for the generated one; it needs forty precincts")]
    TooSmall,
    /// A note cannot be written.
    #[error("write a note")]
    Note(#[from] NoteError),
    /// The state machine refused what was generated.
    #[error("{what} of {about} was refused: {refusal}")]
    Refused {
        /// What was done.
        what: &'static str,
        /// About which unit, or `the contest`.
        about: String,
        /// Why.
        refusal: Refusal,
    },
    /// The state in memory cannot be read.
    #[error("read the state in memory")]
    Fault(#[from] ledger::Fault),
    /// Totals cannot be added up.
    #[error("add up the totals")]
    Totals(#[from] caucus::TotalsError),
    /// The leaves do not lead to the state that they were recorded with.
    #[error("recompute the state from its leaves")]
    Replay(#[from] ledger::ReplayError),
    /// A key file is missing or damaged.
    #[error("read `{path}`: {why}")]
    Key {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}
