//! The sheet as questions: every cell asked once, in the order of the paper sheet.

use caucus::{RawRow, RawWorksheet, Rules, Unit};
use dialoguer::Input;

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;

/// Asks for every figure of a sheet. Games of chance are not asked for: a sheet with one is easier
/// written as a file.
pub(crate) fn sheet(output: Output, unit: &Unit, rules: &Rules) -> Outcome<RawWorksheet> {
    if !output.can_ask() {
        return Err(Failure::new(Exit::Usage, "no sheet, and nobody to ask")
            .why("standard input is not a terminal")
            .now("give the sheet as a file; `tally sheet UNIT` prints an empty one"));
    }
    output.say(&format!("{} ({})", unit.name, unit.id));
    let mut raw = RawWorksheet {
        unit: unit.id.to_string(),
        attendees: Some(number("people present when the doors closed")?),
        ..RawWorksheet::default()
    };
    for group in rules.groups() {
        let first = Some(number(&format!("first alignment, {}", group.name))?);
        raw.groups.insert(
            group.id.to_string(),
            RawRow {
                first,
                ..RawRow::default()
            },
        );
    }
    for group in rules.groups() {
        let last = Some(number(&format!("final alignment, {}", group.name))?);
        let delegates = match last {
            Some(0) => Some(0),
            Some(_) | None => Some(number(&format!("delegates, {}", group.name))?),
        };
        let row = raw.groups.entry(group.id.to_string()).or_default();
        (row.last, row.delegates) = (last, delegates);
    }
    Ok(raw)
}

fn number(prompt: &str) -> Outcome<i64> {
    Input::<i64>::new()
        .with_prompt(prompt)
        .interact_text()
        .map_err(|error| {
            Failure::new(Exit::Interrupted, "stopped at a question; nothing was sent")
                .because(&error)
        })
}
