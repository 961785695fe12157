//! Who signed the report.
//!
//! The keys known here are those of the manifest and roll in force at the report's leaf. A key
//! enrolled on the night stands in a leaf of its own, which a bundle need not have: then this says
//! so and does not guess.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use caucus::{Slot, UnitId};
use note::{KeyName, SignatureLine, SignedNote, VerifierKey};

use super::entry::Read;
use super::{Check, CheckName, Claim, Reason};
use crate::election::{Election, Version};
use crate::leaf::{Leaf, Place, Role, Signers};

/// Who signed a report, as far as a bundle can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// Every signature is of a key that the bundle knows, verifies, and may sign this. Empty for
    /// derived totals, which nobody signs.
    Known(Vec<Signatory>),
    /// A key is not in the bundle; it may have been enrolled on the night.
    NotKnown {
        /// The first such key.
        name: Option<KeyName>,
    },
}

/// One who signed a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatory {
    /// The key's name.
    pub name: KeyName,
    /// A unit's slot, or a role of headquarters.
    pub place: Place,
}

pub(super) struct Examined {
    pub(super) check: Check,
    pub(super) author: Author,
}

pub(super) fn examine(read: &Read, election: &Election, claim: &Claim<'_>) -> Examined {
    let unknown = Author::NotKnown { name: None };
    let (Some(leaf), note) = (&read.leaf, &read.note) else {
        let check = Check::not_checked(
            CheckName::Author,
            "Not checked: there is no report to look at.",
        );
        return Examined {
            check,
            author: unknown,
        };
    };
    let Some(note) = note else {
        let sentence = "Nobody signs derived totals: the nodes compute them, and so can anyone.";
        let check = Check::passed(CheckName::Author, sentence);
        return Examined {
            check,
            author: Author::Known(Vec::new()),
        };
    };
    let version = election
        .in_force_at_leaf(claim.checkpoint.checkpoint(), claim.index)
        .unwrap_or_else(|| election.latest());
    match signatories(leaf, note, election, version) {
        Ok(Author::Known(people)) => {
            let names: Vec<_> = people
                .iter()
                .map(|person| describe(&person.place))
                .collect();
            let sentence = format!("Signed by {}.", names.join(" and "));
            let check = Check::passed(CheckName::Author, sentence);
            Examined {
                check,
                author: Author::Known(people),
            }
        }
        Ok(Author::NotKnown { name }) => {
            let number = version.manifest().version;
            let sentence = match &name {
                Some(key) => format!(
                    "Not checked: the key `{key}` is not in manifest {number} or its roll. It may have been enrolled later, and the receipt of that is not at hand."
                ),
                None => "Not checked: the manifest that names its signers is not in this bundle."
                    .to_string(),
            };
            let check = Check::not_checked(CheckName::Author, sentence);
            Examined {
                check,
                author: Author::NotKnown { name },
            }
        }
        Err(reason) => {
            let sentence = format!("The report's signatures do not hold: {reason}.");
            let check = Check::failed(CheckName::Author, reason, sentence);
            Examined {
                check,
                author: unknown,
            }
        }
    }
}

fn signatories(
    leaf: &Leaf,
    note: &SignedNote,
    election: &Election,
    version: &Version,
) -> Result<Author, Reason> {
    let rule = leaf.signers();
    let got = note.signatures().len();
    if !(rule.least()..=rule.most()).contains(&got) {
        return Err(Reason::WrongCount { got });
    }
    // A manifest is signed by the authority of the version before it, whichever is in force.
    let version = match leaf.manifest().map(|manifest| manifest.previous) {
        None => version,
        Some(None) => election.first(),
        Some(Some(previous)) => match election.version_of(&previous) {
            Some(before) => before,
            None => return Ok(Author::NotKnown { name: None }),
        },
    };
    let mut people = Vec::new();
    let mut stranger = None;
    for line in note.signatures() {
        match known(version, line) {
            None => stranger = stranger.or_else(|| Some(line.name.clone())),
            Some((place, key)) => {
                if !rule.allows(leaf.unit(), &place) {
                    return Err(Reason::WrongSigner {
                        name: line.name.clone(),
                    });
                }
                if !key.verifies(note.text(), line) {
                    return Err(Reason::BadSignature {
                        name: line.name.clone(),
                    });
                }
                people.push(Signatory {
                    name: line.name.clone(),
                    place,
                });
            }
        }
    }
    if let Some(name) = stranger {
        return Ok(Author::NotKnown { name: Some(name) });
    }
    let authority = version.manifest().authority.threshold;
    let enough = u64::try_from(people.len()).unwrap_or(u64::MAX) >= authority;
    if rule == Signers::Authority && !enough {
        return Err(Reason::WrongCount { got });
    }
    Ok(Author::Known(people))
}

/// The key that a line claims, if this version's manifest or roll has it.
fn known(version: &Version, line: &SignatureLine) -> Option<(Place, VerifierKey)> {
    let manifest = version.manifest();
    let person = manifest.keys.iter().find(|person| person.key.claims(line));
    if let Some(person) = person {
        return Some((Place::Role(person.role), person.key.clone()));
    }
    let rest = line
        .name
        .as_str()
        .strip_prefix(manifest.header.election.as_str())?;
    let (unit, slot) = rest.strip_prefix('/')?.split_once('/')?;
    let (unit, slot) = (UnitId::parse(unit).ok()?, Slot::parse(slot)?);
    let key = version
        .chair_key(&unit, slot)
        .filter(|key| key.claims(line))?;
    Some((Place::Slot { unit, slot }, key))
}

fn describe(place: &Place) -> String {
    match place {
        Place::Slot {
            unit,
            slot: Slot::A,
        } => format!("the chair of unit {unit}"),
        Place::Slot {
            unit,
            slot: Slot::B,
        } => {
            format!("the chair of unit {unit}, with the sealed spare key")
        }
        Place::Slot {
            unit,
            slot: Slot::S,
        } => format!("the secretary of unit {unit}"),
        Place::Role(Role::Admin) => "an administrator".into(),
        Place::Role(Role::Authority) => "the election's authority".into(),
        Place::Role(Role::Observer) => "an observer".into(),
        Place::Role(Role::Operator) => "an operator".into(),
        Place::Role(Role::Publisher) => "a publisher".into(),
        Place::Role(Role::Registrar) => "a registrar".into(),
        Place::Role(Role::Reviewer) => "a reviewer".into(),
    }
}
