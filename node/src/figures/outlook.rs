//! What can still change, from the state as it is: everything recorded counts, released or not.

use caucus::{Contest, Decision, Dispute, OpenKind, Outlook, Rules, UnitState};
use ledger::{Fault, Table, Tables, UnitView, View};
use proto::v1;

use super::PLACES;

/// The outlook of every contest total, each with at most `listed` units.
pub(crate) fn of<T: Tables>(view: &View<'_, T>, listed: usize) -> Result<v1::Outlook, Fault> {
    let mut answer = v1::Outlook {
        tree_size: view.tree_size()?.get(),
        ..v1::Outlook::default()
    };
    let (Some(roster), Some(rules)) = (view.roster()?, view.rules()?) else {
        return Ok(answer);
    };
    let mut recorded: Vec<UnitView> = Vec::with_capacity(roster.unit_count());
    for unit in roster.units() {
        recorded.extend(view.unit(&unit.id)?);
    }
    let units = recorded.iter().map(|unit| UnitState {
        unit: &unit.unit,
        worksheet: unit.worksheet.as_ref(),
        standing: unit.standing,
        dispute: if unit.marks.disputed.is_set() {
            Dispute::Open
        } else {
            Dispute::Settled
        },
    });
    let outlooks = caucus::outlook(&rules, &roster, units).map_err(|_| Fault::Corrupt {
        table: Table::CountyTotal,
        what: "the sums are beyond 64 bits",
    })?;
    let name_of = |id: &caucus::UnitId| {
        roster
            .unit(id)
            .map(|unit| unit.name.clone())
            .unwrap_or_default()
    };
    answer.contests = outlooks
        .iter()
        .map(|outlook| contest(outlook, &rules, listed, name_of))
        .collect();
    Ok(answer)
}

fn contest(
    outlook: &Outlook,
    rules: &Rules,
    listed: usize,
    name_of: impl Fn(&caucus::UnitId) -> String,
) -> v1::ContestOutlook {
    let (id, name) = match &outlook.contest {
        Contest::Statewide => ("state".to_owned(), rules.title().to_owned()),
        Contest::District(district) => (
            district.to_string(),
            format!("Congressional district {district}"),
        ),
    };
    let rivals = outlook.rivals.iter().map(|rival| v1::RivalOutlook {
        group: rival.group.to_string(),
        margin: rival.margin.decimal(PLACES),
        margin_exact: rival.margin.exact(),
        open: rival.open.total().decimal(PLACES),
        open_held: rival.open.held.decimal(PLACES),
        open_disputed: rival.open.disputed.decimal(PLACES),
        open_silent: rival.open.silent.decimal(PLACES),
        open_coins: rival.open.chance.decimal(PLACES),
        decided: rival.decision == Decision::Decided,
    });
    let units = outlook.questions.iter().take(listed);
    v1::ContestOutlook {
        id,
        name,
        leader: outlook.leader.to_string(),
        decided: outlook.decision == Decision::Decided,
        rivals: rivals.collect(),
        units: units
            .map(|question| v1::OpenUnit {
                unit: question.unit.to_string(),
                name: name_of(&question.unit),
                question: match question.kind {
                    OpenKind::Held => "held",
                    OpenKind::Disputed => "disputed",
                    OpenKind::Silent => "silent",
                    OpenKind::Chance => "coin",
                }
                .to_owned(),
                effect: question.effect.decimal(PLACES),
                pool: question
                    .pool
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            })
            .collect(),
        units_open: u64::try_from(outlook.questions.len()).unwrap_or(u64::MAX),
    }
}
