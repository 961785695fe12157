//! `tally recanvass` and `tally recount`: a unit counted again afterwards, in a column of its own.

use std::path::PathBuf;

use caucus::UnitId;
use clap::Args;
use receipt::leaf::{Answered, CountAgain, Figures};
use receipt::{Header, Leaf};

use super::acts::{Act, Office, Why};
use super::failure::Outcome;
use super::output::Output;
use super::{attest, desk, evidence, files, head, on_network, remarks};
use crate::sheet::Sheet;

/// Put down what a recanvass of the paper sheets found for a unit; two reviewers sign.
#[derive(Debug, Args)]
#[command(after_help = "\
The figures stand in a column of their own, beside those that count. With --adopt they become the
unit's figures as well.

Examples:
  tally recanvass sheet.toml --reason 'sheet against the log, 18 Feb' \\
      --key reviewer-1.key --key reviewer-2.key
  tally recanvass sheet.toml --adopt --reason 'transcription' --sign-only recanvass.note \\
      --key reviewer-1.key")]
pub(crate) struct Recanvass {
    #[command(flatten)]
    again: Again,
}

/// Put down what a recount of the preference cards found for a unit; two reviewers sign.
#[derive(Debug, Args)]
#[command(after_help = "\
The figures stand in a column of their own, beside those that count. With --adopt they become the
unit's figures as well.

Example:
  tally recount sheet.toml --adopt --reason 'cards counted on 27 Feb' --evidence cards.pdf \\
      --key reviewer-1.key --key reviewer-2.key")]
pub(crate) struct Recount {
    #[command(flatten)]
    again: Again,
}

/// What both take.
#[derive(Debug, Args)]
struct Again {
    /// The whole sheet as TOML or JSON; `-` reads standard input.
    sheet: PathBuf,
    /// These figures become the unit's.
    #[arg(long)]
    adopt: bool,
    /// A file that shows the sheet, named in the note by its hash; may be given several times.
    #[arg(long, value_name = "FILE")]
    evidence: Vec<PathBuf>,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

impl Recanvass {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.again.put_down(output, Leaf::Recanvass))
    }
}

impl Recount {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.again.put_down(output, Leaf::Recount))
    }
}

impl Again {
    async fn put_down(self, output: Output, kind: fn(Box<CountAgain>) -> Leaf) -> Outcome {
        let evidence = evidence::of_files(&self.evidence)?;
        let sheet = Sheet::parse(&files::read_text(&self.sheet)?)
            .map_err(|error| desk::unreadable(&self.sheet, &error))?;
        let office = self.act.open(output).await?;
        let id = attest::unit_id(&sheet.unit)?;
        let unit = attest::unit(&office, &id)?;
        let rules = office.election.latest().rules();
        let worksheet = sheet
            .to_raw()
            .map_err(|error| desk::unreadable(&self.sheet, &error))?
            .check(&unit, rules)
            .map_err(|problems| {
                desk::problems(&problems).now("mend these cells; nothing was sent")
            })?;
        beside_what_stands(&office, &id, &worksheet).await;
        let remarks = remarks::of(rules, &unit, &worksheet);
        if !remarks.is_empty() {
            output.say(&remarks.join("\n"));
        }
        let adopt = if self.adopt {
            Answered::Yes
        } else {
            Answered::No
        };
        let figures = Figures {
            worksheet,
            evidence,
        };
        let reason = self.why.reason;
        let leaf = |header: Header| {
            kind(Box::new(CountAgain {
                header,
                unit: id,
                figures,
                adopt,
                reason,
            }))
        };
        office.carry("Sign and send these figures?", leaf).await
    }
}

/// Shows what changes, if a node can be asked; the act does not need it.
async fn beside_what_stands(office: &Office, unit: &UnitId, worksheet: &caucus::Worksheet) {
    let Some(connections) = &office.connections else {
        return;
    };
    let rules = office.election.latest().rules();
    if let Ok(Some(standing)) = head::find(connections, unit, rules).await {
        let changes = head::changes(&standing.worksheet, worksheet);
        let changes = if changes.is_empty() {
            "the very figures that stand".to_owned()
        } else {
            format!("against what stands:\n  {}", changes.join("\n  "))
        };
        office.aloud().say(&changes);
    }
}
