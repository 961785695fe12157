//! `tally submit`: from a sheet to a receipt.

use std::path::PathBuf;

use caucus::UnitId;
use clap::Args;

use super::acts::Carried;
use super::desk::{Desk, Signing};
use super::failure::Outcome;
use super::output::Output;
use super::{on_network, send};
use crate::answer::Effect;

/// Report a unit's figures and get a receipt.
#[derive(Debug, Args)]
#[command(after_help = SUBMIT_HELP)]
pub(crate) struct Submit {
    /// The sheet as TOML or JSON; `-` reads it from standard input. Without it, questions are asked.
    sheet: Option<PathBuf>,
    /// The unit, when operators are asked the questions.
    #[arg(
        long,
        value_name = "UNIT",
        requires = "channel",
        conflicts_with = "sheet"
    )]
    unit: Option<UnitId>,
    #[command(flatten)]
    signing: Signing,
}

const SUBMIT_HELP: &str = "\
The key's name says for which unit a chair reports. What happens, in this order:
  1. the election's bundle is fetched from a node and checked against the pinned fingerprint
  2. the sheet is checked by the rules: the award is worked out, and what does not add up is shown
     in words
  3. the report is signed and kept in the outbox; from here on it cannot be lost
  4. every node is tried, with the same bytes, until a receipt has been verified
  5. the receipt is kept beside the report, and its code is printed

If there is no receipt in time the command says so and ends with 3; the report stays in the outbox
and `tally outbox send` goes on. Running the same command again sends the same report again, which
is recorded once. What is typed at the questions is kept as a draft while it is typed.

A report that reaches headquarters by phone, photo or paper is signed by two operators, with two
--key or one after the other with --sign-only and `tally sign`.

Examples:
  tally submit sheet.toml --key chairs/P-0001.key
  tally submit --key chairs/P-0001.key                 # asks for every figure
  tally submit sheet.json --key P-0001.key --photo sheet.jpg --wait 60
  tally submit - --key P-0001.key --json < sheet.json
  tally submit sheet.toml --channel phone --voucher 3K7Q-9M2X-7Q0W-1KZZ-8D \\
      --key operator-1.key --key operator-2.key
  tally submit sheet.toml --channel photo --evidence sheet.jpg --key operator-1.key \\
      --sign-only P-0001.note";

impl Submit {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.submit(output))
    }

    async fn submit(self, output: Output) -> Outcome {
        let mut desk = Desk::open(output, self.signing, self.sheet.as_deref(), self.unit).await?;
        let worksheet = desk.worksheet()?;
        if let Some(note) = desk.same_report_before(&worksheet)? {
            output.say("this report is in the outbox already; it is sent again as it is");
            let sent = desk.office.send(&note).await?;
            return send::tell(output, &desk.with_findings(sent));
        }
        let sent = match desk.report(1, None, &worksheet).await? {
            Carried::Sent(sent) => sent,
            Carried::Ended(exit) => return Ok(exit),
        };
        match (sent.effect, sent.head) {
            (Some(Effect::Rival), Some(head)) if desk.wants_correction(&sent, head)? => {
                let seq = head.seq.saturating_add(1);
                let corrects = Some(head.leaf.hash);
                match desk.report(seq, corrects, &worksheet).await? {
                    Carried::Sent(sent) => send::tell(output, &sent),
                    Carried::Ended(exit) => Ok(exit),
                }
            }
            _ => send::tell(output, &sent),
        }
    }
}
