//! Reading the rule file, line by line in the order of its grammar.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use super::{
    Group, HEADING, Half, MAX_GROUPS, National, Pool, Rounding, Rules, SatelliteStep, Share,
    ViabilityRule, ViabilityStep,
};
use crate::count::{Delegates, People, parse_number};
use crate::id::{DistrictId, GroupId, PoolId};
use crate::lines::{LineError, Lines, field, parse_name};
use crate::roster::MAX_DELEGATES;

/// The most lines of one kind: as many as there may be groups, and far more than any contest has
/// thresholds, pools or districts.
const MAX_LINES: usize = MAX_GROUPS;

impl Rules {
    /// Reads a rule file. The error names the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let mut lines = Lines::of(text)?;
        lines.exactly(HEADING)?;
        let title = one(&mut lines, "title", "a title", parse_name)?;
        let viability = viability(&mut lines)?;
        let rounding = one(&mut lines, "rounding", "`up` or `down`", Rounding::parse)?;
        let half = one(&mut lines, "half", "`up` or `down`", Half::parse)?;
        let satellites = satellites(&mut lines)?;
        let first_pool = lines.number();
        let pools = pools(&mut lines)?;
        let groups = groups(&mut lines)?;
        let national = national(&mut lines)?;
        lines.end("the end of the file")?;
        if let Some(national) = &national {
            districts_are_listed(first_pool, &pools, national)?;
        }
        Ok(Self {
            title,
            viability,
            rounding,
            half,
            satellites,
            pools,
            groups,
            national,
        })
    }
}

/// Takes one line `word <value>`.
fn one<T>(
    lines: &mut Lines<'_>,
    word: &str,
    what: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, LineError> {
    let Some(rest) = lines.after(word) else {
        return Err(lines.error(alloc::format!("expected `{word} …`")));
    };
    let value = field(Some(rest), what, parse)
        .map_err(|what| lines.error(alloc::format!("`{word}`: {what}")))?;
    lines.advance();
    Ok(value)
}

/// Takes all lines `word …`, at most [`MAX_LINES`], each read by `read` and strictly above the one
/// before by `key`.
fn many<T, K: Ord>(
    lines: &mut Lines<'_>,
    word: &str,
    key: impl Fn(&T) -> K,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, LineError> {
    let mut items: Vec<T> = Vec::new();
    while let Some(rest) = lines.after(word) {
        if items.len() == MAX_LINES {
            return Err(lines.error(alloc::format!("at most {MAX_LINES} `{word}` lines")));
        }
        let item = read(rest).map_err(|what| lines.error(alloc::format!("`{word}`: {what}")))?;
        if items.last().is_some_and(|last| key(last) >= key(&item)) {
            return Err(lines.error(alloc::format!("`{word}` lines must ascend, each once")));
        }
        items.push(item);
        lines.advance();
    }
    Ok(items)
}

fn viability(lines: &mut Lines<'_>) -> Result<Vec<ViabilityStep>, LineError> {
    let first = lines.number();
    let steps = many(
        lines,
        "viability",
        |step: &ViabilityStep| step.from,
        |rest| {
            let mut words = rest.splitn(2, ' ');
            let from = field(
                words.next(),
                "a number of delegates from 1 to 10000",
                |text| Delegates::parse(text).filter(|n| (1..=MAX_DELEGATES).contains(&n.get())),
            )?;
            let rule = field(words.next(), "`whole-room` or a share", |text| match text {
                "whole-room" => Some(ViabilityRule::WholeRoom),
                share => Share::parse(share).map(ViabilityRule::Share),
            })?;
            Ok(ViabilityStep { from, rule })
        },
    )?;
    match steps.first() {
        Some(step) if step.from.get() == 1 => whole_room_elects_one(first, steps),
        Some(_) | None => Err(LineError::new(first, "expected `viability 1 …` first")),
    }
}

/// R8: the whole room elects one delegate, so that line must end before two.
fn whole_room_elects_one(
    first: u32,
    steps: Vec<ViabilityStep>,
) -> Result<Vec<ViabilityStep>, LineError> {
    let mut after = steps.iter().skip(1).map(|step| step.from.get());
    for (line, step) in (first..).zip(&steps) {
        let until = after.next();
        if step.rule == ViabilityRule::WholeRoom && (step.from.get() > 1 || until != Some(2)) {
            let what = "`viability`: the whole room elects one delegate, so another line must hold from 2 on";
            return Err(LineError::new(line, what));
        }
    }
    Ok(steps)
}

fn satellites(lines: &mut Lines<'_>) -> Result<Vec<SatelliteStep>, LineError> {
    let first = lines.number();
    let steps = many(
        lines,
        "satellite",
        |step: &SatelliteStep| step.from,
        |rest| {
            let mut words = rest.splitn(2, ' ');
            let from = field(words.next(), "a number of attendees", People::parse)?;
            let delegates = field(
                words.next(),
                "a number of delegates from 1 to 10000",
                |text| Delegates::parse(text).filter(|n| (1..=MAX_DELEGATES).contains(&n.get())),
            )?;
            Ok(SatelliteStep { from, delegates })
        },
    )?;
    match steps.first() {
        Some(step) if step.from.get() == 1 => {}
        Some(_) | None => return Err(LineError::new(first, "expected `satellite 1 …` first")),
    }
    let mut before = Delegates::ZERO;
    for (line, step) in (first..).zip(&steps) {
        if step.delegates < before {
            let what = "`satellite`: a larger site elects no fewer delegates than a smaller one";
            return Err(LineError::new(line, what));
        }
        before = step.delegates;
    }
    Ok(steps)
}

fn pools(lines: &mut Lines<'_>) -> Result<Vec<Pool>, LineError> {
    many(
        lines,
        "pool",
        |pool: &Pool| pool.id.clone(),
        |rest| {
            let mut words = rest.splitn(4, ' ');
            let id = field(words.next(), "a pool's id", |text| PoolId::parse(text).ok())?;
            let worth = field(
                words.next(),
                "a number of state delegates",
                Delegates::parse,
            )?;
            let district = field(words.next(), "a district or `-`", parse_district)?;
            let name = field(words.next(), "a name", parse_name)?;
            Ok(Pool {
                id,
                worth,
                district,
                name,
            })
        },
    )
}

/// A pool counts for a district that sends national delegates, where any do.
fn districts_are_listed(first: u32, pools: &[Pool], national: &National) -> Result<(), LineError> {
    for (line, pool) in (first..).zip(pools) {
        let Some(district) = &pool.district else {
            continue;
        };
        if !national
            .districts
            .iter()
            .any(|(listed, _)| listed == district)
        {
            let what = alloc::format!(
                "`pool`: there is no `national district {district}` line for its district"
            );
            return Err(LineError::new(line, what));
        }
    }
    Ok(())
}

fn groups(lines: &mut Lines<'_>) -> Result<Vec<Group>, LineError> {
    let first = lines.number();
    let groups = many(
        lines,
        "group",
        |group: &Group| group.id.clone(),
        |rest| {
            let mut words = rest.splitn(2, ' ');
            let id = field(words.next(), "a group's id", |text| {
                GroupId::parse(text).ok()
            })?;
            let name = field(words.next(), "a name", parse_name)?;
            Ok(Group { id, name })
        },
    )?;
    if groups.is_empty() {
        return Err(LineError::new(first, "expected 1 to 64 `group` lines"));
    }
    let mut names = BTreeSet::new();
    for (line, group) in (first..).zip(&groups) {
        if !names.insert(&group.name) {
            let what = alloc::format!("`group`: another one is called `{}` as well", group.name);
            return Err(LineError::new(line, what));
        }
    }
    Ok(groups)
}

fn national(lines: &mut Lines<'_>) -> Result<Option<National>, LineError> {
    let districts = many(
        lines,
        "national district",
        |row: &(DistrictId, Delegates)| row.0.clone(),
        |rest| {
            let mut words = rest.splitn(2, ' ');
            let district = field(words.next(), "a district", |text| {
                DistrictId::parse(text).ok()
            })?;
            let delegates = field(words.next(), "a number of delegates", Delegates::parse)?;
            Ok((district, delegates))
        },
    )?;
    if districts.is_empty() {
        return Ok(None);
    }
    let count = "a number of delegates";
    Ok(Some(National {
        districts,
        at_large: one(lines, "national at-large", count, Delegates::parse)?,
        leaders: one(lines, "national leaders", count, Delegates::parse)?,
        share: one(lines, "national share", "a share", Share::parse)?,
    }))
}

/// A district, or `-` for none.
#[expect(
    clippy::option_option,
    reason = "the outer is whether it parsed, the inner is `-`"
)]
pub(crate) fn parse_district(text: &str) -> Option<Option<DistrictId>> {
    match text {
        "-" => Some(None),
        id => DistrictId::parse(id).ok().map(Some),
    }
}

impl Share {
    fn parse(text: &str) -> Option<Self> {
        let (numerator, denominator) = text.split_once('/')?;
        Self::new(parse_number(numerator)?, parse_number(denominator)?)
    }
}

impl Rounding {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "up" => Some(Self::Up),
            "down" => Some(Self::Down),
            _ => None,
        }
    }
}

impl Half {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "up" => Some(Self::Up),
            "down" => Some(Self::Down),
            _ => None,
        }
    }
}
