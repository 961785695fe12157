//! The whole system on one machine: real `tally-node` processes with real disks, chairs that report to them,
//! and the checks that a stranger would make afterwards. The demo and the cluster tests stand on it.
//!
//! Nothing here looks into a node: it is started, killed and asked through the doors that everybody uses.

pub mod audit;
pub mod chairs;
pub mod cluster;
pub mod demo;
pub mod exports;
pub mod figures;
pub mod history;
pub mod load;
pub mod net;
pub mod ports;
pub mod process;
pub mod program;
pub mod spares;
pub mod stage;
pub mod succession;
pub mod trace;
pub mod volume;
