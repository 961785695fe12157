//! `tally attest`: a second record of a sheet, made without looking at the first.

use std::path::{Path, PathBuf};

use caucus::{Slot, Unit, UnitId};
use clap::Args;
use receipt::Leaf;
use receipt::leaf::{Attest as AttestLeaf, Channel};

use super::acts::{Act, Office};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::prompts::{self, Terminal};
use super::{desk, evidence, files, hands, on_network};
use crate::attested::AttestedSheet;

/// Write down a unit's sheet a second time; one operator, or the unit's secretary, signs.
#[derive(Debug, Args)]
#[command(after_help = "\
Write what the paper, the photograph or the voice says, without looking at what was reported: the
nodes compare. Equal figures by another hand verify the unit; different ones hold it for a reviewer.
A cell that cannot be read is \"-\" in the file, or - at the questions.

Examples:
  tally sheet P-0001 > second.toml         # then fill it in
  tally attest second.toml --channel photo --evidence sheet.jpg --key operator-1.key
  tally attest --unit P-0001 --channel paper --key operator-1.key     # asks for every figure
  tally attest sheet.toml --key P-0001-s.key                          # the secretary, in the room")]
pub(crate) struct Attest {
    /// The sheet as TOML or JSON; `-` reads it from standard input. Without it, questions are asked.
    sheet: Option<PathBuf>,
    /// The unit, when questions are asked.
    #[arg(long, value_name = "UNIT", conflicts_with = "sheet")]
    unit: Option<UnitId>,
    /// What was before you: paper, phone, photo or room. The secretary's is room.
    #[arg(long, value_parser = channel)]
    channel: Option<Channel>,
    /// A file that shows the sheet, named in the note by its hash; may be given several times.
    #[arg(long, value_name = "FILE")]
    evidence: Vec<PathBuf>,
    #[command(flatten)]
    act: Act,
}

impl Attest {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.attest(output))
    }

    async fn attest(self, output: Output) -> Outcome {
        let evidence = evidence::of_files(&self.evidence)?;
        let office = self.act.open(output).await?;
        let own = secretary_of(&office);
        let channel = match (self.channel, &own) {
            (Some(channel), _) => channel,
            (None, Some(_)) => Channel::Room,
            (None, None) => {
                return Err(Failure::new(Exit::Usage, "what did you have before you?")
                    .now("give --channel paper, phone, photo or room"));
            }
        };
        let (unit, sheet) = if let Some(file) = &self.sheet {
            read(&office, file)?
        } else {
            ask(&office, self.unit.or(own))?
        };
        let rules = office.election.latest().rules();
        let figures = sheet.check(&unit, rules, evidence).map_err(|problems| {
            desk::problems(&problems)
                .now("mend these cells; \"-\" stands for one that cannot be read")
        })?;
        office
            .carry("Is this what the sheet says? Sign and send it?", |header| {
                Leaf::Attest(Box::new(AttestLeaf {
                    header,
                    unit: unit.id,
                    channel,
                    figures,
                }))
            })
            .await
    }
}

/// The sheet in a file, and its unit.
fn read(office: &Office, file: &Path) -> Outcome<(Unit, AttestedSheet)> {
    let sheet = AttestedSheet::parse(&files::read_text(file)?)
        .map_err(|error| desk::unreadable(file, &error))?;
    let id = unit_id(&sheet.unit)?;
    Ok((unit(office, &id)?, sheet))
}

/// The sheet as answers to questions.
fn ask(office: &Office, id: Option<UnitId>) -> Outcome<(Unit, AttestedSheet)> {
    let id = id.ok_or_else(|| {
        Failure::new(Exit::Usage, "no sheet and no unit")
            .now("give the sheet as a file, or --unit UNIT to be asked")
    })?;
    let unit = unit(office, &id)?;
    let rules = office.election.latest().rules();
    let sheet = prompts::attested(&mut Terminal::of(office.output)?, &unit, rules)?;
    Ok((unit, sheet))
}

/// The unit that a sheet says it is for.
pub(crate) fn unit_id(text: &str) -> Outcome<UnitId> {
    UnitId::parse(text).map_err(|error| {
        Failure::new(Exit::Usage, "the sheet does not say for which unit it is")
            .because(&error)
            .now("its first line is `unit = \"…\"`; `tally sheet UNIT` prints an empty one")
    })
}

/// The unit whose secretary the first key belongs to.
fn secretary_of(office: &Office) -> Option<UnitId> {
    let name = office.keys.first()?.verifier().name().to_string();
    hands::slot_of(&office.election, &name)
        .filter(|(_, slot)| *slot == Slot::S)
        .map(|(unit, _)| unit)
}

/// A unit of the roster.
pub(crate) fn unit(office: &Office, id: &UnitId) -> Outcome<Unit> {
    let roster = office.election.latest().roster();
    roster
        .unit(id)
        .cloned()
        .ok_or_else(|| super::sheet::unknown_unit(id))
}

/// Reads a channel's word.
pub(crate) fn channel(text: &str) -> Result<Channel, String> {
    Channel::parse(text).ok_or_else(|| "a channel is paper, phone, photo or room".to_owned())
}
