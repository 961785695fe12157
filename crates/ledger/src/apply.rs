//! The state machine: one command in, its outcome and its changes out.

use alloc::vec::Vec;

use caucus::Refusal;
use receipt::Leaf;

use crate::changes::Changes;
use crate::command::{Act, Command, UnixMillis};
use crate::draft::Draft;
use crate::examined::{Examined, KnownKeys};
use crate::intake::{self, Admission, Authentic, Stop};
use crate::outcome::Outcome;
use crate::rows;
use crate::tables::{Fault, Tables};
use crate::view::{CountKind, Release};
use crate::{
    attest, close, count_again, dispute, gate, keys, manifest, review, roster, side, submit,
};

/// Applies a command to the state that `tables` show.
///
/// The answer is a function of the two arguments alone. The changes are to be written all together
/// before the next command is applied to the same tables, or laid over them with an
/// [`Overlay`](crate::Overlay). A refusal is an outcome; an error means that the state itself can
/// not be read, and then nothing was decided.
pub fn apply<T: Tables>(tables: &T, command: &Command) -> Result<(Outcome, Changes), Fault> {
    let (bytes, files) = match &command.act {
        Act::Note { bytes } => (bytes, &[][..]),
        Act::Manifest { note, files } => (note, files.as_slice()),
    };
    let examined = Examined::of(bytes, &KnownKeys::none());
    apply_examined(tables, command.at, examined, files)
}

/// As [`apply()`], for bytes that were examined beforehand; `files` are those that come with a
/// manifest. The answer is the same whichever keys were known then.
pub fn apply_examined<T: Tables>(
    tables: &T,
    at: UnixMillis,
    examined: Examined,
    files: &[Vec<u8>],
) -> Result<(Outcome, Changes), Fault> {
    let mut draft = Draft::new(tables);
    let outcome = match intake::admit(tables, examined)? {
        Admission::Known { leaf, unit } => Outcome::AlreadyRecorded {
            leaf,
            head: rows::head_of(tables, unit.as_ref())?,
        },
        Admission::Refused { refusal, unit } => Outcome::Refused {
            refusal,
            head: rows::head_of(tables, unit.as_ref())?,
        },
        Admission::Authentic(authentic) => match act(&mut draft, &authentic, files) {
            Ok(outcome) => outcome,
            Err(Stop::Fault(fault)) => return Err(fault),
            Err(Stop::Refused(refusal)) => {
                // Whatever the act had begun to write is dropped with its draft.
                draft = Draft::new(tables);
                side::keep_refused(&mut draft, at, &authentic, &refusal)?;
                Outcome::Refused {
                    refusal,
                    head: rows::head_of(tables, intake::subject(&authentic.leaf))?,
                }
            }
        },
    };
    side::advance_time(&mut draft, at)?;
    draft.seal_side()?;
    Ok((outcome, draft.into_changes()))
}

/// What each type of note does: one arm for each row of the table of leaves.
fn act<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    files: &[Vec<u8>],
) -> Result<Outcome, Stop> {
    intake::check_id(draft, authentic)?;
    match &*authentic.leaf {
        Leaf::Manifest(manifest) => manifest::put_in_force(draft, authentic, manifest, files),
        Leaf::Activate(activate) => manifest::activate(draft, authentic, activate),
        Leaf::Submission(submission) => submit::record(draft, authentic, submission),
        Leaf::Attest(attest) => attest::record(draft, authentic, attest),
        Leaf::Enrol(enrol) => keys::enrol(draft, authentic, enrol),
        Leaf::Revoke(revoke) => keys::revoke(draft, authentic, revoke),
        Leaf::Close(_) => close::close(draft, authentic),
        Leaf::Review(review) => review::review(draft, authentic, review),
        Leaf::Void(void) => review::void(draft, authentic, void),
        Leaf::Dispute(dispute) => dispute::dispute(draft, authentic, dispute),
        Leaf::Answer(answer) => dispute::answer(draft, authentic, answer),
        Leaf::Recanvass(count) => {
            count_again::record(draft, authentic, count, CountKind::Recanvass)
        }
        Leaf::Recount(count) => count_again::record(draft, authentic, count, CountKind::Recount),
        Leaf::Publish(gate) => gate::set(draft, authentic, gate, Release::Released),
        Leaf::Hold(gate) => gate::set(draft, authentic, gate, Release::Withheld),
        Leaf::Roster(change) => roster::amend(draft, authentic, change),
        // Intake lets no signed totals pass.
        Leaf::Totals(_) => Err(Refusal::WrongRole.into()),
    }
}
