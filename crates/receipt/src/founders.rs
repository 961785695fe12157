//! The members that a cluster begins with, as the one hash that an order names them by.
//!
//! ```abnf
//! founders = %s"tally/founders/v1" LF 1*founder  ; by ordinal, ascending
//! founder  = ordinal SP name SP incarnation SP address SP address LF   ; peers', public API
//! ```
//! No field holds a space or a line feed; whoever reads them from a message has seen to that.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt::Write as _;

use merkle::{Hash, sha256};

/// One member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Founder<'f> {
    /// The ordinal of its line in the manifest.
    pub ordinal: u64,
    /// Its id there.
    pub name: &'f str,
    /// The life of its data directory, 32 lower-case hexadecimal digits.
    pub incarnation: &'f str,
    /// Where the other nodes reach it.
    pub peer_address: &'f str,
    /// Where clients reach it.
    pub api_address: &'f str,
}

/// SHA-256 over all of them, in whatever order they are given.
pub fn founders_hash<'f>(founders: impl IntoIterator<Item = Founder<'f>>) -> Hash {
    let founders: BTreeMap<u64, Founder<'f>> = founders
        .into_iter()
        .map(|founder| (founder.ordinal, founder))
        .collect();
    let mut text = String::from("tally/founders/v1\n");
    for founder in founders.values() {
        let Founder {
            ordinal,
            name,
            incarnation,
            peer_address,
            api_address,
        } = founder;
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{ordinal} {name} {incarnation} {peer_address} {api_address}"
        );
    }
    sha256(text.as_bytes())
}
