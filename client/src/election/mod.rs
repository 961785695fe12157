//! Making an election: a plan goes in, keys and files come out.
//!
//! ```text
//! Plan ─► make(plan, random, now) ─► Made        pure: no disk, no clock, no network
//! Made ─► write(folder, …)                       the folder that `election new` leaves behind
//! ```
//!
//! All secret keys are made in one place here, which is right for a desk or a rehearsal and wrong
//! for a night that counts: there each holder makes their own, and the authority signs offline.

mod make;
mod plan;
mod recover;
mod shape;
mod size;
mod write;

pub use make::{Error, Files, Made, NodeKeys, UnitKeys, make, make_node};
pub use plan::{NodePlan, Plan};
pub use recover::{RecoverError, Recovering, recovering};
pub use shape::small_roster;
pub use write::{Desk, WriteError, Written, node_config, write, write_node};
