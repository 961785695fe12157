//! `tally void`: what stands for a unit goes, because it was reported under a wrong precinct.

use caucus::UnitId;
use clap::Args;
use receipt::Leaf;
use receipt::leaf::Void as VoidLeaf;

use super::acts::{Act, Why};
use super::failure::Outcome;
use super::of::{self, Of};
use super::on_network;
use super::output::Output;

/// Take away what stands for a unit: it was reported under a wrong precinct; two registrars sign.
#[derive(Debug, Args)]
#[command(after_help = "\
The record of it stays. The oldest report by another hand takes its place; without one the unit is
silent again, and its chair's next report counts.

Example:
  tally void P-0001 --reason 'sheet of P-0010, sent with the card of P-0001' \\
      --key registrar-1.key --key registrar-2.key")]
pub(crate) struct Void {
    /// The precinct or satellite.
    unit: UnitId,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

impl Void {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.void(output))
    }

    async fn void(self, output: Output) -> Outcome {
        let office = self.act.open(output).await?;
        of::check_unit(&office, &self.unit);
        let (of, _) = self.of.find(&office, &self.unit).await?;
        let (unit, reason) = (self.unit, self.why.reason);
        office
            .carry("Sign and send this?", |header| {
                Leaf::Void(VoidLeaf {
                    header,
                    unit,
                    of,
                    reason,
                })
            })
            .await
    }
}
