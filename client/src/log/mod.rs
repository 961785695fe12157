//! The public log outside the cluster: a folder that holds all of it, and what can be held against
//! a cluster with it.
//!
//! ```text
//! source      where a log is read: a node over gRPC, a web server that has tiles
//! archive     a log and its bundle written into a folder, or continued there
//! about       what the folder says of itself to people
//! folder      the folder: its files, by the paths of c2sp.org/tlog-tiles
//! hashes      the tree over leaves that were read, and the contents of its tiles
//! examine     files of leaves read and every signature verified, on all cores
//! state       what the rules lead to, without holding the leaves in memory
//! ids         its largest table, kept small: which signer used which id
//! packed      the bundle of a folder, each file held against the log
//! verify      a folder judged: tiles, bundle, signatures, rules, totals, checkpoint
//! monitor     the checkpoints of many nodes and witnesses held against one tree
//! ```
//!
//! The folder is
//!
//! ```text
//! checkpoint               the newest checkpoint that enough nodes cosigned
//! tile/<L>/<N>[.p/<W>]     hashes
//! tile/entries/<N>[.p/<W>] the leaves' own bytes
//! bundle/                  manifests, their receipts, roster, rules, roll, policies
//! index.html, README.txt   what it is; nothing is derived from them
//! ```
//!
//! Any web server can serve it, and it verifies when the cluster is gone. What a source says is
//! believed only as far as a checkpoint that satisfies the election's policy covers it.

mod about;
pub mod archive;
mod examine;
pub mod folder;
pub mod hashes;
mod ids;
pub mod monitor;
pub mod packed;
pub mod source;
mod state;
pub mod verify;
