//! `tally roster`: what happens to the roster on the night.

use caucus::{CountyId, Delegates, GroupId, Kind, MAX_DELEGATES, PoolId, Unit, UnitId};
use clap::{Args, Subcommand};
use receipt::Leaf;
use receipt::leaf::{Amendment, RosterChange};

use super::acts::{Act, Office, Why};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::{of, on_network};

/// Amend the roster on the night; two registrars sign.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Add(Add),
    Close(CloseUnit),
    Merge(Merge),
    Withdraw(Withdraw),
}

/// Add a precinct or a satellite.
#[derive(Debug, Args)]
#[command(after_help = "\
Its chair's key is enrolled afterwards, with `tally enrol --unit`.

Examples:
  tally roster add P-0190 --name 'Ames 2-4' --county story --delegates 5 --reason 'hall split' \\
      --key registrar-1.key --key registrar-2.key
  tally roster add S-0088 --name 'Tbilisi' --pool OOS --reason 'approved today' \\
      --key registrar-1.key --key registrar-2.key")]
pub(crate) struct Add {
    /// The new unit's id.
    unit: UnitId,
    /// What people call it.
    #[arg(long)]
    name: String,
    /// The county of a precinct.
    #[arg(
        long,
        value_name = "ID",
        requires = "delegates",
        conflicts_with = "pool"
    )]
    county: Option<CountyId>,
    /// The delegates that a precinct elects.
    #[arg(long, value_name = "NUMBER", value_parser = delegates, requires = "county")]
    delegates: Option<Delegates>,
    /// The pool of a satellite, whose delegates follow from its attendance.
    #[arg(long, value_name = "ID", required_unless_present = "county")]
    pool: Option<PoolId>,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

/// A unit does not meet: what is sent for it is recorded and counts nowhere.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tally roster close S-0012 --reason 'site flooded, nobody came' \\
      --key registrar-1.key --key registrar-2.key")]
pub(crate) struct CloseUnit {
    /// The precinct or satellite.
    unit: UnitId,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

/// A precinct meets together with another one.
#[derive(Debug, Args)]
#[command(after_help = "\
Refused while a report stands for the first one: void that before.

Example:
  tally roster merge P-0003 P-0004 --delegates 9 --reason 'one hall, one chair' \\
      --key registrar-1.key --key registrar-2.key")]
pub(crate) struct Merge {
    /// The precinct that no longer reports by itself.
    from: UnitId,
    /// The precinct that reports for both.
    into: UnitId,
    /// The delegates that both together elect.
    #[arg(long, value_name = "NUMBER", value_parser = delegates)]
    delegates: Delegates,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

/// A group has withdrawn: sheets still list it, and people who stand there are flagged.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tally roster withdraw yang --reason 'announced at 18:20' \\
      --key registrar-1.key --key registrar-2.key")]
pub(crate) struct Withdraw {
    /// The group.
    group: GroupId,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

impl Verb {
    pub(crate) fn run(self, output: Output) -> Outcome {
        match self {
            Verb::Add(add) => on_network(add.amend(output)),
            Verb::Close(close) => on_network(close.amend(output)),
            Verb::Merge(merge) => on_network(merge.amend(output)),
            Verb::Withdraw(withdraw) => on_network(withdraw.amend(output)),
        }
    }
}

impl Add {
    async fn amend(self, output: Output) -> Outcome {
        let kind = match (self.county, self.delegates, self.pool) {
            (Some(county), Some(delegates), _) => Kind::Precinct { county, delegates },
            (_, _, Some(pool)) => Kind::Satellite { pool },
            (Some(_) | None, _, None) => {
                return Err(Failure::new(Exit::Usage, "a precinct or a satellite?")
                    .now("give --county and --delegates, or --pool"));
            }
        };
        let unit = Unit {
            id: self.unit,
            kind,
            name: self.name,
        };
        // The line of the roster file is what is signed; it must be one.
        Unit::parse_line(&unit.to_line()).map_err(|what| {
            Failure::new(
                Exit::Usage,
                "this cannot be written as a line of the roster",
            )
            .why(what)
            .now("a name is printable, without spaces at its ends, at most 120 characters")
        })?;
        let office = self.act.open(output).await?;
        let version = office.election.latest();
        let (roster, rules) = (version.roster(), version.rules());
        let problem = if roster.unit(&unit.id).is_some() {
            Some(format!("`{}` is on the roster already", unit.id))
        } else {
            match &unit.kind {
                Kind::Precinct { county, .. } => roster
                    .county(county)
                    .is_none()
                    .then(|| format!("there is no county `{county}`")),
                Kind::Satellite { pool } => rules
                    .pool(pool)
                    .is_none()
                    .then(|| format!("there is no pool `{pool}`")),
            }
        };
        if let Some(problem) = problem {
            return Err(Failure::new(Exit::Usage, problem)
                .now("`tally election show --units` lists counties, pools and units"));
        }
        carry(office, self.why, Amendment::Add(unit)).await
    }
}

impl CloseUnit {
    async fn amend(self, output: Output) -> Outcome {
        let office = self.act.open(output).await?;
        of::check_unit(&office, &self.unit);
        carry(office, self.why, Amendment::Close(self.unit)).await
    }
}

impl Merge {
    async fn amend(self, output: Output) -> Outcome {
        if self.from == self.into {
            return Err(
                Failure::new(Exit::Usage, "a precinct cannot be merged with itself")
                    .now("name the one that no longer reports, then the one that does"),
            );
        }
        let office = self.act.open(output).await?;
        of::check_unit(&office, &self.from);
        of::check_unit(&office, &self.into);
        let merge = Amendment::Merge {
            from: self.from,
            into: self.into,
            delegates: self.delegates,
        };
        carry(office, self.why, merge).await
    }
}

impl Withdraw {
    async fn amend(self, output: Output) -> Outcome {
        let office = self.act.open(output).await?;
        let rules = office.election.latest().rules();
        if rules.group(&self.group).is_none() {
            let known: Vec<&str> = rules
                .groups()
                .iter()
                .map(|group| group.id.as_str())
                .collect();
            return Err(
                Failure::new(Exit::Usage, format!("there is no group `{}`", self.group))
                    .now(format!("the groups are {}", known.join(", "))),
            );
        }
        carry(office, self.why, Amendment::Withdraw(self.group)).await
    }
}

async fn carry(office: Office, why: Why, amendment: Amendment) -> Outcome {
    office
        .carry("Sign and send this amendment?", |header| {
            Leaf::Roster(RosterChange {
                header,
                amendment,
                reason: why.reason,
            })
        })
        .await
}

fn delegates(text: &str) -> Result<Delegates, String> {
    Delegates::parse(text)
        .filter(|count| (1..=MAX_DELEGATES).contains(&count.get()))
        .ok_or_else(|| format!("a number from 1 to {MAX_DELEGATES}"))
}
