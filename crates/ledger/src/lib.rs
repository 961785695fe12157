//! The state machine of a caucus night: what every node does with every command, in the same order
//! and with the same result.
//!
//! ```text
//!                 tables (read only)
//!                       │
//!   Command ────────► apply ────────► Outcome    told to whoever proposed it
//!   at, act                   └─────► Changes    rows to write in one step
//!
//!   act   a signed note, or a manifest with its files
//!   1     intake     parse, known text, election, unit, signers, signatures, id
//!   2     one file a type of note: a column of refusals, then the facts
//!         heads change in `head`, and what follows from it is settled in `assess`
//!   3     the leaf is sealed: its rows, the units it touched and their trails among them, enter
//!         the leaf digest under its index
//!   4     time and refused notes, which have no leaf, enter the side digest
//! ```
//!
//! [`apply()`] is a function. It has no clock, no randomness, no floating point and no order but
//! that of keys; the time in a command is recorded and decides nothing. It judges the exact bytes
//! that were signed, on every node, and believes nothing about them that a proposer did. It does
//! not fail: what is not recorded is a [`Refusal`](caucus::Refusal) inside an [`Outcome`], and a
//! [`Fault`] means that the state itself can not be read.
//!
//! The state is plain rows ([`Table`], [`Tables`]). [`Memory`] holds them in maps, a node's
//! database on disk, [`Overlay`] lays changes over either; [`View`] reads them typed, [`check`]
//! holds them to their invariants, and [`replay()`] makes them again from the leaves alone.
//!
//! There is no consensus here, no disk, no network, and no cosigning: which checkpoints are signed
//! differs by node and time, and is outside the replicated state.
#![cfg_attr(not(test), no_std)]
#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::integer_division
)]

extern crate alloc;

mod apply;
mod assess;
mod attest;
mod changes;
mod close;
mod codec;
mod command;
mod count_again;
mod dispute;
mod draft;
mod examined;
mod gate;
mod hands;
mod head;
mod history;
mod intake;
mod invariant;
mod kept;
mod keys;
mod manifest;
mod memory;
mod outcome;
mod outcome_codec;
mod overlay;
mod prints;
mod replay;
mod review;
mod roster;
mod rows;
mod side;
mod signers;
mod stray;
mod submit;
mod tables;
mod totals;
mod view;

pub use apply::{apply, apply_examined};
pub use changes::{Changes, EMPTY_DIGEST, Row};
pub use close::results_file;
pub use command::{Act, Command, UnixMillis};
pub use dispute::MAX_DISPUTES;
pub use examined::{Examined, KnownKeys};
pub use history::{Deed, UnitChange, UnitState};
pub use invariant::{Broken, check};
pub use memory::Memory;
pub use outcome::{Head, LeafRef, Outcome};
pub use overlay::Overlay;
pub use replay::{Absorb, Replay, ReplayError, replay};
pub use side::KEPT_A_KEY;
pub use submit::MAX_RIVALS;
pub use tables::{Fault, Origin, Table, Tables, Visit, read_rules};
pub use view::{
    AttestStanding, AttestView, CountAgainView, CountKind, Counts, Coverage, DisputeView,
    FindingState, GateView, HeadOrigin, HeadSource, HeldUnits, LeafChange, ManifestVersion, Mark,
    Marks, Membership, OpenUnit, Release, ReleasedResults, RivalStanding, RivalView, SignerView,
    UnitFinding, UnitView, View,
};
