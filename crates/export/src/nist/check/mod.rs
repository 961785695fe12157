//! What a file in this format has to keep besides the official schema, whoever wrote it.
//!
//! The schema accepts a reference to nothing, an id used twice, a cell written twice, `other` without
//! a word, a negative count. What is checked here instead:
//!
//! - ids are unique and may stand in XML; references find an object of a class they may point to;
//! - an `Other…` stands exactly where its field says `other`; no name stands twice in an object;
//! - moments are whole seconds of UTC, days are days; a test says which, and only a test does;
//! - a reporting unit is part of the election's scope, once; `TotalSubUnits` are its units without
//!   parts, `SubUnitsReported` those whose `total` is completed, and a contest has those of its
//!   district; `Status` is partial or complete as they are;
//! - one cell a selection, unit, `Type` and `OtherType`, the same cells for every selection; a unit
//!   that is completed has all sets of the contest, one not processed has none;
//! - people and delegates are whole numbers, equivalents have at most four decimals, nothing is below 0;
//! - each parent's cell is the sum of its children's, in every set: exactly for whole numbers, and
//!   for equivalents within half a ten-thousandth for each child and for the parent.

mod counts;
mod number;
mod tree;

use std::collections::BTreeMap;
use std::fmt;

use super::file::File;
use super::walk::{Other, Walk, refers_to, walk};
use crate::Format;
use crate::day::{Day, Moment};
use crate::fault::{Difference, ExportFault};
use crate::words::words;
use tree::Tree;

/// The most problems that are listed. A file with so many is not mended one by one.
const MAX_PROBLEMS: usize = 1_000;

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What sort of thing.
    pub kind: ProblemKind,
    /// Where: an id, or a class and field.
    pub place: String,
    /// What is there.
    pub what: String,
}

words! {
    /// What sort of thing is wrong.
    pub ProblemKind {
        /// The file is not JSON, or lacks what every report has.
        Unreadable "unreadable",
        /// A name stands twice in one object.
        DoubleName "double_name",
        /// Two objects have one id.
        DoubleId "double_id",
        /// An id that may not stand in XML.
        BadId "bad_id",
        /// A reference to nothing.
        Dangling "dangling_reference",
        /// A reference to an object of another class.
        WrongClass "wrong_class",
        /// `other` without a word.
        OtherMissing "other_missing",
        /// A word without `other`.
        OtherUnasked "other_unasked",
        /// A time or day that is none.
        BadDate "bad_date",
        /// Whether this is a test is said in two ways, or by half.
        TestFlag "test_flag",
        /// A unit is no part of the scope, part of itself, or part of something twice.
        BadTree "bad_tree",
        /// Units are counted wrongly.
        SubUnits "sub_units",
        /// The report's status contradicts its units.
        Status "status",
        /// A cell stands there twice.
        DoubleCell "double_cell",
        /// A cell is missing.
        MissingCell "missing_cell",
        /// A cell stands there and should not.
        StrayCell "stray_cell",
        /// A count below nothing.
        Negative "negative",
        /// A fraction where people or delegates are counted.
        Fraction "fraction",
        /// Digits that are no number of this format.
        BadNumber "bad_number",
        /// A parent is not the sum of its children.
        Sum "sum",
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.kind, self.place, self.what)
    }
}

impl Problem {
    fn new(kind: ProblemKind, place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self {
            kind,
            place: place.to_string(),
            what: what.to_string(),
        }
    }

    /// As the reason why a file of ours is not offered.
    pub(crate) fn fault(self) -> ExportFault {
        ExportFault {
            format: Format::Nist,
            place: self.place,
            cell: self.kind.to_string(),
            what: Difference::Broken(self.what),
        }
    }
}

/// What is wrong with a file; nothing if it is sound. At most a thousand problems are listed.
pub fn check(bytes: &[u8]) -> Vec<Problem> {
    let unreadable =
        |error: serde_json::Error| vec![Problem::new(ProblemKind::Unreadable, "the file", error)];
    let walk = match walk(bytes) {
        Ok(walk) => walk,
        Err(error) => return unreadable(error),
    };
    let mut problems = Vec::new();
    references(&walk, &mut problems);
    drop(walk);
    match serde_json::from_slice::<File<'_>>(bytes) {
        Ok(file) => contents(&file, &mut problems),
        // What stands twice is refused by every reader of ours, and has been named already.
        Err(error) if problems.is_empty() => return unreadable(error),
        Err(_) => {}
    }
    problems.truncate(MAX_PROBLEMS);
    problems
}

fn contents(file: &File<'_>, problems: &mut Vec<Problem>) {
    head(file, problems);
    let tree = Tree::of(&file.gp_unit);
    tree.check(file, problems);
    for election in &file.election {
        counts::ballots(&tree, election, problems);
        for contest in &election.contest {
            counts::votes(&tree, contest, problems);
        }
    }
}

/// Letters, digits, `.`, `-` and `_`, beginning with a letter or `_`: what may be an id in XML, as far
/// as ASCII goes.
fn is_ncname(id: &str) -> bool {
    let begins = id
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    begins
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn references(walk: &Walk<'_>, problems: &mut Vec<Problem>) {
    let mut classes: BTreeMap<&str, &str> = BTreeMap::new();
    for (id, class) in &walk.ids {
        if !is_ncname(id) {
            let what = format!("`{id}` does not begin with a letter or holds what an id may not");
            problems.push(Problem::new(ProblemKind::BadId, class, what));
        }
        if let Some(other) = classes.insert(id, class) {
            let what = format!("is the id of a {other} and of a {class}");
            problems.push(Problem::new(ProblemKind::DoubleId, id, what));
        }
    }
    for reference in &walk.references {
        let place = format!("{}.{}", reference.class, reference.field);
        let allowed = refers_to(&reference.field).unwrap_or_default();
        match classes.get(reference.to.as_ref()) {
            Some(class) if allowed.contains(class) => {}
            Some(class) => {
                let what = format!("`{}` is a {class}", reference.to);
                problems.push(Problem::new(ProblemKind::WrongClass, place, what));
            }
            None => {
                let what = format!("`{}` is nowhere in the file", reference.to);
                problems.push(Problem::new(ProblemKind::Dangling, place, what));
            }
        }
    }
    for (place, other) in &walk.others {
        problems.push(match other {
            Other::Missing => Problem::new(
                ProblemKind::OtherMissing,
                place,
                "is missing beside `other`",
            ),
            Other::Unasked => Problem::new(
                ProblemKind::OtherUnasked,
                place,
                "stands where nothing says `other`",
            ),
        });
    }
    for name in &walk.doubles {
        problems.push(Problem::new(
            ProblemKind::DoubleName,
            name,
            "stands twice in one object",
        ));
    }
}

fn head(file: &File<'_>, problems: &mut Vec<Problem>) {
    if Moment::parse(&file.generated_date).is_none() {
        let what = format!("`{}` is not `YYYY-MM-DDThh:mm:ssZ`", file.generated_date);
        problems.push(Problem::new(ProblemKind::BadDate, "GeneratedDate", what));
    }
    for election in &file.election {
        let days = [
            ("StartDate", &election.start_date),
            ("EndDate", &election.end_date),
        ];
        for (field, text) in days {
            if Day::parse(text).is_none() {
                let what = format!("`{text}` is not `YYYY-MM-DD`");
                problems.push(Problem::new(ProblemKind::BadDate, field, what));
            }
        }
        if Day::parse(&election.start_date) > Day::parse(&election.end_date) {
            let what = format!("`{}` is after the end", election.start_date);
            problems.push(Problem::new(ProblemKind::BadDate, "StartDate", what));
        }
    }
    let test = file.is_test.unwrap_or(false);
    if test == file.test_type.trim().is_empty() {
        let what = format!("IsTest is {test}, TestType is `{}`", file.test_type);
        problems.push(Problem::new(ProblemKind::TestFlag, "ElectionReport", what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_may_stand_in_xml() {
        for good in ["gp-unit-19111-947310", "_a", "cand-o.rourke"] {
            assert!(is_ncname(good), "{good}");
        }
        for bad in ["", "19111-947310", "-a", "a b", "a:b", "ä"] {
            assert!(!is_ncname(bad), "{bad}");
        }
    }
}
