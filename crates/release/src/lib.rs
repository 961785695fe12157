//! Published releases of results as files: read, checked and compared.
//!
//! ```text
//! precincts.csv   precinct_id, county, county_fips, congressional_district, kind, code, …, name, delegates, …, published_batch_utc
//! counties.csv    county, county_fips, congressional_district, …, county_convention_delegates, state_delegates, …
//! snapshots/…     precinct_id, county, code, candidate, first_alignment, final_alignment, sde, [attendees]
//! ```
//!
//! [`Places`] are the first two files, a [`Snapshot`] is one of the third, and a [`Series`] is all of
//! them in the order of their numbers with what each adds and changes. Columns are found by name and
//! may stand in any order; columns that are not named above are left alone. What does not fit is a
//! [`ReleaseError`] that names file, line and field and says what to do.
//!
//! A release holds less than a chair reports; [`Sheets`] infers the rest. Attendance was never
//! published: a unit's first alignment stands in for it (its final one, where the first is empty),
//! except where a satellite's published equivalents are those of another head count. Delegates were
//! published only as equivalents: the nearest whole number of them is taken. Coins were not published
//! at all, so sheets with ties lack their records.
//!
//! Nothing here judges a sheet: that is for `caucus`. Nothing here is a float.

mod arrivals;
mod audit;
mod error;
mod places;
mod pools;
mod published;
mod series;
mod sheets;
mod snapshot;
mod table;
mod worth;

pub use arrivals::{Arrival, Stamp, arrivals};
pub use audit::{Audit, Part, Population, Reproduction, Subject, Tripped, Worth};
pub use error::{Place, ReleaseError, Wrong};
pub use places::{Places, Sited};
pub use published::Published;
pub use series::{Series, Step, numbered};
pub use sheets::Sheets;
pub use snapshot::Snapshot;
