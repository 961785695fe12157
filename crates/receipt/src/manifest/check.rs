//! What must hold inside one manifest beyond its grammar.
//!
//! These are rules of a text, so breaking one makes the text malformed, with the line named: no
//! ordinal, name or key stands twice, names and types of keys are what their place asks for, and
//! every role has as many keys as its acts need signers.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};

use note::{MAX_SIGNATURES, VerifierKey};

use super::lines::Marks;
use super::{Effect, Manifest, NodeId, NodeLine};
use crate::leaf::Role;
use crate::lines::{Malformed, line_at};

/// The line of `genesis`, which every header has third.
const GENESIS_LINE: u32 = 3;

/// The line of `version`, the first behind the header.
const VERSION_LINE: u32 = 6;

/// How many keys each role needs: as many as its acts need signers.
const NEEDED: [(Role, usize); 6] = [
    (Role::Admin, 2),
    (Role::Authority, 1),
    (Role::Operator, 2),
    (Role::Publisher, 2),
    (Role::Registrar, 2),
    (Role::Reviewer, 2),
];

pub(super) fn sound(manifest: &Manifest, marks: &Marks) -> Result<(), Malformed> {
    first_version(manifest)?;
    let mut seen = Seen::default();
    people(manifest, marks, &mut seen)?;
    machines(manifest, marks, &mut seen)?;
    if manifest.opens > manifest.closes {
        return Err(Malformed::new(
            line_at(marks.opens, 1),
            "it closes before it opens",
        ));
    }
    Ok(())
}

/// Version 1 has neither genesis nor predecessor; every other version has both.
fn first_version(manifest: &Manifest) -> Result<(), Malformed> {
    let first = manifest.version == 1;
    if first != manifest.header.genesis.is_none() {
        return Err(Malformed::new(
            GENESIS_LINE,
            "version 1 says `genesis -`, and it alone",
        ));
    }
    if first != manifest.previous.is_none() {
        let line = line_at(VERSION_LINE, 1);
        return Err(Malformed::new(
            line,
            "version 1 says `previous -`, and it alone",
        ));
    }
    let follows = manifest.effect == Effect::OnceActivated
        || manifest.recovered.is_some()
        || !manifest.lost.is_empty();
    if first && follows {
        let what = "version 1 is no successor and recovers nothing";
        return Err(Malformed::new(VERSION_LINE, what));
    }
    match &manifest.recovered {
        Some(recovered) if recovered.origin == manifest.origin => Err(Malformed::new(
            VERSION_LINE,
            "a recovered log needs a new origin",
        )),
        None if !manifest.lost.is_empty() => Err(Malformed::new(
            VERSION_LINE,
            "`lost` belongs to a recovered log",
        )),
        Some(_) | None => Ok(()),
    }
}

fn people(manifest: &Manifest, marks: &Marks, seen: &mut Seen) -> Result<(), Malformed> {
    let own = format!("{}/", manifest.origin);
    for (below, person) in manifest.keys.iter().enumerate() {
        let line = line_at(marks.keys, below);
        let name = person.key.name();
        if name == manifest.origin.key_name() || name.as_str().starts_with(&own) {
            return Err(Malformed::new(line, "a person's key has a node's name"));
        }
        seen.name(line, &person.key)?;
        seen.key(line, &person.key)?;
    }
    let names: BTreeSet<_> = manifest
        .keys_of(Role::Authority)
        .map(VerifierKey::name)
        .collect();
    let authority_line = marks.keys.saturating_sub(1);
    if !manifest.authority.names.iter().eq(names.iter().copied()) {
        let what = "the names are not those of the keys of role authority";
        return Err(Malformed::new(authority_line, what));
    }
    let all = u64::try_from(names.len()).unwrap_or(u64::MAX);
    if manifest.authority.threshold > all {
        return Err(Malformed::new(
            authority_line,
            "the threshold is above the number of names",
        ));
    }
    for (role, needed) in NEEDED {
        if manifest.keys_of(role).count() < needed {
            let what = format!("role {role} needs at least {needed} keys");
            return Err(Malformed::new(marks.keys, what));
        }
    }
    Ok(())
}

fn machines(manifest: &Manifest, marks: &Marks, seen: &mut Seen) -> Result<(), Malformed> {
    if manifest.nodes.is_empty() {
        return Err(Malformed::new(marks.nodes, "at least one node"));
    }
    // A receipt carries one line of the log and may carry one of each cosigner; verifiers read no
    // more lines than that.
    let lines = manifest
        .nodes
        .len()
        .saturating_add(manifest.witnesses.len())
        .saturating_add(1);
    if lines > MAX_SIGNATURES {
        let what =
            format!("more nodes and witnesses than a checkpoint has lines ({MAX_SIGNATURES})");
        return Err(Malformed::new(marks.nodes, what));
    }
    for (first, list) in [
        (marks.nodes, &manifest.nodes),
        (marks.spares, &manifest.spares),
    ] {
        for (below, node) in list.iter().enumerate() {
            machine(manifest, line_at(first, below), node, seen)?;
        }
    }
    let own = format!("{}/", manifest.origin);
    for (below, witness) in manifest.witnesses.iter().enumerate() {
        let line = line_at(marks.witnesses, below);
        seen.id(line, &witness.id)?;
        seen.name(line, &witness.key)?;
        seen.key(line, &witness.key)?;
        let name = witness.key.name();
        if name == manifest.origin.key_name() || name.as_str().starts_with(&own) {
            return Err(Malformed::new(line, "an outside witness has a node's name"));
        }
    }
    Ok(())
}

fn machine(
    manifest: &Manifest,
    line: u32,
    node: &NodeLine,
    seen: &mut Seen,
) -> Result<(), Malformed> {
    if !seen.ordinals.insert(node.ordinal) {
        return Err(Malformed::new(
            line,
            format!("ordinal {} stands twice", node.ordinal),
        ));
    }
    seen.id(line, &node.id)?;
    if node.log.name() != manifest.origin.key_name() {
        let what = format!("the log key must be named `{}`", manifest.origin);
        return Err(Malformed::new(line, what));
    }
    let name = format!("{}/{}", manifest.origin, node.id);
    if node.cosigner.name().as_str() != name {
        return Err(Malformed::new(
            line,
            format!("the cosigner key must be named `{name}`"),
        ));
    }
    // The log keys of all nodes share the origin as their name; cosigners' names are their own.
    seen.name(line, &node.cosigner)?;
    seen.key(line, &node.log)?;
    seen.key(line, &node.cosigner)
}

/// What stood on an earlier line.
#[derive(Default)]
struct Seen {
    ordinals: BTreeSet<u64>,
    ids: BTreeSet<String>,
    names: BTreeSet<String>,
    keys: BTreeSet<[u8; 32]>,
}

impl Seen {
    fn id(&mut self, line: u32, id: &NodeId) -> Result<(), Malformed> {
        if self.ids.insert(id.to_string()) {
            return Ok(());
        }
        Err(Malformed::new(line, format!("the id `{id}` stands twice")))
    }

    fn name(&mut self, line: u32, key: &VerifierKey) -> Result<(), Malformed> {
        if self.names.insert(key.name().to_string()) {
            return Ok(());
        }
        Err(Malformed::new(
            line,
            format!("the key name `{}` stands twice", key.name()),
        ))
    }

    /// One key, one place: a key that signed in two roles would be two signers.
    fn key(&mut self, line: u32, key: &VerifierKey) -> Result<(), Malformed> {
        if self.keys.insert(*key.public_bytes()) {
            return Ok(());
        }
        Err(Malformed::new(
            line,
            format!("the key of `{}` stands twice", key.name()),
        ))
    }
}
