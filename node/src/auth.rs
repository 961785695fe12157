//! Who is let through to the log: the same judgement that every node makes when it applies, made
//! earlier on the state as this node knows it, so that junk costs one look and never an entry.
//!
//! What an authentic signer got wrong (an id used twice, a stale act) does go to the log: the
//! ledger counts it, and all nodes give the same answer.

use caucus::Refusal;
use ledger::{Command, Fault, Outcome, Tables};

/// A command whose note is authentic as far as this node knows. Made by [`examine`] alone.
#[derive(Debug)]
pub(crate) struct Authorized(Command);

/// What an early look at a command finds.
#[derive(Debug)]
pub(crate) enum Examined {
    /// To be proposed.
    Authorized(Authorized),
    /// Already a leaf of this node's own tree: the answer is known without asking anybody.
    Recorded(Outcome),
    /// Never acceptable, whatever the state: it is refused here.
    Junk(Outcome),
    /// Not acceptable in the state this node knows; a newer one may know the key or the unit.
    Doubtful(Command, Outcome),
}

impl Authorized {
    /// The command, to be proposed.
    pub(crate) fn into_command(self) -> Command {
        self.0
    }
}

/// Looks at `command` as the ledger would, changing nothing.
pub(crate) fn examine(tables: &impl Tables, command: Command) -> Result<Examined, Fault> {
    let (outcome, unused) = ledger::apply(tables, &command)?;
    drop(unused);
    Ok(match &outcome {
        Outcome::AlreadyRecorded { .. } => Examined::Recorded(outcome),
        Outcome::Refused { refusal, .. } => match authenticity(refusal) {
            Authenticity::Never => Examined::Junk(outcome),
            Authenticity::NotAsFarAsKnown => Examined::Doubtful(command, outcome),
            Authenticity::Sound => Examined::Authorized(Authorized(command)),
        },
        Outcome::Recorded { .. }
        | Outcome::Corrected { .. }
        | Outcome::Rival { .. }
        | Outcome::Superseded { .. }
        | Outcome::Applied { .. } => Examined::Authorized(Authorized(command)),
    })
}

enum Authenticity {
    /// No state would make it acceptable.
    Never,
    /// A key, a role or a unit that later leaves may add.
    NotAsFarAsKnown,
    /// The signers are who they should be; the refusal is about something else.
    Sound,
}

fn authenticity(refusal: &Refusal) -> Authenticity {
    match refusal {
        Refusal::TooLarge { .. }
        | Refusal::Malformed { .. }
        | Refusal::WrongElection { .. }
        | Refusal::BadSignature => Authenticity::Never,
        Refusal::NoManifest
        | Refusal::UnknownUnit { .. }
        | Refusal::UnknownKey
        | Refusal::WrongRole
        | Refusal::TooFewSigners { .. }
        | Refusal::RevokedKey => Authenticity::NotAsFarAsKnown,
        Refusal::IdReuse
        | Refusal::VoucherMissing
        | Refusal::VoucherUnknown
        | Refusal::VoucherUsed { .. }
        | Refusal::Stale
        | Refusal::TooMany
        | Refusal::WrongGroups
        | Refusal::EvidenceMissing
        | Refusal::HasHead
        | Refusal::BadManifest { .. }
        | Refusal::MissingFile
        | Refusal::FewRegistrars
        | Refusal::UnknownTarget
        | Refusal::NotActivated
        | Refusal::NotOffered => Authenticity::Sound,
    }
}
