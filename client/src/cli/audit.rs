//! `tally audit`: a published release held against the rules, without any cluster.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use caucus::{FindingCode, ResultRow, Rules, Sde, Severity};
use clap::Args;
use comfy_table::{CellAlignment, Table};
use release::{Audit as Audited, Part, Places, ReleaseError, Series, Subject, Tripped, numbered};
use serde::Serialize;

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::files;
use super::output::Output;
use super::results::{plain, text_of};

/// Hold a published release against the rules: contradictions, awards, totals.
#[derive(Debug, Args)]
#[command(after_help = "\
The release is one file of snapshots; those before it in the same folder say what was changed since
it was published. The roster is precincts.csv and counties.csv in the folder above.

Contradictions are counted as the published analysis of 2020 counts them: alignment by precinct, the
rest by unit. What satellites add to a count by precinct stands beside it.

Examples:
  tally audit --release iowa2020/snapshots/06_2020-02-08_100pct.csv
  tally audit --release iowa2020/snapshots/06_2020-02-08_100pct.csv --json --units")]
pub(crate) struct Audit {
    /// The snapshot to audit.
    #[arg(long, value_name = "FILE")]
    release: PathBuf,
    /// The folder with precincts.csv and counties.csv [default: above the snapshots' folder].
    #[arg(long, value_name = "DIR")]
    roster: Option<PathBuf>,
    /// A rule file [default: the Iowa rules of 2020 with the fourteen published groups].
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Also name the units that trip each check.
    #[arg(long)]
    units: bool,
}

/// What `audit` says in JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    release: &'a str,
    units: u64,
    units_of: u64,
    findings: BTreeMap<&'static str, u64>,
    satellites_beside: BTreeMap<&'static str, u64>,
    not_seen: BTreeMap<&'static str, &'static str>,
    any_error: usize,
    any_error_with_satellites_beside: usize,
    reproduction: Reproduction,
    sde_exact: SdeExact,
    national_delegates: BTreeMap<String, u64>,
    totals: Totals,
    #[serde(skip_serializing_if = "Option::is_none")]
    units_by_finding: Option<BTreeMap<&'static str, Vec<&'a str>>>,
}

#[derive(Debug, Serialize)]
struct Reproduction {
    clean: AwardShare,
    all: AwardShare,
}

#[derive(Debug, Serialize)]
struct AwardShare {
    reproduced: u64,
    of: u64,
    percent: Option<String>,
}

#[derive(Debug, Serialize)]
struct SdeExact {
    precincts: Exact,
    satellites: Exact,
}

#[derive(Debug, Serialize)]
struct Exact {
    exact: u64,
    of: u64,
}

/// The three data sets apart, by group; sums beside them.
#[derive(Debug, Serialize)]
struct Totals {
    first_alignment: BTreeMap<String, u64>,
    final_alignment: BTreeMap<String, u64>,
    sde: BTreeMap<String, String>,
    sde_exact: BTreeMap<String, String>,
    sums: Sums,
}

#[derive(Debug, Serialize)]
struct Sums {
    first_alignment: u64,
    final_alignment: u64,
    sde: String,
    sde_exact: String,
}

impl Audit {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let rules = match &self.rules {
            Some(file) => Rules::parse(&files::read_text(file)?).map_err(|error| {
                Failure::new(Exit::Usage, "the rules cannot be read").why(error.to_string())
            })?,
            None => Rules::iowa_2020_published(),
        };
        let (places, series) = self.read(&rules).map_err(|error| {
            Failure::new(Exit::Usage, "the release cannot be read").because(&error)
        })?;
        let audited = Audited::of(&rules, &places.roster, &series)
            .ok_or_else(|| Failure::new(Exit::Usage, "there is no release to audit"))?
            .map_err(|error| {
                Failure::new(Exit::Usage, "the release cannot be added up").because(&error)
            })?;
        let report = self.report(&audited, &rules);
        output.result("tally.audit/v1", &report, || {
            words(&audited, &rules, self.units)
        })?;
        Ok(Exit::Done)
    }

    /// The release with those before it.
    fn read(&self, rules: &Rules) -> Result<(Places, Series), ReleaseError> {
        let folder = match self.release.parent() {
            Some(folder) if folder != Path::new("") => folder,
            Some(_) | None => Path::new("."),
        };
        let above = || folder.join("..");
        let places = Places::read(&self.roster.clone().unwrap_or_else(above), rules)?;
        let mut files = numbered(folder).unwrap_or_default();
        files.retain(|file| file.file_name() < self.release.file_name());
        files.push(self.release.clone());
        let series = Series::read_files(&files, &places, rules)?;
        Ok((places, series))
    }

    fn report<'a>(&self, audited: &'a Audited, rules: &Rules) -> Report<'a> {
        let by_code = |count: &dyn Fn(FindingCode) -> u64| {
            let codes = FindingCode::ALL.into_iter();
            codes.map(|code| (code.as_str(), count(code))).collect()
        };
        let beside = FindingCode::ALL.into_iter().map(|code| {
            let beside = audited.satellites_beside(code);
            (code.as_str(), beside)
        });
        let names = |(code, tripped): (&FindingCode, &'a Vec<Tripped>)| {
            let names = tripped.iter().map(|tripped| tripped.subject.as_str());
            (code.as_str(), names.collect())
        };
        Report {
            release: &audited.name,
            units: audited.units.are,
            units_of: audited.units.of,
            findings: by_code(&|code| audited.count(code)),
            satellites_beside: beside.filter(|(_, count)| *count > 0).collect(),
            not_seen: audited
                .unseen
                .iter()
                .map(|(code, why)| (code.as_str(), *why))
                .collect(),
            any_error: audited.any_error().len(),
            any_error_with_satellites_beside: audited.any_error_at_all().len(),
            reproduction: Reproduction {
                clean: audited.reproduction.clean.into(),
                all: audited.reproduction.all.into(),
            },
            sde_exact: SdeExact {
                precincts: audited.worth.precincts.into(),
                satellites: audited.worth.satellites.into(),
            },
            national_delegates: national(rules, audited).into_iter().collect(),
            totals: Totals::of(&audited.results.statewide),
            units_by_finding: self
                .units
                .then(|| audited.findings.iter().map(names).collect()),
        }
    }
}

impl From<Part> for AwardShare {
    fn from(part: Part) -> AwardShare {
        AwardShare {
            reproduced: part.are,
            of: part.of,
            percent: part.percent(),
        }
    }
}

impl From<Part> for Exact {
    fn from(part: Part) -> Exact {
        Exact {
            exact: part.are,
            of: part.of,
        }
    }
}

impl Totals {
    fn of(rows: &[ResultRow]) -> Totals {
        let sum: Sde = rows.iter().map(|row| row.sde.clone()).sum();
        let people = |count: fn(&ResultRow) -> u64| {
            rows.iter()
                .map(|row| (row.group.to_string(), count(row)))
                .collect::<BTreeMap<_, _>>()
        };
        let first_alignment = people(|row| row.first.get());
        let final_alignment = people(|row| row.last.get());
        let worth = |shown: &dyn Fn(&Sde) -> String| {
            rows.iter()
                .map(|row| (row.group.to_string(), shown(&row.sde)))
                .collect()
        };
        let total =
            |counts: &BTreeMap<String, u64>| counts.values().copied().fold(0, u64::saturating_add);
        Totals {
            sums: Sums {
                first_alignment: total(&first_alignment),
                final_alignment: total(&final_alignment),
                sde: sum.decimal(4),
                sde_exact: sum.exact(),
            },
            first_alignment,
            final_alignment,
            sde: worth(&|sde| sde.decimal(4)),
            sde_exact: worth(&Sde::exact),
        }
    }
}

/// Every group that these figures give national delegates, with how many; most first.
fn national(rules: &Rules, audited: &Audited) -> Vec<(String, u64)> {
    let Some(national) = caucus::national(rules, &audited.results) else {
        return Vec::new();
    };
    let groups = rules.groups().iter();
    let mut given: Vec<(String, u64)> = groups
        .map(|group| (group.id.to_string(), national.of(&group.id).get()))
        .filter(|(_, seats)| *seats > 0)
        .collect();
    given.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    given
}

/// The report for a person: what it is, what it adds up to, how well the rules explain it, and every
/// contradiction, worst first.
fn words(audited: &Audited, rules: &Rules, all: bool) -> String {
    let share = |part: Part| match part.percent() {
        Some(percent) => format!("{part} ({percent} %)"),
        None => part.to_string(),
    };
    let errors = Part {
        are: u64::try_from(audited.any_error().len()).unwrap_or(u64::MAX),
        of: audited.units.are,
    };
    let seats: Vec<String> = national(rules, audited)
        .iter()
        .map(|(group, seats)| format!("{group} {seats}"))
        .collect();
    let head = [
        format!("{}: {} units", audited.name, audited.units),
        format!("  with an error           {}", share(errors)),
        format!(
            "  awards by the rules     {} of clean precincts, {} of all",
            share(audited.reproduction.clean),
            share(audited.reproduction.all)
        ),
        format!(
            "  equivalents exact       {} precincts, {} satellites",
            audited.worth.precincts, audited.worth.satellites
        ),
        format!("  national delegates      {}", seats.join(", ")),
    ];
    let mut parts = vec![
        head.join("\n"),
        totals_table(audited, rules),
        findings_table(audited),
    ];
    let sentences = sentences(audited, all);
    if !sentences.is_empty() {
        parts.push(sentences);
    }
    parts.join("\n\n")
}

fn totals_table(audited: &Audited, rules: &Rules) -> String {
    let mut table = plain();
    table.set_header([
        "group",
        "first alignment",
        "final alignment",
        "state delegate equivalents",
    ]);
    let mut rows: Vec<&ResultRow> = audited.results.statewide.iter().collect();
    rows.sort_by(|one, other| other.sde.cmp(&one.sde));
    for row in rows {
        let name = rules
            .group(&row.group)
            .map_or(row.group.as_str(), |group| group.name.as_str());
        table.add_row([
            name.to_owned(),
            row.first.to_string(),
            row.last.to_string(),
            row.sde.decimal(4),
        ]);
    }
    right(&mut table, 1..4);
    text_of(&table)
}

/// The codes that anything trips, worst first, and the most frequent of equals.
fn worst_first(audited: &Audited) -> Vec<(FindingCode, &[Tripped])> {
    let mut codes: Vec<(FindingCode, &[Tripped])> = audited
        .findings
        .iter()
        .filter(|(_, tripped)| !tripped.is_empty())
        .map(|(code, tripped)| (*code, tripped.as_slice()))
        .collect();
    codes.sort_by_key(|(code, tripped)| (code.severity(), usize::MAX - tripped.len()));
    codes
}

fn findings_table(audited: &Audited) -> String {
    let mut table = plain();
    table.set_header(["finding", "precincts", "satellites", "pools"]);
    for (code, tripped) in worst_first(audited) {
        let count = |is: fn(&Subject) -> bool| {
            let subjects = tripped.iter().filter(|tripped| is(&tripped.subject));
            subjects.count().to_string()
        };
        table.add_row([
            code.to_string(),
            count(|subject| matches!(subject, Subject::Precinct(_))),
            count(|subject| matches!(subject, Subject::Satellite(_))),
            count(|subject| matches!(subject, Subject::Pool(_))),
        ]);
    }
    right(&mut table, 1..4);
    text_of(&table)
}

/// Headquarters' sentence for each error; with `all` for everything else as well.
fn sentences(audited: &Audited, all: bool) -> String {
    let mut table = plain();
    table.set_header(["where", "what"]);
    let shown = |code: FindingCode| match code.severity() {
        Severity::Error => true,
        Severity::Warning | Severity::Evidence => all,
    };
    let codes = worst_first(audited);
    let codes = codes.iter().filter(|(code, _)| shown(*code));
    for tripped in codes.flat_map(|(_, tripped)| *tripped) {
        table.add_row([
            tripped.subject.as_str().to_owned(),
            tripped.finding.for_headquarters(),
        ]);
    }
    if table.is_empty() {
        return String::new();
    }
    text_of(&table)
}

fn right(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in table
        .column_iter_mut()
        .skip(columns.start)
        .take(columns.len())
    {
        column.set_cell_alignment(CellAlignment::Right);
    }
}
