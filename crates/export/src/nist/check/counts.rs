//! The cells of a contest and of the ballots, and whether children add up to parents.

use std::collections::{BTreeMap, BTreeSet};

use super::number::{Counted, TenThousandths, read};
use super::tree::{Tree, is_leaf, total_status};
use super::{Problem, ProblemKind};
use crate::nist::file::{Contest, Election, Selection};
use crate::nist::{ATTENDEES, other_type};
use crate::publication::Set;

/// Type and `OtherType` of a cell.
type Kind<'a> = (&'a str, &'a str);

/// Cells by unit and kind.
type Cells<'a> = BTreeMap<(&'a str, Kind<'a>), TenThousandths>;

fn counted(kind: Kind<'_>) -> Counted {
    if kind.1 == other_type(Set::Sde) {
        Counted::Decimal
    } else {
        Counted::Whole
    }
}

/// Checks attendance.
pub(super) fn ballots(tree: &Tree<'_>, election: &Election<'_>, problems: &mut Vec<Problem>) {
    let mut cells = Cells::new();
    for ballots in &election.ballot_counts {
        let kind = (ballots.r#type.as_ref(), ballots.other_type.as_ref());
        if let Some(cast) = ballots.ballots_cast {
            add(
                &mut cells,
                "BallotCounts",
                (&ballots.gp_unit_id, kind),
                cast.get(),
                problems,
            );
        }
    }
    add_up(tree, "BallotCounts", &cells, problems);
    for unit in tree.units() {
        let Some(participated) = unit.voters_participated else {
            continue;
        };
        let cast = cells.get(&(unit.id.as_ref(), ("other", ATTENDEES)));
        if cast != Some(&(TenThousandths::from(participated) * 10_000)) {
            let what = format!(
                "VotersParticipated is `{participated}`, and no such {ATTENDEES} are among the ballots"
            );
            problems.push(Problem::new(ProblemKind::Sum, &unit.id, what));
        }
    }
}

/// Checks the votes of a contest.
pub(super) fn votes(tree: &Tree<'_>, contest: &Contest<'_>, problems: &mut Vec<Problem>) {
    let selections: Vec<(&Selection<'_>, Cells<'_>)> = contest
        .contest_selection
        .iter()
        .map(|selection| (selection, cells_of(selection, problems)))
        .collect();
    let all: BTreeSet<(&str, Kind<'_>)> = selections
        .iter()
        .flat_map(|(_, cells)| cells.keys().copied())
        .collect();
    for (selection, cells) in &selections {
        for (unit, kind) in all.iter().filter(|key| !cells.contains_key(*key)) {
            let place = format!("{} at {unit}", selection.id);
            let what = format!("has no {} where others have", kind.1);
            problems.push(Problem::new(ProblemKind::MissingCell, place, what));
        }
        add_up(tree, &selection.id, cells, problems);
    }
    complete(tree, &all, problems);
}

fn cells_of<'a>(selection: &'a Selection<'_>, problems: &mut Vec<Problem>) -> Cells<'a> {
    let mut cells = Cells::new();
    for cell in &selection.vote_counts {
        let kind = (cell.r#type.as_ref(), cell.other_type.as_ref());
        add(
            &mut cells,
            &selection.id,
            (&cell.gp_unit_id, kind),
            cell.count.get(),
            problems,
        );
    }
    cells
}

fn add<'a>(
    cells: &mut Cells<'a>,
    of: &str,
    key: (&'a str, Kind<'a>),
    digits: &str,
    problems: &mut Vec<Problem>,
) {
    let (unit, kind) = key;
    let mut problem = |what: ProblemKind| {
        let place = format!("{of} at {unit}");
        problems.push(Problem::new(
            what,
            place,
            format!("{} `{digits}`", name(kind)),
        ));
    };
    match read(digits, counted(kind)) {
        Ok(count) => {
            if cells.insert(key, count).is_some() {
                problem(ProblemKind::DoubleCell);
            }
        }
        Err(what) => problem(what),
    }
}

fn name((r#type, other): Kind<'_>) -> &str {
    if other.is_empty() { r#type } else { other }
}

/// Each unit that is made of others has the sum of what they have.
fn add_up(tree: &Tree<'_>, of: &str, cells: &Cells<'_>, problems: &mut Vec<Problem>) {
    let kinds: BTreeSet<Kind<'_>> = cells.keys().map(|(_, kind)| *kind).collect();
    for parent in tree
        .units()
        .filter(|unit| !unit.composing_gp_unit_ids.is_empty())
    {
        for kind in &kinds {
            let cell = |id: &str| cells.get(&(id, *kind)).copied();
            let parts = parent
                .composing_gp_unit_ids
                .iter()
                .filter_map(|id| cell(id));
            let (number, sum) = parts.fold((0, 0), |(number, sum), part| (number + 1, sum + part));
            let place = || format!("{of} at {}", parent.id);
            let Some(total) = cell(&parent.id) else {
                if number > 0 {
                    let what = format!("has no {}, and its parts do", name(*kind));
                    problems.push(Problem::new(ProblemKind::MissingCell, place(), what));
                }
                continue;
            };
            // Half a ten-thousandth each is reached with whole ones: twice the difference.
            let allowed: TenThousandths = match counted(*kind) {
                Counted::Whole => 0,
                Counted::Decimal => number + 1,
            };
            let twice = (total - sum).abs() * 2;
            if twice > allowed {
                let what = format!(
                    "{} is {}, and its parts add up to {}",
                    name(*kind),
                    decimal(total),
                    decimal(sum)
                );
                problems.push(Problem::new(ProblemKind::Sum, place(), what));
            }
        }
    }
}

fn decimal(count: TenThousandths) -> String {
    format!("{}.{:04}", count / 10_000, count % 10_000)
}

/// A completed unit has every set; one that is not processed has none.
fn complete(tree: &Tree<'_>, all: &BTreeSet<(&str, Kind<'_>)>, problems: &mut Vec<Problem>) {
    let kinds: BTreeSet<Kind<'_>> = all.iter().map(|(_, kind)| *kind).collect();
    for unit in tree.units().filter(|unit| is_leaf(unit)) {
        for kind in &kinds {
            let has = all.contains(&(unit.id.as_ref(), *kind));
            let problem = match total_status(unit) {
                Some("completed") if !has => (ProblemKind::MissingCell, "is completed and has no"),
                Some("not-processed") if has => {
                    (ProblemKind::StrayCell, "is not processed and has")
                }
                _ => continue,
            };
            let (problem, what) = problem;
            problems.push(Problem::new(
                problem,
                &unit.id,
                format!("{what} {}", name(*kind)),
            ));
        }
    }
}
