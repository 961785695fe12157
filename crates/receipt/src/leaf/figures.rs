//! The figures of one sheet, as notes carry them.
//!
//! What the figures mean and whether they are right is for `caucus`; whether the groups are
//! exactly the election's is for the ledger. Here they are only written down in one way.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use caucus::{
    Chance, Delegates, FinalAlignment, FirstAlignment, GroupId, MAX_TIES, People, Reported, Tie,
    TieKind, Worksheet, parse_number,
};
use merkle::Hash;
use note::b64;

use crate::lines::{self, Lines, Malformed, NoValue};
use crate::words::words;

/// The most pieces of evidence one sheet may name.
pub const MAX_EVIDENCE: usize = 16;

words! {
    /// How a second record of a sheet, or a report that the chair did not key, was made.
    pub enum Channel {
        /// Keyed from the paper sheet.
        Paper = "paper",
        /// Taken down over the telephone.
        Phone = "phone",
        /// Keyed from a photograph of the sheet.
        Photo = "photo",
        /// Signed in the room, by the caucus secretary.
        Room = "room",
    }
}

/// A file that shows the sheet, named by its hash; its bytes are kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// SHA-256 of the file.
    pub hash: Hash,
    /// What kind of file it is.
    pub media_type: MediaType,
    /// Its length in bytes.
    pub bytes: u64,
}

impl Evidence {
    fn parse(text: &str) -> Option<(String, Self)> {
        let [hash, media_type, bytes] = lines::fields(text)?;
        let evidence = Self {
            hash: lines::hash(hash)?,
            media_type: MediaType::parse(media_type)?,
            bytes: parse_number(bytes)?,
        };
        Some((hash.to_string(), evidence))
    }
}

/// A media type such as `image/jpeg`: lower case, no parameters, at most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MediaType(String);

impl MediaType {
    /// Checks the form; any type of that form is accepted.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, subtype) = text.split_once('/')?;
        let word = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'+' | b'-'))
        };
        (text.len() <= 64 && word(kind) && word(subtype)).then(|| Self(text.into()))
    }

    /// The type as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A sheet whose every cell is stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The cells and the ties.
    pub worksheet: Worksheet,
    /// Files that show the sheet, ascending by the text of their hashes.
    pub evidence: Vec<Evidence>,
}

impl Figures {
    pub(super) fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        AttestedFigures::read_cells(lines, Unreadable::Refused)?
            .into_figures()
            .ok_or_else(|| lines.fault("every cell of this note must be stated"))
    }

    /// The same figures as an attest would state them.
    pub fn attested(&self) -> AttestedFigures {
        let sheet = &self.worksheet;
        AttestedFigures {
            attendees: Some(sheet.attendees),
            first: sheet
                .first
                .iter()
                .map(|(group, n)| (group.clone(), Some(n)))
                .collect(),
            last: sheet
                .last
                .iter()
                .map(|(group, n)| (group.clone(), Some(n)))
                .collect(),
            reported: sheet
                .reported
                .iter()
                .map(|(group, n)| (group.clone(), Some(n)))
                .collect(),
            ties: sheet.ties.clone(),
            evidence: self.evidence.clone(),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sheet = &self.worksheet;
        writeln!(f, "attendees {}", sheet.attendees)?;
        for (group, people) in sheet.first.iter() {
            writeln!(f, "votes {} {group} {people}", Round::First)?;
        }
        for (group, people) in sheet.last.iter() {
            writeln!(f, "votes {} {group} {people}", Round::Final)?;
        }
        for (group, delegates) in sheet.reported.iter() {
            writeln!(f, "delegates {group} {delegates}")?;
        }
        write_rest(f, &sheet.ties, &self.evidence)
    }
}

/// A sheet as a second hand read it: a cell that could not be read is `None`, written `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestedFigures {
    /// Heads counted at the start.
    pub attendees: Option<People>,
    /// First alignment.
    pub first: BTreeMap<GroupId, Option<People>>,
    /// Final alignment.
    pub last: BTreeMap<GroupId, Option<People>>,
    /// Delegates as the sheet states them.
    pub reported: BTreeMap<GroupId, Option<Delegates>>,
    /// Ties in the order in which they were settled.
    pub ties: Vec<Tie>,
    /// Files that show the sheet, ascending by the text of their hashes.
    pub evidence: Vec<Evidence>,
}

/// Whether `-` may stand for a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unreadable {
    Allowed,
    Refused,
}

impl Unreadable {
    fn cell<T>(
        self,
        text: &str,
        count: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, NoValue> {
        match self {
            Self::Allowed => lines::dash(text, count),
            Self::Refused => count(text).map(Some).ok_or(NoValue),
        }
    }
}

impl AttestedFigures {
    pub(super) fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Self::read_cells(lines, Unreadable::Allowed)
    }

    fn read_cells(lines: &mut Lines<'_>, unreadable: Unreadable) -> Result<Self, Malformed> {
        let attendees = lines.value("attendees", "<number>", |text| {
            unreadable.cell(text, People::parse).ok()
        })?;
        let votes = lines.list("votes", "<1 or 2> <group> <number>", usize::MAX, |text| {
            let [round, group, number] = lines::fields(text)?;
            let round = Round::parse(round)?;
            let people = unreadable.cell(number, People::parse).ok()?;
            Some(((round, group), (round, GroupId::parse(group).ok()?, people)))
        })?;
        let reported = lines.list("delegates", "<group> <number>", usize::MAX, |text| {
            let [group, number] = lines::fields(text)?;
            let delegates = unreadable.cell(number, Delegates::parse).ok()?;
            Some((group, (GroupId::parse(group).ok()?, delegates)))
        })?;
        let ties = lines.repeated("tie", TIE_SHAPE, MAX_TIES, parse_tie)?;
        let evidence = lines.list(
            "evidence",
            "<hash> <media type> <bytes>",
            MAX_EVIDENCE,
            Evidence::parse,
        )?;
        let (mut first, mut last) = (BTreeMap::new(), BTreeMap::new());
        for (round, group, people) in votes {
            match round {
                Round::First => first.insert(group, people),
                Round::Final => last.insert(group, people),
            };
        }
        Ok(Self {
            attendees,
            first,
            last,
            reported: reported.into_iter().collect(),
            ties,
            evidence,
        })
    }

    /// Whether every vote and every delegate is stated, as a witness of the sheet must.
    pub fn is_complete(&self) -> bool {
        self.first
            .values()
            .chain(self.last.values())
            .all(Option::is_some)
            && self.reported.values().all(Option::is_some)
    }

    /// The figures, if every cell is stated.
    fn into_figures(self) -> Option<Figures> {
        Some(Figures {
            worksheet: Worksheet {
                attendees: self.attendees?,
                first: FirstAlignment::new(all_stated(self.first)?),
                last: FinalAlignment::new(all_stated(self.last)?),
                reported: Reported::new(all_stated(self.reported)?),
                ties: self.ties,
            },
            evidence: self.evidence,
        })
    }

    /// The worksheet, if every cell is stated.
    pub fn as_worksheet(&self) -> Option<Worksheet> {
        Some(Worksheet {
            attendees: self.attendees?,
            first: FirstAlignment::new(stated(&self.first)?),
            last: FinalAlignment::new(stated(&self.last)?),
            reported: Reported::new(stated(&self.reported)?),
            ties: self.ties.clone(),
        })
    }
}

fn all_stated<T>(cells: BTreeMap<GroupId, Option<T>>) -> Option<BTreeMap<GroupId, T>> {
    let cells = cells.into_iter();
    cells
        .map(|(group, cell)| cell.map(|cell| (group, cell)))
        .collect()
}

fn stated<T: Copy>(cells: &BTreeMap<GroupId, Option<T>>) -> Option<BTreeMap<GroupId, T>> {
    cells
        .iter()
        .map(|(group, cell)| cell.map(|cell| (group.clone(), cell)))
        .collect()
}

impl fmt::Display for AttestedFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let people = |cell: &Option<People>| cell_text(cell.map(People::get));
        writeln!(f, "attendees {}", people(&self.attendees))?;
        for (group, cell) in &self.first {
            writeln!(f, "votes {} {group} {}", Round::First, people(cell))?;
        }
        for (group, cell) in &self.last {
            writeln!(f, "votes {} {group} {}", Round::Final, people(cell))?;
        }
        for (group, cell) in &self.reported {
            writeln!(
                f,
                "delegates {group} {}",
                cell_text(cell.map(Delegates::get))
            )?;
        }
        write_rest(f, &self.ties, &self.evidence)
    }
}

/// The lines below the cells.
fn write_rest(f: &mut fmt::Formatter<'_>, ties: &[Tie], evidence: &[Evidence]) -> fmt::Result {
    for tie in ties {
        write_tie(f, tie)?;
    }
    for evidence in evidence {
        let hash = b64::encode_hash(&evidence.hash);
        writeln!(
            f,
            "evidence {hash} {} {}",
            evidence.media_type.as_str(),
            evidence.bytes
        )?;
    }
    Ok(())
}

words! {
    /// Which alignment a `votes` line is of.
    pub enum Round {
        /// First alignment.
        First = "1",
        /// Final alignment.
        Final = "2",
    }
}

fn cell_text(cell: Option<u64>) -> String {
    cell.map_or_else(|| "-".to_string(), |number| number.to_string())
}

const TIE_SHAPE: &str = "<award|reduce|merge> <groups, ascending> <one of them> <coin|straws>";

fn parse_tie(text: &str) -> Option<Tie> {
    let [kind, groups, settled_for, by] = lines::fields(text)?;
    let groups = groups
        .split(',')
        .map(|group| GroupId::parse(group).ok())
        .collect::<Option<_>>()?;
    let settled_for = GroupId::parse(settled_for).ok()?;
    Tie::new(
        TieKind::parse(kind)?,
        groups,
        settled_for,
        Chance::parse(by)?,
    )
    .ok()
}

fn write_tie(f: &mut fmt::Formatter<'_>, tie: &Tie) -> fmt::Result {
    write!(f, "tie {} ", tie.kind())?;
    for (position, group) in tie.groups().iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        write!(f, "{comma}{group}")?;
    }
    writeln!(f, " {} {}", tie.settled_for(), tie.by())
}
