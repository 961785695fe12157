//! Every reason why something sent to the cluster is not recorded.
//!
//! A refusal is for what is not authentic or not well-formed. An authentic report is never refused
//! for its arithmetic, its lateness or its rank: [`crate::findings`] judges it, and it is recorded.

use alloc::string::String;

use crate::id::UnitId;

/// Why a note is not recorded. A refusal travels as an ordinary answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The note is longer than its type may be.
    #[error("the note has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Its length.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The note is not what its grammar says.
    #[error("line {line}: {what}")]
    Malformed {
        /// The first line that is wrong, from 1.
        line: u32,
        /// What is wrong with it.
        what: String,
    },
    /// The note names another election, or another instance of this one (a rehearsal).
    #[error("the note is for `{found}`, this cluster records `{expected}`")]
    WrongElection {
        /// What this cluster records.
        expected: String,
        /// What the note names.
        found: String,
    },
    /// The roster has no such unit.
    #[error("there is no unit `{unit}`")]
    UnknownUnit {
        /// What the note names.
        unit: UnitId,
    },
    /// A signature is by a key that stands in no roll, manifest or enrolment.
    #[error("the note is signed with a key that nobody enrolled")]
    UnknownKey,
    /// A signature is by a key whose role may not sign this.
    #[error("the note is signed in a role that may not sign it")]
    WrongRole,
    /// Fewer hands than the note's type needs.
    #[error("the note needs {need} different signers and has {got}")]
    TooFewSigners {
        /// How many it needs.
        need: u32,
        /// How many it has.
        got: u32,
    },
    /// A signature is by a key that was revoked.
    #[error("the note is signed with a revoked key")]
    RevokedKey,
    /// A signature does not verify.
    #[error("a signature does not fit the text")]
    BadSignature,
    /// The same signer used the id before, for another text.
    #[error("the id was used before for another text")]
    IdReuse,
    /// A report taken by telephone carries no voucher.
    #[error("a report by telephone needs a voucher")]
    VoucherMissing,
    /// The voucher is not one of the unit's.
    #[error("the voucher is not one of this unit's")]
    VoucherUnknown,
    /// The voucher was used before.
    #[error("the voucher was used in leaf {leaf}")]
    VoucherUsed {
        /// The leaf that used it.
        leaf: u64,
    },
    /// The act names a report that is no longer the unit's head.
    #[error("the unit's report has changed since")]
    Stale,
    /// One key has sent too many reports for one unit that do not follow its head.
    #[error("too many reports by one key that do not follow the unit's report")]
    TooMany,
    /// The sheet does not list exactly the contest's groups.
    #[error("the sheet does not list exactly the groups of this contest")]
    WrongGroups,
    /// A report from paper or a photograph names no evidence.
    #[error("a report from paper or a photograph needs its evidence")]
    EvidenceMissing,
    /// A unit that is to be merged still has a report.
    #[error("the unit still has a report")]
    HasHead,
    /// Nothing is recorded before the manifest.
    #[error("the election has not begun: no manifest is recorded")]
    NoManifest,
    /// The manifest does not fit the one before it, or itself.
    #[error("the manifest cannot apply: {what}")]
    BadManifest {
        /// What does not fit.
        what: String,
    },
    /// A file that the manifest names was not sent with it.
    #[error("a file that the manifest names is missing")]
    MissingFile,
    /// A revocation would leave fewer than two registrars.
    #[error("fewer than two registrars would be left")]
    FewRegistrars,
    /// The act names a leaf, key or unit that is not there.
    #[error("what the note refers to is not recorded")]
    UnknownTarget,
    /// A successor manifest was not activated.
    #[error("the manifest is a successor that nobody activated")]
    NotActivated,
    /// A review accepts nothing, or a code for which the unit is not held.
    #[error("the unit is not held for every code that the review accepts")]
    NotOpen,
    /// A review takes a leaf whose figures can not become the unit's.
    #[error(
        "the leaf to be taken is no other report of the unit and no complete attestation of it"
    )]
    NotTakable,
    /// A dispute was answered before.
    #[error("the dispute was answered before")]
    Answered,
    /// An amendment does not fit the roster in force.
    #[error("the roster cannot be amended so: {what}")]
    BadAmendment {
        /// What does not fit.
        what: String,
    },
}

impl Refusal {
    /// Every code, in the order in which refusals are decided.
    pub const ALL_CODES: [&'static str; 28] = [
        "too_large",
        "malformed",
        "wrong_election",
        "unknown_unit",
        "unknown_key",
        "wrong_role",
        "too_few_signers",
        "revoked_key",
        "bad_signature",
        "id_reuse",
        "voucher_missing",
        "voucher_unknown",
        "voucher_used",
        "stale",
        "too_many",
        "wrong_groups",
        "evidence_missing",
        "has_head",
        "no_manifest",
        "bad_manifest",
        "missing_file",
        "few_registrars",
        "unknown_target",
        "not_activated",
        "not_open",
        "not_takable",
        "answered",
        "bad_amendment",
    ];

    /// The refusal's name on the wire and in metrics; it never changes.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Malformed { .. } => "malformed",
            Self::WrongElection { .. } => "wrong_election",
            Self::UnknownUnit { .. } => "unknown_unit",
            Self::UnknownKey => "unknown_key",
            Self::WrongRole => "wrong_role",
            Self::TooFewSigners { .. } => "too_few_signers",
            Self::RevokedKey => "revoked_key",
            Self::BadSignature => "bad_signature",
            Self::IdReuse => "id_reuse",
            Self::VoucherMissing => "voucher_missing",
            Self::VoucherUnknown => "voucher_unknown",
            Self::VoucherUsed { .. } => "voucher_used",
            Self::Stale => "stale",
            Self::TooMany => "too_many",
            Self::WrongGroups => "wrong_groups",
            Self::EvidenceMissing => "evidence_missing",
            Self::HasHead => "has_head",
            Self::NoManifest => "no_manifest",
            Self::BadManifest { .. } => "bad_manifest",
            Self::MissingFile => "missing_file",
            Self::FewRegistrars => "few_registrars",
            Self::UnknownTarget => "unknown_target",
            Self::NotActivated => "not_activated",
            Self::NotOpen => "not_open",
            Self::NotTakable => "not_takable",
            Self::Answered => "answered",
            Self::BadAmendment { .. } => "bad_amendment",
        }
    }

    /// What whoever sent the note does now.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "send a shorter note; photographs go separately",
            Self::Malformed { .. } => {
                "sign the sheet again with a current `tally`; if it happens again, call headquarters"
            }
            Self::WrongElection { .. } => {
                "check the election folder: this one belongs to another night or to a rehearsal"
            }
            Self::UnknownUnit { .. } => "check the unit's id against the election's list",
            Self::UnknownKey => {
                "check that this is the key you were given for this unit; headquarters can enrol another"
            }
            Self::WrongRole => "let the person sign whose part it is; headquarters knows who",
            Self::TooFewSigners { .. } => {
                "have another person with the same role sign the same text"
            }
            Self::RevokedKey => "open the sealed spare key, or call headquarters to enrol another",
            Self::BadSignature => {
                "sign the sheet again and send that; the text was changed after signing"
            }
            Self::IdReuse => {
                "sign the changed sheet anew as a correction, so that it gets an id of its own"
            }
            Self::VoucherMissing => "ask the caller to read out one of the unit's vouchers",
            Self::VoucherUnknown => {
                "have the voucher read out again, letter by letter, and check the unit"
            }
            Self::VoucherUsed { .. } => {
                "use another voucher; if nobody here used this one, tell headquarters"
            }
            Self::Stale => "look at the unit's present report and decide again",
            Self::TooMany => {
                "stop sending and call headquarters: two reports for this unit contradict each other"
            }
            Self::WrongGroups => {
                "fetch the election's files again and fill in every group, 0 where there is nobody"
            }
            Self::EvidenceMissing => "attach the photograph or scan of the sheet",
            Self::HasHead => "have the unit's report voided first",
            Self::NoManifest => "start the election with `tally cluster init` first",
            Self::BadManifest { .. } => "let the authority make and sign the manifest again",
            Self::MissingFile => "send the manifest together with all files it names",
            Self::FewRegistrars => "enrol another registrar first",
            Self::UnknownTarget => "check what the note refers to against the log",
            Self::NotActivated => "have two administrators activate the manifest first",
            Self::NotOpen => {
                "look at what the unit is held for now, and name what you have settled"
            }
            Self::NotTakable => {
                "name the leaf of a rival of this unit, or of an attestation that states every cell"
            }
            Self::Answered => "look at the answer; a new claim is a new dispute",
            Self::BadAmendment { .. } => "compare the amendment with the roster in force",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn every_code_is_listed_once() {
        let codes: BTreeSet<_> = Refusal::ALL_CODES.into_iter().collect();
        assert_eq!(codes.len(), Refusal::ALL_CODES.len());
        let unit = UnitId::parse("P-1").unwrap();
        for refusal in [
            Refusal::TooLarge { bytes: 1, limit: 0 },
            Refusal::Malformed {
                line: 1,
                what: String::new(),
            },
            Refusal::UnknownUnit { unit },
            Refusal::VoucherUsed { leaf: 7 },
            Refusal::NotOpen,
        ] {
            assert!(codes.contains(refusal.code()));
            assert!(!refusal.advice().is_empty());
        }
    }
}
