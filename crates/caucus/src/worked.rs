//! An award as it is worked out, from who came to what is still open.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::count::{Delegates, People};
use crate::delegates::{Award, award, delegates_to_elect};
use crate::roster::{Kind, Unit};
use crate::rules::Rules;
use crate::steps::{Step, counted, heads, spoken};
use crate::viability::{Viability, threshold};
use crate::worksheet::Worksheet;

/// The whole award of a sheet, a sentence a line: who came, what a group needs, which groups have it,
/// how every delegate found its group, and what is still open.
pub fn worked(rules: &Rules, unit: &Unit, worksheet: &Worksheet) -> Vec<String> {
    let attendees = worksheet.attendees;
    let elect = delegates_to_elect(rules, unit, attendees);
    let mut lines = alloc::vec![opening(unit, attendees, elect)];
    match award(rules, unit, worksheet) {
        Award::Settled { by, steps } => {
            tell(&mut lines, &steps, rules, elect, worksheet);
            let given: Vec<String> = by
                .iter()
                .map(|(group, count)| alloc::format!("{group} {count}"))
                .collect();
            lines.push(alloc::format!("the award: {}", given.join(", ")));
        }
        Award::TieToBreak(tie) => {
            tell(&mut lines, &tie.steps, rules, elect, worksheet);
            lines.push(alloc::format!(
                "still to be played by {} for {}: write down who won",
                spoken(&tie.groups),
                tie.prizes
            ));
        }
        Award::OneDelegate { largest } => {
            lines.push(String::from(
                "one delegate is elected by the whole room, and no groups are formed",
            ));
            lines.push(match largest.first() {
                None => String::from("no counts are written"),
                Some(group) => alloc::format!(
                    "most people stand for {} ({}); the room decides, not the count",
                    spoken(&largest),
                    worksheet.last.get(group)
                ),
            });
        }
        Award::NobodyViable { threshold } => {
            let step = Step::Needed {
                threshold,
                rounding: rules.rounding(),
                attendees,
            };
            tell(&mut lines, &[step], rules, elect, worksheet);
            lines.push(String::from(
                "no group is viable: groups must join until one is",
            ));
        }
        Award::Nothing => lines.push(String::from("nothing is to be awarded")),
    }
    lines
}

fn opening(unit: &Unit, attendees: People, elect: Delegates) -> String {
    let elected = |what: &str| {
        let delegates = counted(elect.get(), "delegate", "delegates");
        alloc::format!("{} signed in, and {what}{delegates}", heads(attendees))
    };
    match &unit.kind {
        Kind::Precinct { .. } => elected("the precinct elects "),
        Kind::Satellite { .. } => elected("a satellite of that size elects "),
    }
}

/// The steps in their order; after what a group needs, the groups that do not have it, and where more
/// have it than there are delegates, these with their sizes.
fn tell(
    lines: &mut Vec<String>,
    steps: &[Step],
    rules: &Rules,
    elect: Delegates,
    worksheet: &Worksheet,
) {
    let needed = threshold(rules, elect, worksheet.attendees);
    let too_many = steps
        .iter()
        .any(|step| matches!(step, Step::TooManyGroups { .. }));
    for step in steps {
        lines.push(step.to_string());
        if !matches!(step, Step::Needed { .. }) {
            continue;
        }
        for (group, size) in worksheet
            .last
            .iter()
            .filter(|(_, size)| *size > People::ZERO)
        {
            match needed.viability(size) {
                Viability::NotViable => {
                    lines.push(alloc::format!("{group} has {}: not enough", heads(size)));
                }
                Viability::Viable if too_many => {
                    lines.push(alloc::format!("{group} has {}: enough", heads(size)));
                }
                Viability::Viable => {}
            }
        }
    }
}
