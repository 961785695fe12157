//! `tally dispute` and `tally answer`: a campaign's claim that a figure is wrong, and its answer.

use caucus::{GroupId, UnitId, parse_number};
use clap::Args;
use receipt::Leaf;
use receipt::leaf::{Answer as AnswerLeaf, Answered, ClaimedCell, Column, Dispute as DisputeLeaf};

use super::acts::{Act, Office, Why};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::head::Standing;
use super::of::{self, Of};
use super::on_network;
use super::output::{Output, warn};
use super::reference::{LeafName, leaf_name};
use super::words;

/// Claim that figures which stand for a unit are wrong; one observer signs.
#[derive(Debug, Args)]
#[command(after_help = "\
A cell is a group, a column (first, final or delegates) and the number it should be, or
`attendees` and a number. The dispute is listed for everyone until a reviewer answers it.

Example:
  tally dispute P-0001 --cell 'biden final 12' --cell 'warren final 31' \\
      --reason 'our captain signed the sheet with 12' --key observer-1.key
  tally dispute P-0001 --cell 'attendees 90' --reason 'sign-in book says 90' --key observer-1.key")]
pub(crate) struct Dispute {
    /// The precinct or satellite.
    unit: UnitId,
    /// A cell and what it should say; may be given several times.
    #[arg(long = "cell", value_name = "CELL", required = true, value_parser = cell)]
    cells: Vec<ClaimedCell>,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

/// Answer a dispute; one reviewer signs. A change of figures is a `tally review`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tally answer 231 --upheld no --reason 'sheet and photo say 35' --key reviewer-1.key
  tally answer dispute.receipt --upheld yes --reason 'see leaf 240' --key reviewer-1.key")]
pub(crate) struct Answer {
    /// The dispute: its leaf's number, its hash, or its receipt.
    #[arg(value_name = "LEAF|RECEIPT", value_parser = leaf_name)]
    dispute: LeafName,
    /// Whether the campaign was right: yes or no.
    #[arg(long, value_name = "YES|NO", value_parser = answered)]
    upheld: Answered,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

impl Dispute {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.dispute(output))
    }

    async fn dispute(self, output: Output) -> Outcome {
        let office = self.act.open(output).await?;
        of::check_unit(&office, &self.unit);
        check_groups(&office, &self.cells)?;
        let (of, standing) = self.of.find(&office, &self.unit).await?;
        if let Some(standing) = &standing {
            check_claims(standing, &self.cells)?;
        }
        let mut cells = self.cells;
        cells.sort_by(|a, b| (a.column, &a.group).cmp(&(b.column, &b.group)));
        let (unit, reason) = (self.unit, self.why.reason);
        office
            .carry("Sign and send this dispute?", |header| {
                Leaf::Dispute(DisputeLeaf {
                    header,
                    unit,
                    of,
                    cells,
                    reason,
                })
            })
            .await
    }
}

impl Answer {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.answer(output))
    }

    async fn answer(self, output: Output) -> Outcome {
        let office = self.act.open(output).await?;
        let found = self
            .dispute
            .find(&office.election, office.connections.as_ref())
            .await?;
        match &found.leaf {
            Some(leaf @ Leaf::Dispute(_)) => {
                let says = words::says(leaf, &office.election);
                office.aloud().say(&says.join("\n"));
            }
            Some(leaf) => {
                return Err(Failure::new(Exit::Usage, "that leaf is no dispute")
                    .why(format!("it is of kind {}", leaf.kind()))
                    .now("name the dispute by its number in the log, its hash or its receipt"));
            }
            None => warn("the dispute could not be looked at: no node, and no receipt was given"),
        }
        let (upheld, reason) = (self.upheld, self.why.reason);
        office
            .carry("Sign and send this answer?", |header| {
                Leaf::Answer(AnswerLeaf {
                    header,
                    to: found.hash,
                    upheld,
                    reason,
                })
            })
            .await
    }
}

/// A misspelt group would be a claim about nothing.
fn check_groups(office: &Office, cells: &[ClaimedCell]) -> Outcome<()> {
    let rules = office.election.latest().rules();
    let stranger = cells
        .iter()
        .filter_map(|cell| cell.group.as_ref())
        .find(|group| rules.group(group).is_none());
    let Some(stranger) = stranger else {
        return Ok(());
    };
    let known: Vec<&str> = rules
        .groups()
        .iter()
        .map(|group| group.id.as_str())
        .collect();
    Err(
        Failure::new(Exit::Usage, format!("there is no group `{stranger}`"))
            .now(format!("the groups are {}", known.join(", "))),
    )
}

/// A claim of what stands there already is a slip of the pen.
fn check_claims(standing: &Standing, cells: &[ClaimedCell]) -> Outcome<()> {
    let sheet = &standing.worksheet;
    let stands = |cell: &ClaimedCell| match (cell.column, &cell.group) {
        (Column::Attendees, _) => Some(sheet.attendees.get()),
        (Column::Delegates, Some(group)) => Some(sheet.reported.get(group).get()),
        (Column::Final, Some(group)) => Some(sheet.last.get(group).get()),
        (Column::First, Some(group)) => Some(sheet.first.get(group).get()),
        (Column::Delegates | Column::Final | Column::First, None) => None,
    };
    match cells.iter().find(|cell| stands(cell) == Some(cell.claimed)) {
        Some(cell) => Err(Failure::new(
            Exit::Usage,
            format!(
                "{} {} is what stands there",
                cell.group.as_ref().map_or("attendees", GroupId::as_str),
                cell.claimed
            ),
        )
        .now("name only the cells that should say something else")),
        None => Ok(()),
    }
}

/// Reads `biden final 12` or `attendees 90`.
fn cell(text: &str) -> Result<ClaimedCell, String> {
    let shape = || {
        format!(
            "`{text}` is not a cell: write `biden final 12` (first, final or delegates), or `attendees 90`"
        )
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let (group, column, claimed) = match words.as_slice() {
        ["attendees", number] => (None, Column::Attendees, number),
        [group, column, number] => {
            let group = GroupId::parse(group).map_err(|_| shape())?;
            let column = Column::parse(column)
                .filter(|column| *column != Column::Attendees)
                .ok_or_else(shape)?;
            (Some(group), column, number)
        }
        [] | [_] | [_, _] | [_, _, _, _, ..] => return Err(shape()),
    };
    Ok(ClaimedCell {
        column,
        group,
        claimed: parse_number(claimed).ok_or_else(shape)?,
    })
}

fn answered(text: &str) -> Result<Answered, String> {
    Answered::parse(text).ok_or_else(|| "yes or no".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_typed_as_it_is_spoken() {
        let parsed = cell("biden final 12").unwrap();
        assert_eq!(
            (parsed.column, parsed.claimed),
            (Column::Final, 12),
            "{parsed:?}"
        );
        assert_eq!(cell("attendees 90").unwrap().group, None);
        for bad in [
            "",
            "biden",
            "biden 12",
            "biden attendees 12",
            "final biden 12",
            "a first -1",
        ] {
            assert!(cell(bad).is_err(), "{bad}");
        }
    }
}
