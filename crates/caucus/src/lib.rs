//! The rules of a caucus night, and nothing else.
//!
//! People sign in at one site (a *unit*: a precinct or a satellite) and are counted: the *attendees*.
//! They stand in preference *groups*: the *first alignment*. A group of at least the *viability
//! threshold* is locked; everybody else may move once: the *final alignment*. The unit's *delegates*
//! are shared among the viable groups in proportion, and a *tie* that the arithmetic leaves open is
//! settled by coin or straws. Each delegate is worth a fraction of a *state delegate equivalent*, and
//! the fractions are added up by county, by satellite pool and for the state.
//!
//! This crate holds those rules ([`threshold`], [`award`], [`Sde`], [`Totals`]), what a chair's sheet
//! may say ([`RawWorksheet`] is checked into [`Worksheet`], [`findings`] says what contradicts the rules),
//! and the three files fixed before the night: [`Rules`], [`Roster`] and [`Roll`], each a grammar of
//! lines whose ABNF stands at the head of its file. Rule numbers (R1 to R13) in the comments are those
//! of the 2020 Iowa rules:
//!
//! ```text
//! R1  attendance comes first and never changes      R6  too many delegates: smallest rounded-up part loses
//! R2  the threshold is rounded up                   R7  too few: the largest rounded-down part gains
//! R3  viable groups are locked                      R8  one delegate: the whole room elects, no groups
//! R4  no more viable groups than delegates          R9  satellites: delegates and worth by attendance
//! R5  members x delegates / attendees, at least 1   R10 precincts: worth by the county's ratio
//! R11 sums by county, pool and state                R13 the reported figure stands beside the computed one
//! ```
//!
//! Every figure is an integer or an exact fraction. There is no floating point, no clock, no
//! randomness, no file and no network here; what a chair writes is never altered, only judged.
#![cfg_attr(not(test), no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::float_arithmetic,
        clippy::arithmetic_side_effects,
        clippy::integer_division
    )
)]

extern crate alloc;

mod alignment;
mod basis;
mod count;
mod cross;
mod delegates;
mod finding;
mod findings;
mod id;
mod iowa;
mod lines;
mod national;
mod outlook;
mod published;
mod recomputed;
mod refusal;
mod results;
mod roll;
mod roster;
mod rules;
mod scale;
mod sde;
mod standing;
mod steps;
mod totals;
mod viability;
mod worked;
mod worksheet;

pub use alignment::{FinalAlignment, FirstAlignment, RecomputedAward, Reported};
pub use basis::{Basis, BasisSheet};
pub use count::{Delegates, MAX_WRITTEN, People, parse_number};
pub use cross::{Difference, Prints, differences, silent_while_neighbours_report};
pub use delegates::{Award, TieToBreak, award, delegates_to_elect, permitted};
pub use finding::{Cell, Column, Finding, FindingCode, Severity};
pub use findings::findings;
pub use id::{
    BadToken, CountyId, DistrictId, ElectionId, GroupId, PoolId, SubmissionId, TOKEN_MAX, UnitId,
};
pub use lines::LineError;
pub use national::{Allocation, NationalDelegates, OpenSeats, national};
pub use outlook::{
    Contest, Decision, Dispute, OpenKind, OpenQuestion, OpenSizes, Outlook, Rival, UnitState,
    outlook,
};
pub use published::{
    PublishedFigure, PublishedRow, PublishedSite, RoundedSde, changed_after_publication,
    published_county, published_empty, published_pool, published_precinct, published_site,
};
pub use recomputed::{Recomputed, recomputed};
pub use refusal::Refusal;
pub use results::{ResultRow, Results, unit_sdes};
pub use roll::{Roll, RollEntry, RollKind, Slot};
pub use roster::{County, Kind, MAX_DELEGATES, Roster, Unit};
pub use rules::{
    Group, Half, MAX_GROUPS, National, Pool, Rounding, Rules, SatelliteStep, Share, ViabilityRule,
    ViabilityStep,
};
pub use scale::{Ratio, Scale, Scaled};
pub use sde::{Sde, percent};
pub use standing::Standing;
pub use steps::{Part, Step};
pub use totals::{
    CountyTotal, FinalTotal, FirstTotal, GroupTotal, PoolTotal, PoolWeight, PrecinctsTotal, Sign,
    Totals, TotalsError,
};
pub use viability::{Threshold, Viability, threshold};
pub use worked::worked;
pub use worksheet::{
    BadTie, Chance, MAX_TIES, Problem, RawRow, RawTie, RawWorksheet, Tie, TieKind, Worksheet,
};
