//! Which signatures on a checkpoint are enough: C2SP `tlog-policy` files, read, written and
//! evaluated.
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> all|any|<k> <name>...      names defined above, each in one group at most
//! quorum <name>|none                      exactly one
//! ```
//!
//! Items are separated by spaces and tabs; empty lines and lines that begin with `#` are ignored.
//! Which policy an election has follows from its manifest: [`Policy::receipt_for`] and
//! [`Policy::final_for`]. The files exist so that tools of others can check the same rule.

mod derive;
mod parse;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use note::{SignatureLine, SignedCheckpoint, UnixSeconds, VerifierKey};

/// Trusted keys and how many of them must have signed.
///
/// INVARIANT: names are unique, members and the quorum are defined above their use, no public key
/// stands twice among logs or among witnesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Quorum,
}

/// A log whose checkpoints count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key; the key's name is the log's origin.
    pub key: VerifierKey,
    /// Where it is reached, if the file says so. Nothing here uses it.
    pub url: Option<String>,
}

/// A witness that may be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWitness {
    /// What the file calls it.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Where it is reached, if the file says so. Nothing here uses it.
    pub url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    needed: Needed,
    members: Vec<String>,
}

/// How many members of a group are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    All,
    Any,
    Count(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Quorum {
    /// The log's own signature is enough.
    NoWitness,
    Named(String),
}

/// What the lines of a checkpoint amount to under one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// Log keys whose signature verifies.
    pub logs: BTreeSet<VerifierKey>,
    /// Witnesses whose cosignature verifies, by the policy's names, and when they signed.
    pub witnesses: BTreeMap<String, UnixSeconds>,
    /// Lines of keys that the policy names and that do not verify.
    pub failing: Vec<SignatureLine>,
    /// Lines of keys that the policy does not name.
    pub unknown: Vec<SignatureLine>,
    /// Whether a log signed and the quorum is met. Failing lines do not count either way.
    pub met: bool,
}

impl Policy {
    /// The logs.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Verifies every line of the checkpoint against the keys named here. A key is counted once,
    /// however many lines it has.
    pub fn evaluate(&self, signed: &SignedCheckpoint) -> Evaluation {
        let checkpoint = signed.checkpoint();
        let text = checkpoint.text();
        let mut evaluation = Evaluation {
            logs: BTreeSet::new(),
            witnesses: BTreeMap::new(),
            failing: Vec::new(),
            unknown: Vec::new(),
            met: false,
        };
        for line in signed.lines() {
            if let Some(log) = self.logs.iter().find(|log| log.key.claims(line)) {
                let own = log.key.name() == checkpoint.origin.key_name();
                if own && log.key.verifies(&text, line) {
                    evaluation.logs.insert(log.key.clone());
                } else {
                    evaluation.failing.push(line.clone());
                }
            } else if let Some(witness) = self.witnesses.iter().find(|it| it.key.claims(line)) {
                match witness.key.verify_cosignature(checkpoint, line) {
                    Some(time) => {
                        evaluation.witnesses.insert(witness.name.clone(), time);
                    }
                    None => evaluation.failing.push(line.clone()),
                }
            } else {
                evaluation.unknown.push(line.clone());
            }
        }
        let signed_by: BTreeSet<&str> = evaluation.witnesses.keys().map(String::as_str).collect();
        let log_signed = self.logs.is_empty() || !evaluation.logs.is_empty();
        evaluation.met = log_signed && self.quorum_met(&signed_by);
        evaluation
    }

    /// Whether the checkpoint is good enough: a log signed, the quorum is met, and no line of a
    /// key named here fails.
    pub fn satisfied(&self, signed: &SignedCheckpoint) -> bool {
        let evaluation = self.evaluate(signed);
        evaluation.met && evaluation.failing.is_empty()
    }

    /// Whether these witnesses, by the policy's names, are a quorum.
    pub fn quorum_met(&self, signed_by: &BTreeSet<&str>) -> bool {
        let witnesses = self.witnesses.iter().map(|witness| witness.name.as_str());
        let mut met: BTreeSet<&str> = witnesses.filter(|name| signed_by.contains(name)).collect();
        // Members stand above their group, so one pass in the file's order settles them all.
        for group in &self.groups {
            let present = group
                .members
                .iter()
                .filter(|name| met.contains(name.as_str()))
                .count();
            if present >= group.threshold() {
                met.insert(&group.name);
            }
        }
        match &self.quorum {
            Quorum::NoWitness => true,
            Quorum::Named(name) => met.contains(name.as_str()),
        }
    }
}

impl Group {
    fn threshold(&self) -> usize {
        match self.needed {
            Needed::All => self.members.len(),
            Needed::Any => 1,
            Needed::Count(count) => count,
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_keys(f)?;
        for group in &self.groups {
            write!(f, "{group}")?;
        }
        match &self.quorum {
            Quorum::NoWitness => writeln!(f, "quorum none"),
            Quorum::Named(name) => writeln!(f, "quorum {name}"),
        }
    }
}

impl Policy {
    fn write_keys(&self, f: &mut impl fmt::Write) -> fmt::Result {
        for log in &self.logs {
            write!(f, "log {}", log.key)?;
            write_url(f, log.url.as_deref())?;
        }
        for witness in &self.witnesses {
            write!(f, "witness {} {}", witness.name, witness.key)?;
            write_url(f, witness.url.as_deref())?;
        }
        Ok(())
    }
}

fn write_url(f: &mut impl fmt::Write, url: Option<&str>) -> fmt::Result {
    match url {
        Some(url) => writeln!(f, " {url}"),
        None => writeln!(f),
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {} ", self.name)?;
        match self.needed {
            Needed::All => write!(f, "all")?,
            Needed::Any => write!(f, "any")?,
            Needed::Count(count) => write!(f, "{count}")?,
        }
        for member in &self.members {
            write!(f, " {member}")?;
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests;
