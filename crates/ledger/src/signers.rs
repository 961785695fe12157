//! Who must sign what, and whether they have: steps 5 and 6 of the order of refusals.
//!
//! ```text
//! manifest                          t authority keys of the version in force (version 1: its own)
//! submission                        one chair's key of its unit, a or b
//! submission with a channel         two operators
//! attest                            one operator, or the unit's secretary
//! review, answer                    one reviewer
//! dispute                           one observer
//! recanvass, recount                two reviewers
//! publish, hold, close              two publishers
//! void, enrol, revoke, roster       two registrars
//! activate                          two admins
//! ```
//! Every signature line must be of an active key of the role. A surplus line that is not refuses
//! the note; its text may be signed anew.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use caucus::{Refusal, Slot};
use note::{SignedNote, VerifierKey};
use receipt::leaf::{Leaf, Role};
use receipt::Manifest;

use crate::intake::Stop;
use crate::rows::{self, KeyRef, KeyRow, Office, Signer, Tenure};
use crate::tables::{Fault, Table, Tables};

/// How many hands of which offices a note needs.
#[derive(Debug)]
struct Required {
    /// Each signer holds one of these.
    offices: Vec<Office>,
    /// Signers of the note: at least so many.
    least: u64,
    /// And at most so many.
    most: u64,
}

impl Required {
    fn at_least(least: u64, role: Role) -> Self {
        Self { offices: vec![Office::Role(role)], least, most: u64::MAX }
    }

    fn one_of(offices: Vec<Office>) -> Self {
        Self { offices, least: 1, most: 1 }
    }
}

/// Checks the signers of a note and answers with who they are, in the note's order. `first` is the
/// manifest that makes the election, which is signed by its own authority.
pub(crate) fn check<T: Tables>(
    tables: &T,
    note: &SignedNote,
    leaf: &Leaf,
    first: Option<&Manifest>,
) -> Result<Vec<Signer>, Stop> {
    let known = match first {
        Some(manifest) => Known::Manifest(authority_of(manifest)),
        None => Known::Tables(tables),
    };
    let required = required(tables, leaf)?;
    let refs: Vec<KeyRef> = note
        .signatures()
        .iter()
        .map(|line| KeyRef { id: line.id, name: line.name.clone() })
        .collect();
    let mut keys = Vec::with_capacity(refs.len());
    for key in &refs {
        keys.push(known.key(key)?.ok_or(Refusal::UnknownKey)?);
    }
    // A note has few lines and no key twice, so this counts hands.
    let got = u64::try_from(keys.len()).unwrap_or(u64::MAX);
    if keys.iter().any(|key| best_tenure(key, &required.offices).is_none())
        || got > required.most
    {
        return Err(Refusal::WrongRole.into());
    }
    if got < required.least {
        let narrow = |count| u32::try_from(count).unwrap_or(u32::MAX);
        return Err(Refusal::TooFewSigners { need: narrow(required.least), got: narrow(got) }.into());
    }
    if keys.iter().any(|key| !may_sign(key, &required.offices)) {
        return Err(Refusal::RevokedKey.into());
    }
    for (key, line) in keys.iter().zip(note.signatures()) {
        let verifier = VerifierKey::parse(&key.vkey)
            .map_err(|_| Fault::Corrupt { table: Table::Key, what: "a key that does not parse" })?;
        if !tables.accepts(&verifier, note.text(), line) {
            return Err(Refusal::BadSignature.into());
        }
    }
    let signers = refs.into_iter().zip(&keys).map(|(key, row)| Signer {
        slot: slot_among(row, &required.offices),
        key,
    });
    Ok(signers.collect())
}

/// Where a signer's key is looked up.
enum Known<'a, T> {
    Tables(&'a T),
    Manifest(BTreeMap<KeyRef, KeyRow>),
}

impl<T: Tables> Known<'_, T> {
    fn key(&self, key: &KeyRef) -> Result<Option<KeyRow>, Fault> {
        match self {
            Self::Tables(tables) => rows::key(*tables, key),
            Self::Manifest(keys) => Ok(keys.get(key).cloned()),
        }
    }
}

fn authority_of(manifest: &Manifest) -> BTreeMap<KeyRef, KeyRow> {
    manifest
        .keys_of(Role::Authority)
        .map(|key| {
            let mut row = KeyRow::new(key.to_string());
            row.grant_office(Office::Role(Role::Authority));
            (KeyRef::of(key), row)
        })
        .collect()
}

/// The best standing this key has in one of the offices; none if it never held one.
fn best_tenure(key: &KeyRow, offices: &[Office]) -> Option<Tenure> {
    let held = offices.iter().filter_map(|office| key.grant(office)).map(|grant| grant.tenure);
    held.min()
}

/// The slot under which the key signs, if it is a chair's or secretary's.
fn slot_among(key: &KeyRow, offices: &[Office]) -> Option<Slot> {
    let held = offices.iter().filter_map(|office| key.grant(office));
    match &held.min_by_key(|grant| grant.tenure)?.office {
        Office::Unit(_, slot) => Some(*slot),
        Office::Role(_) => None,
    }
}

/// A suspended chair may still sign: the report is recorded, as a rival.
fn may_sign(key: &KeyRow, offices: &[Office]) -> bool {
    key.revoked.is_none()
        && match best_tenure(key, offices) {
            Some(Tenure::Active | Tenure::Suspended) => true,
            Some(Tenure::Ended) | None => false,
        }
}

fn required<T: Tables>(tables: &T, leaf: &Leaf) -> Result<Required, Fault> {
    Ok(match leaf {
        Leaf::Manifest(manifest) => {
            // The version before decides how many of its authority must sign.
            let threshold = match rows::manifest_in_force(tables)? {
                Some(in_force) => in_force.authority.threshold,
                None => manifest.authority.threshold,
            };
            Required::at_least(threshold, Role::Authority)
        }
        Leaf::Submission(submission) if submission.channel.is_some() => {
            Required::at_least(2, Role::Operator)
        }
        Leaf::Submission(submission) => Required::one_of(vec![
            Office::Unit(submission.unit.clone(), Slot::A),
            Office::Unit(submission.unit.clone(), Slot::B),
        ]),
        Leaf::Attest(attest) => Required::one_of(vec![
            Office::Role(Role::Operator),
            Office::Unit(attest.unit.clone(), Slot::S),
        ]),
        Leaf::Review(_) | Leaf::Answer(_) => Required::at_least(1, Role::Reviewer),
        Leaf::Dispute(_) => Required::at_least(1, Role::Observer),
        Leaf::Recanvass(_) | Leaf::Recount(_) => Required::at_least(2, Role::Reviewer),
        Leaf::Publish(_) | Leaf::Hold(_) | Leaf::Close(_) => {
            Required::at_least(2, Role::Publisher)
        }
        Leaf::Void(_) | Leaf::Enrol(_) | Leaf::Revoke(_) | Leaf::Roster(_) => {
            Required::at_least(2, Role::Registrar)
        }
        Leaf::Activate(_) => Required::at_least(2, Role::Admin),
        // Nobody holds an office that signs totals.
        Leaf::Totals(_) => Required::one_of(Vec::new()),
    })
}
