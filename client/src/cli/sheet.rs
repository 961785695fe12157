//! `tally sheet`: an empty sheet to fill in.

use caucus::UnitId;
use clap::Args;
use serde::Serialize;

use super::args::Trust;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::trust;

/// Print an empty sheet for a unit, ready to be filled in.
#[derive(Debug, Args)]
#[command(after_help = "\
The sheet is TOML: attendance, then for every group the people at first and final alignment and
the delegates. `tally submit` reads the same shape as JSON as well.

Example:
  tally sheet P-0001 > sheet.toml
  $EDITOR sheet.toml
  tally submit sheet.toml --key chairs/P-0001.key")]
pub(crate) struct Sheet {
    /// The precinct or satellite.
    unit: UnitId,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Serialize)]
struct Blank<'a> {
    unit: &'a str,
    name: &'a str,
    toml: &'a str,
}

impl Sheet {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let version = opened.election.latest();
        let unit = version
            .roster()
            .unit(&self.unit)
            .ok_or_else(|| unknown_unit(&self.unit))?;
        let text = crate::sheet::Sheet::blank(&unit.id, version.rules());
        let blank = Blank {
            unit: unit.id.as_str(),
            name: &unit.name,
            toml: &text,
        };
        output.result("tally.sheet/v1", &blank, || {
            format!("# {}\n{text}", unit.name)
        })?;
        Ok(Exit::Done)
    }
}

/// The unit is not on the roster.
pub(crate) fn unknown_unit(unit: &UnitId) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("there is no unit `{unit}` in this election"),
    )
    .now("check the precinct's id on the sheet; `tally election show --units` lists all")
}
