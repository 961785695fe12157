//! The report itself: is it one, and is it this election's?

use alloc::format;
use alloc::string::String;

use note::SignedNote;

use super::{Check, CheckName, Reason};
use crate::election::Election;
use crate::leaf::{Leaf, Submission};

/// What the entry's bytes turned out to be.
pub(super) struct Read {
    pub(super) check: Check,
    /// The content, if it is a leaf of this election.
    pub(super) leaf: Option<Leaf>,
    /// The signed note around it; derived totals have none.
    pub(super) note: Option<SignedNote>,
}

pub(super) fn read(entry: Option<&[u8]>, election: &Election) -> Read {
    let name = CheckName::Entry;
    let Some(entry) = entry else {
        let sentence = "Not checked: the receipt names the report by its hash alone.";
        return Read {
            check: Check::not_checked(name, sentence),
            leaf: None,
            note: None,
        };
    };
    let (leaf, note) = match Leaf::parse_entry(entry) {
        Ok(read) => read,
        Err(malformed) => {
            let sentence = format!("The report is not one that the log accepts: {malformed}.");
            let check = Check::failed(name, Reason::MalformedEntry(malformed), sentence);
            return Read {
                check,
                leaf: None,
                note: None,
            };
        }
    };
    if leaf.is_of(election.id(), election.genesis()) {
        let check = Check::passed(name, describe(&leaf, election));
        return Read {
            check,
            leaf: Some(leaf),
            note,
        };
    }
    let sentence = format!(
        "The report is of another election, or of a rehearsal: it does not carry the fingerprint of {}.",
        election.id()
    );
    Read {
        check: Check::failed(name, Reason::WrongElection, sentence),
        leaf: None,
        note: None,
    }
}

fn describe(leaf: &Leaf, election: &Election) -> String {
    if let Leaf::Submission(report) = leaf {
        return describe_report(report, election);
    }
    let (kind, id) = (leaf.kind(), election.id());
    match leaf.unit() {
        Some(unit) => format!("It is a note of type {kind} about unit {unit}, of election {id}."),
        None => format!("It is a note of type {kind} of election {id}."),
    }
}

fn describe_report(report: &Submission, election: &Election) -> String {
    let roster = election.latest().roster();
    let place = match roster.unit(&report.unit) {
        Some(unit) => format!("{} ({})", report.unit, unit.name),
        None => format!("{}", report.unit),
    };
    let nature = match &report.supersedes {
        None => "the first report".into(),
        Some(_) => format!("report {}, a correction,", report.seq),
    };
    let sheet = &report.figures.worksheet;
    format!(
        "It is {nature} of unit {place} for election {}: {} people signed in, {} stood at first alignment, {} at final alignment.",
        election.id(),
        sheet.attendees,
        sheet.first.total(),
        sheet.last.total()
    )
}
