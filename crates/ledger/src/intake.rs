//! What every note has to pass before its type is asked: steps 1 to 7 of the order of refusals.
//! From step 7 on the note is authentic, and what is refused is kept.
//!
//! ```text
//! 1  too_large, malformed
//! 2  its text is a leaf already: that leaf again, whatever has become of the key
//! 3  wrong_election (before the first manifest: no_manifest)
//! 4  unknown_unit
//! 5  unknown_key, wrong_role, too_few_signers, revoked_key
//! 6  bad_signature
//! 7  id_reuse
//! ```
//! Steps 8 to 11 are the type's own and stand in its file.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use caucus::{Refusal, SubmissionId, UnitId};
use merkle::{Hash, LeafHash};
use note::{SignedNote, b64};
use receipt::Manifest;
use receipt::leaf::{Leaf, Place, Scope};

use crate::examined::{Examined, ReadNote};
use crate::outcome::LeafRef;
use crate::rows::{self, Signer};
use crate::signers;
use crate::tables::{Fault, Tables};

/// Why an act stopped: the signer must act, or nobody here can.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Refusal),
    Fault(Fault),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A note whose signatures are of active keys of the roles its type asks for.
#[derive(Debug)]
pub(crate) struct Authentic {
    pub(crate) note: SignedNote,
    pub(crate) leaf: Arc<Leaf>,
    pub(crate) leaf_hash: LeafHash,
    pub(crate) text_hash: Hash,
    /// The note's id, once a signer.
    pub(crate) id: SubmissionId,
    /// Who signed, in the note's order: at least one.
    pub(crate) signers: Vec<Signer>,
}

/// What intake makes of a note.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Its type decides what becomes of it.
    Authentic(Box<Authentic>),
    /// Its text is a leaf already.
    Known { leaf: LeafRef, unit: Option<UnitId> },
    /// Nobody we know stands behind it as it is.
    Refused {
        refusal: Refusal,
        unit: Option<UnitId>,
    },
}

/// Takes a note through the steps that all types share.
pub(crate) fn admit<T: Tables>(tables: &T, examined: Examined) -> Result<Admission, Fault> {
    let read = match examined.into_content() {
        Ok(read) => *read,
        Err(unreadable) => {
            return Ok(Admission::Refused {
                refusal: unreadable.refusal,
                unit: None,
            });
        }
    };
    let unit = subject(&read.leaf).cloned();
    if let Some(leaf) = rows::leaf_by_text(tables, &read.text_hash)? {
        return Ok(Admission::Known { leaf, unit });
    }
    match authenticate(tables, read) {
        Ok(authentic) => Ok(Admission::Authentic(Box::new(authentic))),
        Err(Stop::Refused(refusal)) => Ok(Admission::Refused { refusal, unit }),
        Err(Stop::Fault(fault)) => Err(fault),
    }
}

/// The unit a note speaks of, which must exist.
pub(crate) fn subject(leaf: &Leaf) -> Option<&UnitId> {
    match leaf {
        Leaf::Enrol(enrol) => match &enrol.place {
            Place::Slot { unit, .. } => Some(unit),
            Place::Role(_) => None,
        },
        Leaf::Publish(gate) | Leaf::Hold(gate) => match &gate.scope {
            Scope::Unit(unit) => Some(unit),
            Scope::All | Scope::County(_) => None,
        },
        Leaf::Manifest(_)
        | Leaf::Activate(_)
        | Leaf::Submission(_)
        | Leaf::Attest(_)
        | Leaf::Review(_)
        | Leaf::Void(_)
        | Leaf::Dispute(_)
        | Leaf::Answer(_)
        | Leaf::Recanvass(_)
        | Leaf::Recount(_)
        | Leaf::Revoke(_)
        | Leaf::Roster(_)
        | Leaf::Close(_)
        | Leaf::Totals(_) => leaf.unit(),
    }
}

/// Step 7: an id belongs to the one text for which its signer used it first.
pub(crate) fn check_id<T: Tables>(tables: &T, authentic: &Authentic) -> Result<(), Stop> {
    for signer in &authentic.signers {
        if rows::signer_id(tables, &signer.key, &authentic.id)?.is_some() {
            return Err(Refusal::IdReuse.into());
        }
    }
    Ok(())
}

/// Steps 3 to 6.
fn authenticate<T: Tables>(tables: &T, read: ReadNote) -> Result<Authentic, Stop> {
    let first = check_election(tables, &read.leaf)?;
    if let Some(unit) = subject(&read.leaf)
        && !rows::is_known(tables, unit)?
    {
        return Err(Refusal::UnknownUnit { unit: unit.clone() }.into());
    }
    let signers = signers::check(tables, &read, first)?;
    // Totals have no header, and were refused with step 1.
    let id = read
        .leaf
        .header()
        .map(|header| header.id)
        .ok_or(Refusal::WrongRole)?;
    Ok(Authentic {
        note: read.note,
        leaf: read.leaf,
        leaf_hash: read.leaf_hash,
        text_hash: read.text_hash,
        id,
        signers,
    })
}

/// Whether a note belongs to this election; the first manifest is the one that makes it. Answers
/// with that manifest if this is it.
fn check_election<'l, T: Tables>(tables: &T, leaf: &'l Leaf) -> Result<Option<&'l Manifest>, Stop> {
    let (Some(election), Some(genesis)) = (rows::election(tables)?, rows::genesis(tables)?) else {
        let first = leaf.manifest().filter(|manifest| manifest.version == 1);
        return first.map(Some).ok_or_else(|| Refusal::NoManifest.into());
    };
    let Some(header) = leaf.header() else {
        return Err(Refusal::WrongRole.into());
    };
    if header.election.as_str() != election {
        let found = header.election.to_string();
        return Err(Refusal::WrongElection {
            expected: election,
            found,
        }
        .into());
    }
    if header.genesis != Some(genesis) {
        // The same name, but a rehearsal or another instance: only the genesis tells.
        let instance = |hash| alloc::format!("{election}, genesis {}", b64::encode_hash(hash));
        let found = header
            .genesis
            .as_ref()
            .map_or_else(|| "-".to_string(), instance);
        return Err(Refusal::WrongElection {
            expected: instance(&genesis),
            found,
        }
        .into());
    }
    Ok(None)
}
