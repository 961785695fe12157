//! What a person reads when a command cannot do what was asked: what, why, what now.

use std::error::Error;
use std::fmt;

use serde::Serialize;

use super::exit::Exit;

/// The end of a command that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// What did not work, in one line.
    pub(crate) what: String,
    /// Why, one cause a line.
    pub(crate) why: Vec<String>,
    /// What to do now.
    pub(crate) now: Option<String>,
}

/// The outcome of a verb.
pub(crate) type Outcome<T = Exit> = Result<T, Failure>;

impl Failure {
    /// A failure without a cause yet.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Failure {
        Failure {
            exit,
            what: what.into(),
            why: Vec::new(),
            now: None,
        }
    }

    /// Adds a cause.
    #[must_use]
    pub(crate) fn why(mut self, why: impl Into<String>) -> Failure {
        self.why.push(why.into());
        self
    }

    /// Adds an error and all its sources, each once.
    #[must_use]
    pub(crate) fn because(mut self, error: &dyn Error) -> Failure {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            if self.why.last() != Some(&text) {
                self.why.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Says what to do now.
    #[must_use]
    pub(crate) fn now(mut self, now: impl Into<String>) -> Failure {
        self.now = Some(now.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "error: {}", self.what)?;
        for why in &self.why {
            write!(formatter, "\n  why: {}", why.replace('\n', "\n       "))?;
        }
        if let Some(now) = &self.now {
            write!(formatter, "\n  now: {}", now.replace('\n', "\n       "))?;
        }
        Ok(())
    }
}

/// The same for a program.
#[derive(Debug, Serialize)]
pub(crate) struct FailureJson<'a> {
    error: &'a str,
    why: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<&'a str>,
    exit: u8,
}

impl<'a> From<&'a Failure> for FailureJson<'a> {
    fn from(failure: &'a Failure) -> FailureJson<'a> {
        FailureJson {
            error: &failure.what,
            why: &failure.why,
            now: failure.now.as_deref(),
            exit: failure.exit.code(),
        }
    }
}
