//! NIST SP 1500-100 version 2, the common data format of election results, as JSON.
//!
//! The standard knows elections, not caucuses. This is how ours is put into it:
//!
//! ```text
//! GpUnit        gp-state of gp-county-<id> and gp-pool-<id>, these of gp-unit-<id>; a district
//!               gp-district-<id> is the same counties and pools once more, beside the state's own
//!               list, so that nothing is summed twice on the way up
//! Candidate     cand-<group>; one contest, contest-preference, with one sel-<group> each
//! VoteCounts    Type other and an OtherType, one cell a group, place and set:
//!                 first-alignment (Round 1), final-alignment (Round 2), county-delegates: whole
//!                 numbers; state-delegate-equivalents: four decimals
//! BallotCounts  Type other, OtherType attendees; a unit's VotersParticipated says the same
//! CountStatus   of a unit: total and the four sets are completed when its figures are in the file,
//!               not-processed before it has reported, in-process while they are withheld, which
//!               `withheld` says; second-entry is completed when it is verified; under-review is
//!               in-process while it is held; corrected, disputed, recanvassed, recounted and late
//!               stand there when they are so
//! SubUnits…     of an area: units, and those completed: percent reporting, never percent verified
//! Status        unofficial-partial until every unit is completed; then recount or correction if a
//!               unit was recounted or corrected, else unofficial-complete
//! ```
//!
//! Nothing is of Type `total`, so no reader takes one of the sets for *the* vote. The figures are
//! those reported; the other bases have no place here. The file is a view: the receipts' hashes stand
//! beside the units, the log's root beside the whole, and the evidence is in the log.
//!
//! Equivalents are rounded at each place from the exact sum. So a parent may differ from the sum of
//! its children's decimals by half a ten-thousandth for each of them and for itself; the checker
//! allows that and no more, and for whole numbers nothing.

mod check;
mod file;
mod read;
mod shape;
mod walk;
mod write;

pub use check::{Problem, ProblemKind, check};
pub(crate) use read::read;
pub(crate) use write::write;

use crate::publication::Set;

const RECEIPT: &str = "submission-receipt-sha256";
const LEAF: &str = "log-leaf-index";
const SEQ: &str = "sheet-version";
const LOG_SIZE: &str = "log-size";
const LOG_ROOT: &str = "log-root-sha256";
const ELECTION: &str = "election-id";
const ATTENDEES: &str = "attendees";
const SATELLITE: &str = "satellite-caucus";
const POOL: &str = "satellite-pool";
const REHEARSAL: &str = "REHEARSAL: ";

/// The name of a set as an `OtherType`.
const fn other_type(set: Set) -> &'static str {
    match set {
        Set::First => "first-alignment",
        Set::Final => "final-alignment",
        Set::Delegates => "county-delegates",
        Set::Sde => "state-delegate-equivalents",
    }
}
