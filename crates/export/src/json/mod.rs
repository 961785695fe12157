//! Our own JSON: everything that is published, under one name that only changes with its meaning.
//!
//! ```text
//! schema        "precinct-tally/results/v1"; within v1 nothing is renamed, taken away or given
//!               another meaning, and readers ignore what they do not know
//! election title issuer day generated build rules_hash
//! mode          "live" or "rehearsal"
//! log           { size, root }: the log this was read from
//! groups        [{ group, name }]
//! areas         [{ level, place, name, within, units, reported, verified, held, withheld,
//!                  percent_reporting, percent_verified,
//!                  results: { reported | recomputed | verified: [row] } }]
//! national      { reported | recomputed | verified: [{ part, group, delegates }] }
//! units         [{ unit, level, name, within, published, standing, marks, findings,
//!                  head: { seq, leaf, leaf_hash } | null,
//!                  figures: { attendees, undecided, groups: [row and recomputed] } | null }]
//!
//! row           { group, first, final, delegates, sde, sde_exact }
//! recomputed    { delegates, sde, sde_exact }
//! ```
//!
//! `sde` and the percentages are numbers with exactly four and two decimals; `sde_exact` is the
//! fraction, for whoever adds them up. Percentages are rounded down: 100.00 is all of them. `figures`
//! is null for a unit that is silent or withheld, and an area in which nothing was counted on a basis
//! has no row there. Lists ascend by id; the same publication gives the same bytes.

mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::{Unit, unit, write};

/// The name of the format.
pub const SCHEMA: &str = "precinct-tally/results/v1";
