//! The report itself: is it one, and is it this election's?

use alloc::format;
use alloc::string::String;

use merkle::sha256;
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

pub(super) fn read(entry: &[u8], election: &Election) -> Read {
    let name = CheckName::Entry;
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
    if is_of(&leaf, election) {
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

/// Whether a leaf carries this election's name and genesis.
fn is_of(leaf: &Leaf, election: &Election) -> bool {
    let (id, genesis) = match leaf {
        Leaf::Totals(totals) => (&totals.election, Some(totals.genesis)),
        Leaf::Manifest(manifest) if manifest.header.genesis.is_none() => (
            &manifest.header.election,
            Some(sha256(leaf.text().as_bytes())),
        ),
        other => match other.header() {
            Some(header) => (&header.election, header.genesis),
            None => return false,
        },
    };
    id == election.id() && genesis == Some(*election.genesis())
}

fn describe(leaf: &Leaf, election: &Election) -> String {
    let id = election.id();
    match leaf {
        Leaf::Submission(report) => describe_report(report, election),
        other => match other.unit() {
            Some(unit) => format!(
                "It is a note of type {} about unit {unit}, of election {id}.",
                other.kind()
            ),
            None => format!("It is a note of type {} of election {id}.", other.kind()),
        },
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
