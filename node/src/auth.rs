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
        | Outcome::Stray { .. }
        | Outcome::Applied { .. } => Examined::Authorized(Authorized(command)),
    })
}

/// What a refusal says about the signers of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authenticity {
    /// No state would make it acceptable.
    Never,
    /// A key, a role or a unit that later leaves may add.
    NotAsFarAsKnown,
    /// The signers are who they should be; the refusal is about something else.
    Sound,
}

/// Whether a refused note was signed by those who should.
pub(crate) fn authenticity(refusal: &Refusal) -> Authenticity {
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
        | Refusal::NotOpen
        | Refusal::NotTakable
        | Refusal::Answered
        | Refusal::BadAmendment { .. } => Authenticity::Sound,
    }
}

#[cfg(test)]
mod tests {
    use ledger::{Memory, UnixMillis};
    use testkit::Fixture;

    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1);

    /// A ledger that has the fixture's manifest.
    fn begun(fixture: &Fixture) -> Memory {
        let mut memory = Memory::new();
        let command = Command::manifest(NOW, fixture.manifest.bytes(), fixture.files.clone());
        let (_outcome, changes) = ledger::apply(&memory, &command).unwrap();
        memory.absorb(changes);
        memory
    }

    fn look(memory: &Memory, bytes: &[u8]) -> Examined {
        examine(memory, Command::note(NOW, bytes)).unwrap()
    }

    #[test]
    fn an_authentic_report_is_let_through_and_known_once_it_is_a_leaf() {
        let fixture = Fixture::small();
        let mut memory = begun(&fixture);
        let note = fixture.submission(&fixture.night.reports[0]);
        let Examined::Authorized(authorized) = look(&memory, note.bytes()) else {
            panic!("not let through");
        };
        let (_outcome, changes) = ledger::apply(&memory, &authorized.into_command()).unwrap();
        memory.absorb(changes);
        assert!(matches!(look(&memory, note.bytes()), Examined::Recorded(_)));
    }

    /// Whichever bit is flipped, the note stays outside the log.
    #[test]
    fn no_flipped_bit_is_let_through() {
        let fixture = Fixture::small();
        let memory = begun(&fixture);
        let note = fixture.submission(&fixture.night.reports[0]);
        for (at, bit) in (0..note.bytes().len()).zip((0..8).cycle()) {
            let mut bytes = note.bytes().to_vec();
            bytes[at] ^= 1 << bit;
            let found = look(&memory, &bytes);
            assert!(
                matches!(found, Examined::Junk(_) | Examined::Doubtful(..)),
                "byte {at}, bit {bit}: {found:?}"
            );
        }
    }

    /// Before the manifest has arrived here, it may have arrived elsewhere.
    #[test]
    fn what_this_node_does_not_know_yet_is_doubtful_and_not_junk() {
        let fixture = Fixture::small();
        let note = fixture.submission(&fixture.night.reports[0]);
        assert!(matches!(
            look(&Memory::new(), note.bytes()),
            Examined::Doubtful(..)
        ));
        assert!(matches!(
            look(&Memory::new(), b"not a note"),
            Examined::Junk(_)
        ));
    }
}
