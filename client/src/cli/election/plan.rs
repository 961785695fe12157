//! The plan of an election: a small file that names the files in which everything was decided.

use std::path::{Path, PathBuf};

use caucus::{ElectionId, Roll, Roster, Rules};
use clap::Args;
use note::{Origin, UnixSeconds, VerifierKey};
use receipt::leaf::Role;
use receipt::{ElectionKind, NodeId, NodeLine, PersonKey, WitnessLine};
use serde::Deserialize;

use super::super::exit::Exit;
use super::super::failure::{Failure, Outcome};
use super::super::files;
use super::super::output;
use crate::election::Parts;

/// Print a plan with comments, to be filled in.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Print the example.
    #[arg(long, required = true)]
    example: bool,
}

const EXAMPLE: &str = r#"# What is decided before an election is made. Paths are relative to this file.

# The contest's name; it stands in every note. The log's name; it never changes.
election = "caucus-2028-ia"
origin = "tally.example/caucus-2028-ia"

# live or rehearsal. A rehearsal shares no key, voucher or name with the night.
kind = "live"

# When the caucuses begin and end, with the zone: said to people, nothing rests on it.
opens = "2028-01-31T19:00:00-06:00"
closes = "2028-02-01T01:00:00-06:00"

# How many of the authority's keys sign each version of the manifest.
threshold = 2

# The units and the rules.
roster = "roster.txt"
rules = "rules.txt"

# Whose key may report for which unit; `tally election chairs` makes it with the sealed cards.
roll = "roll.txt"

# One line for each key of a person, the authority's among them; `tally key new` makes them:
#   key authority caucus-2028-ia/authority/A1+…
#   key registrar caucus-2028-ia/hq/registrar-1+…
people = "people.txt"

# Nodes and spares, each line as `tally node keygen` printed it, and outside witnesses:
#   node 1 n1 tally.example/caucus-2028-ia+… tally.example/caucus-2028-ia/n1+…
#   spare 4 n4 …
#   witness campaign-a campaign-a.example/witness+…
machines = "machines.txt"
"#;

impl Plan {
    pub(crate) fn run(self) -> Outcome {
        // The flag is required; it says in the command what will be printed.
        if self.example {
            output::print(EXAMPLE)?;
        }
        Ok(Exit::Done)
    }
}

/// The plan as it stands in its file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    election: String,
    origin: String,
    kind: String,
    opens: String,
    closes: String,
    threshold: u64,
    roster: PathBuf,
    rules: PathBuf,
    roll: PathBuf,
    people: PathBuf,
    machines: PathBuf,
}

/// Reads a plan and every file that it names.
pub(super) fn read(file: &Path) -> Outcome<Parts> {
    let written: Written = toml::from_str(&files::read_text(file)?)
        .map_err(|error| wrong(file, error.to_string().trim_end()))?;
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    let text = |name: &Path| {
        let path = folder.join(name);
        files::read_text(&path).map(|text| (path, text))
    };
    let (roster_file, roster) = text(&written.roster)?;
    let (rules_file, rules) = text(&written.rules)?;
    let (roll_file, roll) = text(&written.roll)?;
    let (people_file, people) = text(&written.people)?;
    let (machines_file, machines) = text(&written.machines)?;
    let machines = Machines::parse(&machines_file, &machines)?;
    let said = |what: &str| wrong(file, what);
    Ok(Parts {
        election: ElectionId::parse(&written.election)
            .map_err(|error| said(&format!("`election`: {error}")))?,
        origin: Origin::parse_election(&written.origin)
            .map_err(|error| said(&format!("`origin`: {error}")))?,
        kind: ElectionKind::parse(&written.kind)
            .ok_or_else(|| said("`kind` is `live` or `rehearsal`"))?,
        threshold: written.threshold,
        people: lines(&people)
            .map(|(number, line)| person(line).ok_or_else(|| at(&people_file, number, PERSON)))
            .collect::<Outcome<_>>()?,
        nodes: machines.nodes,
        spares: machines.spares,
        witnesses: machines.witnesses,
        opens: moment(&written.opens).ok_or_else(|| said("`opens` is a time with its zone"))?,
        closes: moment(&written.closes).ok_or_else(|| said("`closes` is a time with its zone"))?,
        roster: Roster::parse(&roster).map_err(|e| wrong(&roster_file, &e.to_string()))?,
        rules: Rules::parse(&rules).map_err(|e| wrong(&rules_file, &e.to_string()))?,
        roll: Roll::parse(&roll).map_err(|e| wrong(&roll_file, &e.to_string()))?,
    })
}

const PERSON: &str = "expected `key <role> <public key>`";
const MACHINE: &str = "expected `node|spare <ordinal> <id> <log key> <cosigner key>` or \
                       `witness <id> <key>`";

#[derive(Default)]
struct Machines {
    nodes: Vec<NodeLine>,
    spares: Vec<NodeLine>,
    witnesses: Vec<WitnessLine>,
}

impl Machines {
    fn parse(file: &Path, text: &str) -> Outcome<Machines> {
        let mut machines = Machines::default();
        for (number, line) in lines(text) {
            machines
                .add(line)
                .ok_or_else(|| at(file, number, MACHINE))?;
        }
        Ok(machines)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let (keyword, rest) = line.split_once(' ')?;
        match keyword {
            "node" => self.nodes.push(node(rest)?),
            "spare" => self.spares.push(node(rest)?),
            "witness" => {
                let (id, key) = rest.split_once(' ')?;
                self.witnesses.push(WitnessLine {
                    id: NodeId::parse(id)?,
                    key: VerifierKey::parse(key).ok()?,
                });
            }
            _ => return None,
        }
        Some(())
    }
}

fn node(text: &str) -> Option<NodeLine> {
    let fields: Vec<&str> = text.split(' ').collect();
    let [ordinal, id, log, cosigner] = <[&str; 4]>::try_from(fields).ok()?;
    Some(NodeLine {
        ordinal: ordinal.parse().ok()?,
        id: NodeId::parse(id)?,
        log: VerifierKey::parse(log).ok()?,
        cosigner: VerifierKey::parse(cosigner).ok()?,
    })
}

fn person(line: &str) -> Option<PersonKey> {
    let (role, key) = line.strip_prefix("key ")?.split_once(' ')?;
    Some(PersonKey {
        role: Role::parse(role)?,
        key: VerifierKey::parse(key).ok()?,
    })
}

/// The lines that say something, with their numbers from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines().map(str::trim))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn moment(text: &str) -> Option<UnixSeconds> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_second()).ok().map(UnixSeconds::new)
}

fn wrong(file: &Path, why: &str) -> Failure {
    Failure::new(Exit::Usage, format!("`{}` cannot be used", file.display()))
        .why(why)
        .now("`tally election plan --example` prints a plan with comments")
}

fn at(file: &Path, line: usize, why: &str) -> Failure {
    wrong(file, &format!("line {line}: {why}"))
}
