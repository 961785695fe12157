//! `tally publish` and `tally hold`: what the result pages and feeds show.

use caucus::{CountyId, UnitId};
use clap::Args;
use receipt::leaf::{Gate, Scope};
use receipt::{Header, Leaf};

use super::acts::{Act, Office, Why};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::{of, on_network};

/// Show results on the result pages and feeds; two publishers sign.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is shown there before a first publish. The latest act of the narrowest scope decides: a
unit's before its county's before all. The log itself shows every leaf at all times.

Examples:
  tally publish --all --reason 'first results' --key publisher-1.key --key publisher-2.key
  tally publish --county polk --reason 'checked' --sign-only polk.note --key publisher-1.key")]
pub(crate) struct Publish {
    #[command(flatten)]
    gate: GateArgs,
}

/// Hold results back from the result pages and feeds; two publishers sign.
#[derive(Debug, Args)]
#[command(after_help = "\
The latest act of the narrowest scope decides: a unit's before its county's before all. The log
itself shows every leaf at all times, and the pages say so.

Example:
  tally hold --unit P-0001 --reason 'rows exchanged, the chair is called' \\
      --key publisher-1.key --key publisher-2.key")]
pub(crate) struct Hold {
    #[command(flatten)]
    gate: GateArgs,
}

/// What both take.
#[derive(Debug, Args)]
struct GateArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

/// Which results.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ScopeArgs {
    /// All units.
    #[arg(long)]
    all: bool,
    /// One county.
    #[arg(long, value_name = "ID")]
    county: Option<CountyId>,
    /// One precinct or satellite.
    #[arg(long, value_name = "ID")]
    unit: Option<UnitId>,
}

impl Publish {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.gate.set(output, Leaf::Publish))
    }
}

impl Hold {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.gate.set(output, Leaf::Hold))
    }
}

impl GateArgs {
    async fn set(self, output: Output, kind: fn(Gate) -> Leaf) -> Outcome {
        let office = self.act.open(output).await?;
        let scope = self.scope.read(&office)?;
        let reason = self.why.reason;
        let leaf = |header: Header| {
            kind(Gate {
                header,
                scope,
                reason,
            })
        };
        office.carry("Sign and send this?", leaf).await
    }
}

impl ScopeArgs {
    fn read(self, office: &Office) -> Outcome<Scope> {
        match (self.county, self.unit) {
            (Some(county), _) => {
                let roster = office.election.latest().roster();
                if roster.county(&county).is_none() {
                    let known: Vec<&str> =
                        roster.counties().map(|county| county.id.as_str()).collect();
                    return Err(Failure::new(
                        Exit::Usage,
                        format!("there is no county `{county}`"),
                    )
                    .now(format!("the counties are {}", known.join(", "))));
                }
                Ok(Scope::County(county))
            }
            (None, Some(unit)) => {
                of::check_unit(office, &unit);
                Ok(Scope::Unit(unit))
            }
            (None, None) => Ok(Scope::All),
        }
    }
}
