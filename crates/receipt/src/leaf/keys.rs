//! Keys that come and go on the night: enrol and revoke.

use core::fmt;

use caucus::{Slot, UnitId};
use note::{Algorithm, VerifierKey};

use super::header::{self, Header, KeyReference, Reason, Role};
use crate::lines::{Lines, Malformed};
use crate::words::words;

/// A new key for a slot of a unit or for a role. Active from the next leaf on.
///
/// ```text
/// unit <unit>
/// slot a|b|s                     these two, or
/// role <role>                    any but authority
/// vkey <verifier key>
/// [replaces <key name> <key id>]
/// reason <text>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrol {
    /// Which election, which note.
    pub header: Header,
    /// Whose key it becomes.
    pub place: Place,
    /// The key, of type Ed25519. A slot's key is named `<election>/<unit>/<slot>`.
    pub key: VerifierKey,
    /// The key that was lost.
    pub replaces: Option<KeyReference>,
    /// Why.
    pub reason: Reason,
}

/// Where a key belongs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A chair's (a, b) or a secretary's (s) key.
    Slot {
        /// The precinct or satellite.
        unit: UnitId,
        /// Which of its keys.
        slot: Slot,
    },
    /// A key of headquarters. Never [`Role::Authority`]: its keys stand in manifests alone.
    Role(Role),
}

impl Place {
    fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        if lines.at("unit") {
            let unit = header::unit(lines)?;
            let slot = lines.value("slot", "<a|b|s>", Slot::parse)?;
            return Ok(Self::Slot { unit, slot });
        }
        let role = lines.value("role", "<role other than authority>", |word| {
            Role::parse(word).filter(|role| *role != Role::Authority)
        })?;
        Ok(Self::Role(role))
    }
}

impl Enrol {
    pub(super) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        let place = Place::read(lines)?;
        let line = lines.number();
        let key = lines.value("vkey", "<verifier key of type Ed25519>", person_key)?;
        if let Place::Slot { unit, slot } = &place {
            let name = alloc::format!("{}/{unit}/{}", header.election, slot);
            if key.name().as_str() != name {
                return Err(Malformed::new(
                    line,
                    alloc::format!("the key must be named `{name}`"),
                ));
            }
        }
        let replaces = lines.optional("replaces", "<key name> <key id>", KeyReference::parse)?;
        Ok(Self {
            header,
            place,
            key,
            replaces,
            reason: Reason::read(lines)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Slot { unit, slot } => {
                writeln!(f, "unit {unit}")?;
                writeln!(f, "slot {slot}")?;
            }
            Place::Role(role) => writeln!(f, "role {role}")?,
        }
        writeln!(f, "vkey {}", self.key)?;
        if let Some(replaces) = &self.replaces {
            writeln!(f, "replaces {replaces}")?;
        }
        writeln!(f, "reason {}", self.reason)
    }
}

/// A key that signs notes: plain Ed25519, not a cosigner's.
pub(crate) fn person_key(text: &str) -> Option<VerifierKey> {
    VerifierKey::parse(text)
        .ok()
        .filter(|key| key.algorithm() == Algorithm::Ed25519)
}

/// A key that counts no longer. Inactive from the next leaf on.
///
/// ```text
/// key <key name> <key id>
/// earlier stand|doubt
/// reason <text>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoke {
    /// Which election, which note.
    pub header: Header,
    /// The key.
    pub key: KeyReference,
    /// What becomes of what it signed before.
    pub earlier: Earlier,
    /// Why.
    pub reason: Reason,
}

words! {
    /// What becomes of a revoked key's earlier notes.
    pub enum Earlier {
        /// It was stolen: every head, witness and review of it is withdrawn and the units held.
        Doubt = "doubt",
        /// It was lost: they stand.
        Stand = "stand",
    }
}

impl Revoke {
    pub(super) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            header,
            key: lines.value("key", "<key name> <key id>", KeyReference::parse)?,
            earlier: lines.value("earlier", "<doubt|stand>", Earlier::parse)?,
            reason: Reason::read(lines)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "key {}", self.key)?;
        writeln!(f, "earlier {}", self.earlier)?;
        writeln!(f, "reason {}", self.reason)
    }
}
