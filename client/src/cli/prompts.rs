//! The sheet as questions: every cell asked once, in the order of the paper sheet, and a game of
//! chance where the rules say that one is due.
//!
//! Who answers is a trait, so that tests answer without a terminal.

use caucus::{
    Award, Chance, RawRow, RawTie, RawWorksheet, Rules, Threshold, TieToBreak, Unit, Worksheet,
};
use dialoguer::{Input, Select};

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::remarks;
use crate::attested::{AttestedRow, AttestedSheet, Cell, Dash};

/// Somebody who answers questions.
pub(crate) trait Questions {
    /// A number; `before` is what was answered earlier.
    fn number(&mut self, question: &str, before: Option<i64>) -> Outcome<i64>;
    /// A number, or a cell that cannot be read.
    fn cell(&mut self, question: &str) -> Outcome<Cell>;
    /// One of these, by its place.
    fn choose(&mut self, question: &str, choices: &[String]) -> Outcome<usize>;
    /// Something to be read before the next question.
    fn say(&mut self, text: &str);
}

/// Asks for every figure of a sheet. `typed` is what was typed before; `keep` is called after each
/// answer, so that nothing typed is lost.
pub(crate) fn sheet(
    asked: &mut impl Questions,
    unit: &Unit,
    rules: &Rules,
    typed: RawWorksheet,
    mut keep: impl FnMut(&RawWorksheet) -> Outcome<()>,
) -> Outcome<RawWorksheet> {
    let mut raw = RawWorksheet {
        unit: unit.id.to_string(),
        ..typed
    };
    asked.say(&format!("{} ({})", unit.name, unit.id));
    raw.attendees = Some(asked.number("people present when the doors closed", raw.attendees)?);
    keep(&raw)?;
    for group in rules.groups() {
        let before = row(&mut raw, group).first;
        let first = asked.number(&format!("first alignment, {}", group.name), before)?;
        row(&mut raw, group).first = Some(first);
        keep(&raw)?;
    }
    if let Some(people) = caucus::People::parse(&raw.attendees.unwrap_or_default().to_string()) {
        let elect = caucus::delegates_to_elect(rules, unit, people);
        if let Threshold::AtLeast { people: needed, .. } = caucus::threshold(rules, elect, people) {
            asked.say(&format!("a group needs {needed} people to be viable"));
        }
    }
    for group in rules.groups() {
        let before = row(&mut raw, group).last;
        let last = asked.number(&format!("final alignment, {}", group.name), before)?;
        row(&mut raw, group).last = Some(last);
        keep(&raw)?;
    }
    games(asked, unit, rules, &mut raw, &mut keep)?;
    for group in rules.groups() {
        let cells = row(&mut raw, group);
        let delegates = match cells.last {
            Some(0) => 0,
            Some(_) | None => {
                asked.number(&format!("delegates, {}", group.name), cells.delegates)?
            }
        };
        row(&mut raw, group).delegates = Some(delegates);
        keep(&raw)?;
    }
    Ok(raw)
}

fn row<'a>(raw: &'a mut RawWorksheet, group: &caucus::Group) -> &'a mut RawRow {
    raw.groups.entry(group.id.to_string()).or_default()
}

/// Works the award out from the counts, shows it, and asks for each game of chance that is due.
/// Games typed before are kept where they are still due.
fn games(
    asked: &mut impl Questions,
    unit: &Unit,
    rules: &Rules,
    raw: &mut RawWorksheet,
    keep: &mut impl FnMut(&RawWorksheet) -> Outcome<()>,
) -> Outcome<()> {
    let Some(mut counted) = counted(raw, unit, rules) else {
        // A count that cannot stand is said at the end, with all others.
        return Ok(());
    };
    if !still_due(unit, rules, &counted) {
        raw.ties.clear();
        counted.ties.clear();
        keep(raw)?;
    }
    while let Award::TieToBreak(tie) = caucus::award(rules, unit, &counted) {
        asked.say(&remarks::due(&tie));
        let Some(game) = game(asked, rules, &tie)? else {
            break;
        };
        raw.ties.push(game);
        keep(raw)?;
        match self::counted(raw, unit, rules) {
            Some(again) if again.ties.len() > counted.ties.len() => counted = again,
            Some(_) | None => break,
        }
    }
    asked.say("What the rules make of these counts:");
    for line in caucus::worked(rules, unit, &counted) {
        asked.say(&format!("  {line}"));
    }
    Ok(())
}

/// Whether the games typed before belong to these counts: without them a game must be due.
fn still_due(unit: &Unit, rules: &Rules, counted: &Worksheet) -> bool {
    if counted.ties.is_empty() {
        return true;
    }
    let without = Worksheet {
        ties: Vec::new(),
        ..counted.clone()
    };
    match caucus::award(rules, unit, &without) {
        Award::TieToBreak(tie) => counted
            .ties
            .iter()
            .any(|typed| typed.kind() == tie.kind && typed.groups() == tie.groups),
        Award::Settled { .. }
        | Award::OneDelegate { .. }
        | Award::NobodyViable { .. }
        | Award::Nothing => false,
    }
}

/// The counts so far as a sheet, without delegates.
fn counted(raw: &RawWorksheet, unit: &Unit, rules: &Rules) -> Option<Worksheet> {
    let mut counts = raw.clone();
    for row in counts.groups.values_mut() {
        row.delegates = Some(0);
    }
    counts.check(unit, rules).ok()
}

/// One game of chance; none if it was not played.
fn game(asked: &mut impl Questions, rules: &Rules, tie: &TieToBreak) -> Outcome<Option<RawTie>> {
    let how = [
        "by a coin".to_owned(),
        "by straws or lots".to_owned(),
        "it was not played, or nobody knows".to_owned(),
    ];
    let by = match asked.choose("how it was settled", &how)? {
        0 => Chance::Coin,
        1 => Chance::Straws,
        _ => return Ok(None),
    };
    let name = |group: &caucus::GroupId| {
        let known = rules.group(group);
        known.map_or_else(|| group.to_string(), |known| known.name.clone())
    };
    let who = match tie.kind {
        caucus::TieKind::Award => "who was given the delegate",
        caucus::TieKind::Reduce => "who gave a delegate up",
        caucus::TieKind::Merge => "who had to realign",
    };
    let choices: Vec<String> = tie.groups.iter().map(name).collect();
    let place = asked.choose(who, &choices)?;
    let settled_for = tie.groups.get(place).map(ToString::to_string);
    Ok(settled_for.map(|settled_for| RawTie {
        kind: tie.kind,
        groups: tie.groups.iter().map(ToString::to_string).collect(),
        settled_for,
        by,
    }))
}

/// Asks for every cell of a sheet that a second hand reads. Nothing is worked out or compared: what
/// stands there is what is asked for.
pub(crate) fn attested(
    asked: &mut impl Questions,
    unit: &Unit,
    rules: &Rules,
) -> Outcome<AttestedSheet> {
    asked.say(&format!(
        "{} ({}); - where a cell cannot be read",
        unit.name, unit.id
    ));
    let mut sheet = AttestedSheet {
        unit: unit.id.to_string(),
        attendees: Some(asked.cell("people present")?),
        ..AttestedSheet::default()
    };
    for group in rules.groups() {
        let cells = AttestedRow {
            first: Some(asked.cell(&format!("first alignment, {}", group.name))?),
            last: Some(asked.cell(&format!("final alignment, {}", group.name))?),
            delegates: Some(asked.cell(&format!("delegates, {}", group.name))?),
        };
        sheet.groups.insert(group.id.to_string(), cells);
    }
    Ok(sheet)
}

/// A person at the terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    output: Output,
}

impl Terminal {
    /// The terminal, if there is one.
    pub(crate) fn of(output: Output) -> Outcome<Terminal> {
        if output.can_ask() {
            return Ok(Terminal { output });
        }
        Err(Failure::new(Exit::Usage, "no sheet, and nobody to ask")
            .why("standard input is not a terminal")
            .now("give the sheet as a file; `tally sheet UNIT` prints an empty one"))
    }
}

impl Questions for Terminal {
    fn number(&mut self, question: &str, before: Option<i64>) -> Outcome<i64> {
        let mut input = Input::<i64>::new().with_prompt(question);
        if let Some(before) = before {
            input = input.default(before);
        }
        input.interact_text().map_err(|error| stopped(&error))
    }

    fn cell(&mut self, question: &str) -> Outcome<Cell> {
        let text = Input::<String>::new()
            .with_prompt(question)
            .validate_with(|text: &String| match read_cell(text) {
                Some(_) => Ok(()),
                None => Err("a number, or - where it cannot be read"),
            })
            .interact_text()
            .map_err(|error| stopped(&error))?;
        Ok(read_cell(&text).unwrap_or(Cell::Unreadable(Dash::Dash)))
    }

    fn choose(&mut self, question: &str, choices: &[String]) -> Outcome<usize> {
        Select::new()
            .with_prompt(question)
            .items(choices)
            .interact()
            .map_err(|error| stopped(&error))
    }

    fn say(&mut self, text: &str) {
        self.output.say(text);
    }
}

fn read_cell(text: &str) -> Option<Cell> {
    match text.trim() {
        "-" => Some(Cell::Unreadable(Dash::Dash)),
        number => number.parse().ok().map(Cell::Number),
    }
}

fn stopped(error: &dialoguer::Error) -> Failure {
    Failure::new(Exit::Interrupted, "stopped at a question; nothing was sent").because(error)
}

#[cfg(test)]
mod tests;
