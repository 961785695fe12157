//! Who signs which leaf.
//!
//! The least that each type asks for. Whether a key is active at that point of the log, and
//! whether published figures ask for more hands, is for the ledger.

use caucus::{Slot, UnitId};

use super::{Leaf, Place, Role};

/// Whose signatures a leaf carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signers {
    /// `t` keys of the authority of the manifest before; of version 1, its own.
    Authority,
    /// One of the unit's chair keys, `a` or `b`, and nobody else.
    Chair,
    /// One operator, or the unit's secretary.
    OperatorOrSecretary,
    /// At least so many different keys of one role.
    Of {
        /// The role.
        role: Role,
        /// How many.
        count: usize,
    },
    /// Nobody: the leaf is derived.
    Nobody,
}

impl Signers {
    /// Whether a key of that place may sign, for a leaf about that unit.
    pub fn allows(&self, unit: Option<&UnitId>, place: &Place) -> bool {
        match (self, place) {
            (Self::Authority, Place::Role(role)) => *role == Role::Authority,
            (Self::Of { role: wanted, .. }, Place::Role(role)) => role == wanted,
            (Self::OperatorOrSecretary, Place::Role(role)) => *role == Role::Operator,
            (Self::OperatorOrSecretary, Place::Slot { unit: of, slot }) => {
                unit == Some(of) && *slot == Slot::S
            }
            (Self::Chair, Place::Slot { unit: of, slot }) => {
                unit == Some(of) && matches!(slot, Slot::A | Slot::B)
            }
            (Self::Chair, Place::Role(_))
            | (Self::Authority | Self::Of { .. }, Place::Slot { .. })
            | (Self::Nobody, Place::Slot { .. } | Place::Role(_)) => false,
        }
    }

    /// How many different keys must sign. For the authority the manifest says it, and 1 is the
    /// least it may say.
    pub const fn least(&self) -> usize {
        match self {
            Self::Authority | Self::Chair | Self::OperatorOrSecretary => 1,
            Self::Of { count, .. } => *count,
            Self::Nobody => 0,
        }
    }

    /// How many may: a chair signs alone, and so does the witness of a sheet.
    pub const fn most(&self) -> usize {
        match self {
            Self::Chair | Self::OperatorOrSecretary => 1,
            Self::Authority | Self::Of { .. } => usize::MAX,
            Self::Nobody => 0,
        }
    }
}

impl Leaf {
    /// Whose signatures this leaf carries.
    pub fn signers(&self) -> Signers {
        let of = |role, count| Signers::Of { role, count };
        match self {
            Self::Manifest(_) => Signers::Authority,
            Self::Activate(_) => of(Role::Admin, 2),
            Self::Submission(report) => match report.channel {
                None => Signers::Chair,
                Some(_) => of(Role::Operator, 2),
            },
            Self::Attest(_) => Signers::OperatorOrSecretary,
            Self::Review(_) | Self::Answer(_) => of(Role::Reviewer, 1),
            Self::Dispute(_) => of(Role::Observer, 1),
            Self::Recanvass(_) | Self::Recount(_) => of(Role::Reviewer, 2),
            Self::Publish(_) | Self::Hold(_) | Self::Close(_) => of(Role::Publisher, 2),
            Self::Void(_) | Self::Enrol(_) | Self::Revoke(_) | Self::Roster(_) => {
                of(Role::Registrar, 2)
            }
            Self::Totals(_) => Signers::Nobody,
        }
    }
}
