//! Exit codes: what a script may rely on. They stand in `tally --help` as well.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// It failed; the message says why.
    Failed,
    /// The command line, a file given to it or the sheet is wrong; nothing was sent.
    Usage,
    /// No node could be reached, or none answered in time. A note stays in the outbox.
    NoAnswer,
    /// The cluster refused the note.
    Refused,
    /// The cluster answers, but is not healthy.
    Unhealthy,
    /// Recorded as a rival: other figures stand for the unit.
    Conflict,
    /// A receipt, bundle or log that does not verify.
    Invalid,
    /// It could not be verified with what was at hand; that is not the same as invalid.
    CannotVerify,
    /// Stopped at a question.
    Interrupted,
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NoAnswer => 3,
            Exit::Refused => 4,
            Exit::Unhealthy => 5,
            Exit::Conflict => 6,
            Exit::Invalid => 10,
            Exit::CannotVerify => 11,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
