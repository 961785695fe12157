//! The steps of an award, each a sentence that a chair can read aloud.
//!
//! Parts of a delegate are written over the attendance (51/106), which all parts of one award have in
//! common: so they can be compared by ear.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::count::{Delegates, People};
use crate::id::GroupId;
use crate::rules::{Half, Rounding};
use crate::viability::Threshold;
use crate::worksheet::{Chance, TieKind};

/// One step of an award, in the order it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// How many people a group needed (R2).
    Needed {
        /// The threshold.
        threshold: Threshold,
        /// How it was rounded.
        rounding: Rounding,
        /// The attendance it was taken from.
        attendees: People,
    },
    /// There are more viable groups than delegates (R4).
    TooManyGroups {
        /// How many groups are viable.
        viable: u64,
        /// How many delegates there are.
        elect: Delegates,
    },
    /// A viable group had to go because it is the smallest (R4).
    Merged {
        /// The group.
        group: GroupId,
        /// Its size.
        size: People,
    },
    /// A viable group's own share and what it was rounded to (R5).
    Rounded {
        /// The group.
        group: GroupId,
        /// Its size.
        size: People,
        /// The delegates to elect.
        elect: Delegates,
        /// The attendance that size times delegates is divided by.
        below: People,
        /// Where exactly a half goes.
        half: Half,
        /// What it counts as, at least 1.
        to: Delegates,
    },
    /// The rounded numbers do not add up to the delegates to elect.
    Given {
        /// What they add up to.
        given: Delegates,
        /// What there is to elect.
        elect: Delegates,
    },
    /// A group gave one delegate up because too many were given (R6).
    Reduced {
        /// The group.
        group: GroupId,
        /// How much more than its share it had.
        over: Part,
        /// What it has now.
        to: Delegates,
    },
    /// A group was given one more because too few were given (R7).
    Raised {
        /// The group.
        group: GroupId,
        /// How much less than its share it had.
        under: Part,
        /// What it has now.
        to: Delegates,
    },
    /// Groups have equal claims, and a game of chance is due (R7a).
    Tied {
        /// What it is about.
        kind: TieKind,
        /// The groups, ascending.
        groups: Vec<GroupId>,
        /// How many of them win, lose or must realign.
        prizes: u64,
    },
    /// A game of chance was settled for this group (R7a).
    Settled {
        /// What it was about.
        kind: TieKind,
        /// The group.
        group: GroupId,
        /// How it was played.
        by: Chance,
    },
}

/// A part of a delegate: a number over the attendance. Below nothing where a group that is to give
/// one up has less than its share, or a group that is given one has more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The number above the line.
    pub above: i128,
    /// The attendance.
    pub below: People,
}

/// `above / below` as it is read: the fraction, and what it is as a whole and a rest.
struct Mixed {
    above: u128,
    below: u128,
}

impl Mixed {
    fn whole(&self) -> u128 {
        self.above.checked_div(self.below).unwrap_or_default()
    }

    fn rest(&self) -> u128 {
        self.above.checked_rem(self.below).unwrap_or_default()
    }
}

impl fmt::Display for Mixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.above, self.below)?;
        match (self.whole(), self.rest()) {
            (whole, 0) => write!(f, ", which is {whole}"),
            (0, _) => f.write_str(", which is less than 1"),
            (whole, rest) => write!(f, ", which is {whole} and {rest}/{}", self.below),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needed {
                threshold,
                rounding,
                attendees,
            } => needed(f, *threshold, *rounding, *attendees),
            Self::TooManyGroups { viable, elect } => write!(
                f,
                "{viable} groups are viable and there are {elect} delegates: the smallest must realign, and the others get one each"
            ),
            Self::Merged { group, size } => {
                write!(
                    f,
                    "{group} with {} is the smallest and must realign",
                    heads(*size)
                )
            }
            Self::Rounded {
                group,
                size,
                elect,
                below,
                half,
                to,
            } => rounded(f, group, [size.get(), elect.get(), below.get()], *half, *to),
            Self::Given { given, elect } => sums(f, *given, *elect),
            Self::Reduced { group, over, to } => reduced(f, group, *over, *to),
            Self::Raised { group, under, to } => raised(f, group, *under, *to),
            Self::Tied {
                kind,
                groups,
                prizes,
            } => tied(f, *kind, groups, *prizes),
            Self::Settled { kind, group, by } => {
                f.write_str(match by {
                    Chance::Coin => "a coin was tossed",
                    Chance::Straws => "straws were drawn",
                })?;
                match kind {
                    TieKind::Award => write!(f, ": {group} is given one more"),
                    TieKind::Reduce => write!(f, ": {group} gives one up"),
                    TieKind::Merge => write!(f, ": {group} must realign"),
                }
            }
        }
    }
}

fn sums(f: &mut fmt::Formatter<'_>, given: Delegates, elect: Delegates) -> fmt::Result {
    write!(
        f,
        "together that is {given}, and there are {elect} to give: "
    )?;
    match given.checked_sub(elect) {
        Some(many) => write!(f, "{many} too many"),
        None => write!(
            f,
            "{} too few",
            elect.checked_sub(given).unwrap_or_default()
        ),
    }
}

fn reduced(f: &mut fmt::Formatter<'_>, group: &GroupId, over: Part, to: Delegates) -> fmt::Result {
    let most = if over.above < 0 { "less" } else { "more" };
    let share = Against(over);
    write!(
        f,
        "{group} has {share}, and no group that may give one up has {most}: it gives one up and has {to}"
    )
}

fn raised(f: &mut fmt::Formatter<'_>, group: &GroupId, under: Part, to: Delegates) -> fmt::Result {
    let share = Against(Part {
        above: under.above.saturating_neg(),
        below: under.below,
    });
    let least = if under.above > 0 {
        "lacks more"
    } else {
        "has less"
    };
    write!(
        f,
        "{group} has {share}, and no group {least}: it is given one more and has {to}"
    )
}

fn tied(f: &mut fmt::Formatter<'_>, kind: TieKind, groups: &[GroupId], prizes: u64) -> fmt::Result {
    let all = spoken(groups);
    write!(f, "{all} are exactly equal here: chance decides which ")?;
    match (kind, prizes) {
        (TieKind::Award, 1) => f.write_str("one of them is given one more"),
        (TieKind::Award, n) => write!(f, "{n} of them are given one more"),
        (TieKind::Reduce, 1) => f.write_str("one of them gives one up"),
        (TieKind::Reduce, n) => write!(f, "{n} of them give one up"),
        (TieKind::Merge, 1) => f.write_str("one of them must realign"),
        (TieKind::Merge, n) => write!(f, "{n} of them must realign"),
    }
}

fn needed(
    f: &mut fmt::Formatter<'_>,
    threshold: Threshold,
    rounding: Rounding,
    attendees: People,
) -> fmt::Result {
    let Threshold::AtLeast { people, share } = threshold else {
        return f.write_str("no groups are formed");
    };
    let exact = Mixed {
        above: u128::from(attendees.get()).saturating_mul(u128::from(share.numerator())),
        below: u128::from(share.denominator()),
    };
    write!(f, "a group needs {share} of {}: {exact}", heads(attendees))?;
    let whole = exact.whole() == u128::from(people.get());
    match rounding {
        Rounding::Up if exact.rest() > 0 => write!(f, ", rounded up to {people}"),
        Rounding::Down if exact.rest() > 0 && whole => write!(f, ", rounded down to {people}"),
        Rounding::Up | Rounding::Down if whole => Ok(()),
        Rounding::Up | Rounding::Down => write!(f, ", but at least {people}"),
    }
}

/// A group's share: why it was rounded the way it was.
fn rounded(
    f: &mut fmt::Formatter<'_>,
    group: &GroupId,
    [size, elect, below]: [u64; 3],
    half: Half,
    to: Delegates,
) -> fmt::Result {
    let share = Mixed {
        above: u128::from(size).saturating_mul(u128::from(elect)),
        below: u128::from(below),
    };
    write!(
        f,
        "{group} has {}: {size} x {elect} / {below} = {share}",
        heads(People::of_sum(size))
    )?;
    if share.rest() == 0 && share.whole() == u128::from(to.get()) {
        return Ok(());
    }
    if share.whole() > u128::from(to.get()) {
        return write!(f, "; more than all there are, so it counts as {to}");
    }
    let against_half = share.rest().saturating_mul(2).cmp(&share.below);
    let (why, up) = match (against_half, half) {
        (core::cmp::Ordering::Greater, _) => ("more than a half is rounded up", true),
        (core::cmp::Ordering::Less, _) => ("less than a half is rounded down", false),
        (core::cmp::Ordering::Equal, Half::Up) => ("exactly a half is rounded up", true),
        (core::cmp::Ordering::Equal, Half::Down) => ("exactly a half is rounded down", false),
    };
    if share.whole() == 0 && !up {
        write!(f, "; {why}, but a viable group gets at least {to}")
    } else {
        write!(f, "; {why}, to {to}")
    }
}

/// How a group stands against its share: `51/106 less than its share`.
struct Against(Part);

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Part { above, below } = self.0;
        let part = above.unsigned_abs();
        match above.cmp(&0) {
            core::cmp::Ordering::Equal => f.write_str("exactly its share"),
            core::cmp::Ordering::Greater => write!(f, "{part}/{below} more than its share"),
            core::cmp::Ordering::Less => write!(f, "{part}/{below} less than its share"),
        }
    }
}

/// `1 person`, `16 people`.
pub(crate) fn heads(people: People) -> String {
    counted(people.get(), "person", "people")
}

/// A number with its word.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    let word = if number == 1 { one } else { many };
    alloc::format!("{number} {word}")
}

/// `biden`, `biden and sanders`, `biden, sanders and warren`.
pub(crate) fn spoken(groups: &[GroupId]) -> String {
    let names: Vec<&str> = groups.iter().map(GroupId::as_str).collect();
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => String::from(*last),
        Some((last, before)) => alloc::format!("{} and {last}", before.join(", ")),
    }
}
