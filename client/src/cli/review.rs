//! `tally review`: a reviewer's decision about what stands for a unit.

use caucus::{FindingCode, UnitId};
use clap::{ArgGroup, Args};
use receipt::Leaf;
use receipt::leaf::{Decision, FindingName, Review as ReviewLeaf};

use super::acts::{Act, Office, Why};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::head::{self, Standing};
use super::of::{self, Of};
use super::on_network;
use super::output::{Output, warn};
use super::reference::{Found, LeafName, leaf_name};

/// Decide about a unit that is held; one reviewer signs, two once its figures are published.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("decision").required(true).args(["accept", "take", "ask", "hold"]),
    after_help = "\
What stands is fetched and shown first, and the decision names it: if other figures come in between,
the decision is refused as stale.

  --accept  the named codes are settled for these figures; each reason for being held has a code
  --take    the figures of another report or record become the unit's
  --ask     the unit stays held, and the reason is the question to its chair
  --hold    the unit stays held

Examples:
  tally review P-0001 --accept E_final_gt_first --reason 'paper says the same' --key reviewer-1.key
  tally review P-0001 --take 214 --reason 'photo shows 35, not 28' --key reviewer-1.key
  tally review P-0001 --take rival.receipt --reason 'the chair was called' --key reviewer-1.key
  tally review P-0001 --ask --reason 'is Warren 23 or 28 at the end?' --key reviewer-1.key"
)]
pub(crate) struct Review {
    /// The precinct or satellite.
    unit: UnitId,
    /// Settle these codes for the figures that stand.
    #[arg(long, value_name = "CODE", num_args = 1.., value_delimiter = ',', value_parser = code)]
    accept: Vec<FindingName>,
    /// Take the figures of this leaf: its number, its hash, or a receipt for it.
    #[arg(long, value_name = "LEAF|RECEIPT", value_parser = leaf_name)]
    take: Option<LeafName>,
    /// Ask the chair: the reason is the question.
    #[arg(long)]
    ask: bool,
    /// Keep the unit held.
    #[arg(long)]
    hold: bool,
    /// The codes that the decision is about, with --take, --ask or --hold.
    #[arg(long, value_name = "CODE", num_args = 1.., value_delimiter = ',', value_parser = code, conflicts_with = "accept")]
    about: Vec<FindingName>,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

impl Review {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.review(output))
    }

    async fn review(self, output: Output) -> Outcome {
        let office = self.act.open(output).await?;
        of::check_unit(&office, &self.unit);
        let (of, standing) = self.of.find(&office, &self.unit).await?;
        let mut findings = self.accept;
        let decision = if !findings.is_empty() {
            Decision::Accept
        } else if let Some(name) = &self.take {
            let found = name
                .find(&office.election, office.connections.as_ref())
                .await?;
            takes(&office, &self.unit, &found, standing.as_ref())?;
            Decision::Take(found.hash)
        } else if self.ask {
            Decision::Ask
        } else {
            Decision::Hold
        };
        findings.extend(self.about);
        findings.sort();
        findings.dedup();
        if let Some(standing) = &standing {
            warn_if_not_open(standing, &findings);
        }
        let (unit, reason) = (self.unit, self.why.reason);
        office
            .carry("Sign and send this decision?", |header| {
                Leaf::Review(ReviewLeaf {
                    header,
                    unit,
                    of,
                    decision,
                    findings,
                    reason,
                })
            })
            .await
    }
}

/// Looks at the leaf whose figures are to be taken: it must state some, for this unit.
fn takes(
    office: &Office,
    unit: &UnitId,
    found: &Found,
    standing: Option<&Standing>,
) -> Outcome<()> {
    let Some(leaf) = &found.leaf else {
        warn("the leaf could not be looked at: no node, and no receipt was given");
        return Ok(());
    };
    let figures = head::figures_of(leaf);
    let no_figures = |why: String| {
        Failure::new(Exit::Usage, format!("no figures for {unit} to take there"))
            .why(why)
            .now("name a report that came as a rival, or a second record with every cell stated")
    };
    if leaf.unit() != Some(unit) {
        let of = leaf
            .unit()
            .map_or_else(|| "no unit".to_owned(), ToString::to_string);
        return Err(no_figures(format!("that leaf is about {of}")));
    }
    let figures =
        figures.ok_or_else(|| no_figures(format!("that leaf is of kind {}", leaf.kind())))?;
    let known = office.election.latest().roster().unit(unit);
    if let Some(known) = known {
        office.aloud().say(&format!(
            "To be taken: {}",
            super::words::summary(known, &figures)
        ));
    }
    if let Some(standing) = standing {
        let changes = head::changes(&standing.worksheet, &figures);
        office
            .aloud()
            .say(&format!("changes:\n  {}", changes.join("\n  ")));
    }
    Ok(())
}

/// The nodes refuse a code that is not open; it is better seen before signing.
fn warn_if_not_open(standing: &Standing, findings: &[FindingName]) {
    let codes: Vec<&str> = standing.open.iter().map(|one| one.code.as_str()).collect();
    let open = match codes.as_slice() {
        [] => "nothing".to_owned(),
        codes => codes.join(", "),
    };
    for code in findings {
        if !codes.contains(&code.as_str()) {
            warn(&format!(
                "`{}` is not open for this unit; open: {open}",
                code.as_str()
            ));
        }
    }
}

/// Reads a code; one that looks like a known code in other letters is named.
fn code(text: &str) -> Result<FindingName, String> {
    let name = FindingName::parse(text)
        .ok_or_else(|| "a code is letters, digits and underscores".to_owned())?;
    if FindingCode::parse(text).is_some() {
        return Ok(name);
    }
    let same = |known: &FindingCode| known.as_str().eq_ignore_ascii_case(text);
    match FindingCode::ALL.into_iter().find(same) {
        Some(known) => Err(format!(
            "there is no code `{text}`; it is written `{known}`"
        )),
        None => Err(format!(
            "there is no code `{text}`; `tally results --units` shows the codes of each unit"
        )),
    }
}
