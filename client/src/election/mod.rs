//! Making an election: a plan goes in, keys and files come out.
//!
//! ```text
//! Plan ─► make(plan, random, now) ─► Made        pure: no disk, no clock, no network
//! Made ─► write(folder, …)                       the folder that `election new` leaves behind
//! ```
//!
//! All secret keys are made in one place there, which is right for a desk or a rehearsal and wrong
//! for a night that counts: there each holder makes their own, and the authority signs offline.
//!
//! ```text
//! Parts ─► draft(parts, before, …) ─► Draft      the unsigned text of a version, and its files
//! Manifest ─► successors(before, deep, …)        the versions that wait for a node to be lost
//! ```

mod differences;
mod draft;
mod make;
mod plan;
mod promote;
mod recover;
mod shape;
mod size;
mod successors;
mod write;

pub use differences::differences;
pub use draft::{Before, Draft, Parts, check_files, draft};
pub use make::{
    Error, Files, Made, Names, NodeKeys, UnitKeys, make, make_for, make_node, make_roll, make_units,
};
pub use plan::{NodePlan, Plan, WitnessPlan};
pub use promote::{carried_over, names_of};
pub use recover::{RecoverError, Recovering, recovering};
pub use shape::small_roster;
pub use successors::{Successor, successors};
pub use write::{
    Desk, WriteError, Written, node_config, write, write_chairs, write_draft, write_node,
};
