//! Whose hands are on a note: checked before it is signed, as far as the bundle tells.
//!
//! Keys that were enrolled on the night stand in no bundle, so a key that is not in it is let
//! through, and the nodes decide. A key that is in it and has another role is stopped here.

use caucus::{Slot, UnitId};
use note::{SignatureLine, SignerKey, VerifierKey};
use receipt::leaf::{Place, Role, Signers};
use receipt::{Election, Leaf};

use super::exit::Exit;
use super::failure::{Failure, Outcome};

/// The signers of one note, those before and those now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hands {
    signers: Vec<String>,
    /// How many the act asks for at least.
    pub(crate) needed: usize,
}

impl Hands {
    /// The names of the keys.
    pub(crate) fn names(&self) -> Vec<String> {
        self.signers.clone()
    }

    /// The names in one phrase.
    pub(crate) fn in_words(&self) -> String {
        self.signers.join(" and ")
    }

    /// How many are still missing, as the end of that phrase.
    pub(crate) fn missing_in_words(&self) -> String {
        match self.needed.saturating_sub(self.signers.len()) {
            0 => String::new(),
            1 => ", one more has to sign".to_owned(),
            missing => format!(", {missing} more have to sign"),
        }
    }
}

/// Checks the signatures that are there and the keys that will sign. `ends_here` says that the note
/// goes nowhere yet, so that hands may still be missing.
pub(crate) fn check(
    election: &Election,
    leaf: &Leaf,
    before: &[SignatureLine],
    keys: &[SignerKey],
    ends_here: bool,
) -> Outcome<Hands> {
    let asked = leaf.signers();
    let text = leaf.text();
    for line in before {
        // A key of that name that was enrolled on the night has another id, and stands in no bundle.
        let listed = known(election, line.name.as_str());
        if let Some((key, place)) = listed.filter(|(key, _)| key.claims(line)) {
            if !key.verifies(&text, line) {
                return Err(Failure::new(
                    Exit::Invalid,
                    format!("the signature by `{}` does not hold", line.name),
                )
                .now("the note was changed after it was signed; have it made again"));
            }
            allowed(&asked, leaf.unit(), &place, line.name.as_str())?;
        }
    }
    let mut signers: Vec<String> = before.iter().map(|line| line.name.to_string()).collect();
    for key in keys {
        let name = key.verifier().name().as_str();
        if signers.iter().any(|signer| signer == name) {
            return Err(
                Failure::new(Exit::Usage, format!("`{name}` would sign twice"))
                    .now("each hand signs once; the second person has another key"),
            );
        }
        let place = match known(election, name) {
            Some((known, place)) if known == *key.verifier() => Some(place),
            Some(_) | None => {
                slot_of(election, name).map(|(unit, slot)| Place::Slot { unit, slot })
            }
        };
        if let Some(place) = place {
            allowed(&asked, leaf.unit(), &place, name)?;
        }
        signers.push(name.to_owned());
    }
    let needed = asked.least();
    if signers.len() > asked.most() {
        return Err(
            Failure::new(Exit::Usage, "too many hands for one note").why(format!(
                "{} sign{} it, nobody else",
                who(&asked),
                if asked.most() == 1 { "s" } else { "" }
            )),
        );
    }
    if signers.len() < needed && !ends_here {
        return Err(
            Failure::new(Exit::Usage, format!("{} sign this together", who(&asked)))
                .why(format!("{} of {needed} signatures", signers.len()))
                .now(
                    "give --key once for each at this machine; or --sign-only FILE here, and \
             `tally sign FILE --key …` where the other person is",
                ),
        );
    }
    Ok(Hands { signers, needed })
}

fn allowed(asked: &Signers, unit: Option<&UnitId>, place: &Place, name: &str) -> Outcome<()> {
    if asked.allows(unit, place) {
        return Ok(());
    }
    let is = match place {
        Place::Role(role) => format!("a key of role {role}"),
        Place::Slot { unit, slot } => format!("the key of {} of {unit}", slot_words(*slot)),
    };
    Err(
        Failure::new(Exit::Usage, format!("`{name}` cannot sign this"))
            .why(format!("it is {is}; {} may", who(asked)))
            .now("`tally key show FILE` says whose a key is"),
    )
}

fn slot_words(slot: Slot) -> &'static str {
    match slot {
        Slot::A => "the chair",
        Slot::B => "the chair's sealed spare",
        Slot::S => "the secretary",
    }
}

/// Whose signatures an act asks for.
fn who(asked: &Signers) -> String {
    match asked {
        Signers::Authority => "keys of the authority".to_owned(),
        Signers::Chair => "one chair of the unit".to_owned(),
        Signers::OperatorOrSecretary => "one operator or the unit's secretary".to_owned(),
        Signers::Of { role, count: 1 } => format!("one {role}"),
        Signers::Of { role, count: 2 } => format!("two {role}s"),
        Signers::Of { role, count } => format!("{count} {role}s"),
        Signers::Nobody => "nobody".to_owned(),
    }
}

/// A key of the manifest or of the roll, by its name.
pub(crate) fn known(election: &Election, name: &str) -> Option<(VerifierKey, Place)> {
    let manifest = election.latest().manifest();
    let of_role = |role: Role| {
        let key = manifest
            .keys_of(role)
            .find(|key| key.name().as_str() == name);
        key.map(|key| (key.clone(), Place::Role(role)))
    };
    Role::ALL.iter().copied().find_map(of_role).or_else(|| {
        let (unit, slot) = slot_of(election, name)?;
        let key = election.latest().chair_key(&unit, slot)?;
        Some((key, Place::Slot { unit, slot }))
    })
}

/// The unit and slot that a key's name says: `<election>/<unit>/<slot>`.
pub(crate) fn slot_of(election: &Election, name: &str) -> Option<(UnitId, Slot)> {
    let rest = name
        .strip_prefix(election.id().as_str())?
        .strip_prefix('/')?;
    let (unit, slot) = rest.split_once('/')?;
    Some((UnitId::parse(unit).ok()?, Slot::parse(slot)?))
}
