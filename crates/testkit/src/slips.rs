//! Contradictions as chairs and operators made them in 2020, put into a sheet on purpose.

use caucus::{
    Delegates, FinalAlignment, FirstAlignment, GroupId, People, Reported, Rules, Severity, Unit,
    Worksheet, findings,
};

use crate::random::Random;

/// One way of getting a sheet wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slip {
    /// More people at the end than at the beginning.
    PeopleJoined,
    /// A locked group is written down with fewer people than it had.
    GroupShrank,
    /// A delegate goes to a group that is not viable.
    NotViablePaid,
    /// One delegate too many.
    OneTooMany,
    /// One delegate too few.
    OneTooFew,
    /// A delegate goes from one viable group to another.
    WrongSplit,
    /// A group's final count stands in another group's row.
    WrongRow,
    /// The first column is empty.
    FirstColumnMissing,
    /// The delegates are empty.
    DelegatesMissing,
}

/// How often each occurred among 1,765 units, roughly.
const FREQUENCIES: [(Slip, u64); 9] = [
    (Slip::PeopleJoined, 83),
    (Slip::GroupShrank, 30),
    (Slip::NotViablePaid, 31),
    (Slip::OneTooMany, 23),
    (Slip::OneTooFew, 22),
    (Slip::WrongSplit, 43),
    (Slip::WrongRow, 4),
    (Slip::FirstColumnMissing, 1),
    (Slip::DelegatesMissing, 1),
];

/// Tries slips until one contradicts the rules on this sheet; says which. A sheet of an empty room
/// cannot be got wrong that way and stays as it is.
pub(crate) fn slip(
    random: &mut Random,
    rules: &Rules,
    unit: &Unit,
    worksheet: &mut Worksheet,
) -> Option<Slip> {
    let weights = FREQUENCIES.map(|(_, weight)| weight);
    for _ in 0..40 {
        let index = random.weighted(&weights)?;
        let (slip, _) = FREQUENCIES.get(index)?;
        let mut wrong = Columns::of(worksheet);
        wrong.apply(*slip, random);
        let wrong = wrong.into_worksheet(worksheet);
        let contradicts = findings(unit, rules, &wrong)
            .iter()
            .any(|finding| finding.severity() == Severity::Error);
        if contradicts {
            *worksheet = wrong;
            return Some(*slip);
        }
    }
    None
}

/// A sheet's columns as plain numbers, by row.
struct Columns {
    groups: Vec<GroupId>,
    first: Vec<u64>,
    last: Vec<u64>,
    given: Vec<u64>,
}

impl Columns {
    fn of(worksheet: &Worksheet) -> Self {
        Self {
            groups: worksheet.last.groups().cloned().collect(),
            first: worksheet
                .first
                .iter()
                .map(|(_, count)| count.get())
                .collect(),
            last: worksheet
                .last
                .iter()
                .map(|(_, count)| count.get())
                .collect(),
            given: worksheet
                .reported
                .iter()
                .map(|(_, count)| count.get())
                .collect(),
        }
    }

    fn into_worksheet(self, right: &Worksheet) -> Worksheet {
        let people = |count: u64| People::new(count).expect("a room's size");
        let delegates = |count: u64| Delegates::new(count).expect("a small number");
        let groups = || self.groups.iter().cloned();
        Worksheet {
            attendees: right.attendees,
            first: groups()
                .zip(self.first.iter().copied().map(people))
                .collect::<FirstAlignment>(),
            last: groups()
                .zip(self.last.iter().copied().map(people))
                .collect::<FinalAlignment>(),
            reported: groups()
                .zip(self.given.iter().copied().map(delegates))
                .collect::<Reported>(),
            ties: right.ties.clone(),
        }
    }

    fn apply(&mut self, slip: Slip, random: &mut Random) {
        match slip {
            Slip::PeopleJoined => change(row(&mut self.last, random, |count| count > 0), |count| {
                count + random.between(1, 9)
            }),
            Slip::GroupShrank => change(row(&mut self.last, random, |count| count > 1), |count| {
                count - random.between(1, count.min(6))
            }),
            Slip::NotViablePaid => {
                change(row(&mut self.given, random, |count| count > 0), |count| {
                    count - 1
                });
                change(row(&mut self.given, random, |count| count == 0), |count| {
                    count + 1
                });
            }
            Slip::OneTooMany => {
                change(row(&mut self.given, random, |count| count > 0), |count| {
                    count + 1
                });
            }
            Slip::OneTooFew => {
                change(row(&mut self.given, random, |count| count > 0), |count| {
                    count - 1
                });
            }
            Slip::WrongSplit => {
                change(row(&mut self.given, random, |count| count > 1), |count| {
                    count - 1
                });
                change(row(&mut self.given, random, |count| count > 0), |count| {
                    count + 1
                });
            }
            Slip::WrongRow => {
                let moved = row(&mut self.last, random, |count| count > 0).map(std::mem::take);
                change(row(&mut self.last, random, |count| count == 0), |count| {
                    count + moved.unwrap_or_default()
                });
            }
            Slip::FirstColumnMissing => self.first.fill(0),
            Slip::DelegatesMissing => self.given.fill(0),
        }
    }
}

/// One cell of a column among those that fit.
fn row<'a>(
    column: &'a mut [u64],
    random: &mut Random,
    fits: impl Fn(u64) -> bool,
) -> Option<&'a mut u64> {
    let rows: Vec<usize> = (0..column.len())
        .filter(|row| column.get(*row).is_some_and(|count| fits(*count)))
        .collect();
    let row = random.pick(&rows)?;
    column.get_mut(*row)
}

fn change(cell: Option<&mut u64>, to: impl FnOnce(u64) -> u64) {
    if let Some(cell) = cell {
        *cell = to(*cell);
    }
}
