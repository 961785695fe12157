//! `tally receipt convert`: the same receipt in another form.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use receipt::UnverifiedReceipt;

use crate::cli::args::Trust;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::{Output, print};
use crate::cli::{files, trust};
use crate::form::{self, Handed};

/// Write a receipt in another form; nothing is lost and nothing is believed.
#[derive(Debug, Args)]
#[command(after_help = "\
The JSON form is for programs; it says exactly what the file says. A QR code's text becomes a file
again with the note of the report.

Examples:
  tally receipt convert P-0001.receipt --to json
  tally receipt convert P-0001.json --to file > P-0001.receipt
  tally receipt convert P-0001.qr --to file --note P-0001.note > P-0001.receipt")]
pub(crate) struct Convert {
    /// A receipt in any form; `-` reads standard input.
    file: PathBuf,
    /// The form to write.
    #[arg(long, value_enum)]
    to: To,
    /// The note of the report, where the receipt is a QR code's text.
    #[arg(long, value_name = "FILE")]
    note: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
}

/// A form of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum To {
    /// The `.tlog-proof` file.
    File,
    /// One line of JSON.
    Json,
    /// The text of a QR code.
    Qr,
}

impl Convert {
    pub(crate) fn run(self, _output: Output) -> Outcome {
        let receipt = self.whole()?;
        let text = match self.to {
            To::File => String::from_utf8_lossy(&receipt.to_bytes()).into_owned(),
            To::Json => {
                let opened = trust::open_folder(&self.trust)?;
                let verification = receipt.verify(&opened.election);
                let held = verification.receipt().ok_or_else(|| {
                    Failure::new(
                        Exit::Invalid,
                        "the receipt does not hold, so it has no level",
                    )
                    .why(verification.summary())
                })?;
                form::to_json(&receipt, held.level())
            }
            To::Qr => {
                let opened = trust::open_folder(&self.trust)?;
                super::qr::encode(&receipt, &opened.election)?.0
            }
        };
        print(&text)?;
        Ok(Exit::Done)
    }

    fn whole(&self) -> Outcome<UnverifiedReceipt> {
        match (super::handed(&self.file)?, &self.note) {
            (Handed::Whole(receipt), _) => Ok(receipt),
            (Handed::Compact(_), None) => Err(Failure::new(
                Exit::Usage,
                "a QR code names its report by the hash alone",
            )
            .now("give the note with --note FILE; the outbox keeps every note that was sent")),
            (Handed::Compact(compact), Some(note)) => {
                let opened = trust::open_folder(&self.trust)?;
                compact
                    .expand(&opened.election, files::read(note)?)
                    .map_err(|error| {
                        Failure::new(Exit::Invalid, "the QR code cannot become a receipt")
                            .because(&error)
                    })
            }
        }
    }
}
