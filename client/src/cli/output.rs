//! Where words go: data to standard output, talk to standard error, JSON with a named schema.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::exit::Exit;
use super::failure::{Failure, FailureJson, Outcome};

/// Writes what a command has to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// One line of JSON on standard output instead of words.
    pub(crate) json: bool,
    /// No talk.
    pub(crate) quiet: bool,
}

/// A JSON object that says what it is.
#[derive(Serialize)]
struct Named<'a, T> {
    schema: &'a str,
    #[serde(flatten)]
    value: &'a T,
}

impl Output {
    /// A command's result: `value` as JSON under `schema`, or the words.
    pub(crate) fn result<T: Serialize>(
        self,
        schema: &str,
        value: &T,
        words: impl FnOnce() -> String,
    ) -> Outcome<()> {
        if !self.json {
            return print(&words());
        }
        let line = serde_json::to_string(&Named { schema, value })
            .map_err(|error| Failure::new(Exit::Failed, "cannot write JSON").because(&error))?;
        print(&line)
    }

    /// Talk: what is going on, for a person who watches.
    pub(crate) fn say(self, text: &str) {
        if !self.quiet && !self.json {
            let _ = writeln!(anstream::stderr().lock(), "{text}");
        }
    }

    /// The end of a command that did not succeed.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            let _ = self.result("tally.error/v1", &FailureJson::from(failure), String::new);
        } else {
            let _ = writeln!(anstream::stderr().lock(), "{failure}");
        }
    }

    /// Whether a person can be asked.
    pub(crate) fn can_ask(self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a person yes or no; without a person the answer is no.
    pub(crate) fn ask(self, question: &str) -> Outcome<bool> {
        if !self.can_ask() {
            return Ok(false);
        }
        dialoguer::Confirm::new()
            .with_prompt(question)
            .default(false)
            .interact_opt()
            .map_err(|error| {
                Failure::new(Exit::Interrupted, "no answer to the question").because(&error)
            })
            .map(|answer| answer.unwrap_or(false))
    }
}

/// Lines of data as they are. No text, no line.
pub(crate) fn print(text: &str) -> Outcome<()> {
    let mut out = anstream::stdout().lock();
    let end = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    match write!(out, "{text}{end}").and_then(|()| out.flush()) {
        // Whoever reads has had enough (`tally results | head`): that is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            Err(Failure::new(Exit::Failed, "cannot write to standard output").because(&error))
        }
        Ok(()) => Ok(()),
    }
}

/// A warning, which not even `--quiet` hides.
pub(crate) fn warn(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "warning: {text}");
}
