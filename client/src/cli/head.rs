//! What stands for a unit, asked of a node: the one place that knows how.

use std::collections::BTreeMap;

use caucus::{
    Delegates, FinalAlignment, FirstAlignment, GroupId, People, Reported, Rules, UnitId, Worksheet,
};
use merkle::{LeafHash, leaf_hash};
use proto::v1;
use receipt::Leaf;

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::results::LARGEST;
use super::trust;
use super::words::{self, row};
use crate::connection::Connections;

/// The head of a unit and the figures that count for it, as a node says. A node that lies about it
/// makes an act stale or a rival, no more: the act names the head by its hash.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) leaf_index: u64,
    pub(crate) hash: LeafHash,
    pub(crate) seq: u64,
    /// `received`, `verified` or `held`.
    pub(crate) word: String,
    /// Whether the publishers have released its figures: a review then needs two hands.
    pub(crate) released: bool,
    /// What is open, or would be settled by a review.
    pub(crate) open: Vec<Question>,
    /// Reports and records beside the head: the leaf and how it stands to it.
    pub(crate) beside: Vec<(u64, String)>,
    /// The figures that count.
    pub(crate) worksheet: Worksheet,
}

/// Something that holds a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) code: String,
    /// With the figures, as headquarters reads it.
    sentence: String,
}

/// Asks what stands for a unit; nothing, where it is silent.
pub(crate) async fn find(
    connections: &Connections,
    unit: &UnitId,
    rules: &Rules,
) -> Outcome<Option<Standing>> {
    let request = v1::GetUnitRequest {
        unit: unit.to_string(),
        local: false,
    };
    let trace = connections
        .any(|channel| {
            let request = request.clone();
            async move {
                v1::trace_client::TraceClient::new(channel)
                    .max_decoding_message_size(LARGEST)
                    .get_unit(request)
                    .await
            }
        })
        .await
        .map_err(|error| trust::no_answer("ask what stands for the unit", &error))?;
    let (Some(found), Some(head)) = (&trace.result, &trace.head) else {
        return Ok(None);
    };
    let noted = |index: u64| trace.trail.iter().find(|entry| entry.leaf_index == index);
    // What is signed is the head's hash, so it is computed from the note that was shown.
    let hash = noted(head.leaf_index)
        .map(|entry| leaf_hash(&entry.note))
        .filter(|hash| hash.as_bytes().as_slice() == &*head.leaf_hash)
        .ok_or_else(|| {
            Failure::new(Exit::Invalid, "a node contradicts itself about the unit")
                .why("the head that it names is not the note that it shows")
                .now("ask another node with --nodes, and tell headquarters")
        })?;
    let worksheet = noted(trace.figures_leaf).and_then(|entry| stated(&entry.note));
    let open = trace.findings.iter().filter(|one| one.state == "open");
    Ok(Some(Standing {
        leaf_index: head.leaf_index,
        hash,
        seq: head.seq,
        word: found.standing.clone(),
        released: found.released,
        open: open
            .map(|finding| Question {
                code: finding.code.clone(),
                sentence: finding.for_headquarters.clone(),
            })
            .collect(),
        beside: trace
            .beside
            .iter()
            .map(|beside| (beside.leaf_index, beside.standing.clone()))
            .collect(),
        worksheet: worksheet.unwrap_or_else(|| figures(found, rules)),
    }))
}

/// The sheet that a note states, if it states all of one.
fn stated(note: &[u8]) -> Option<Worksheet> {
    let (leaf, _) = Leaf::parse_entry(note).ok()?;
    figures_of(&leaf)
}

/// The sheet that a leaf states, if it states all of one.
pub(crate) fn figures_of(leaf: &Leaf) -> Option<Worksheet> {
    match leaf {
        Leaf::Submission(leaf) => Some(leaf.figures.worksheet.clone()),
        Leaf::Attest(leaf) => leaf.figures.as_worksheet(),
        Leaf::Recanvass(leaf) | Leaf::Recount(leaf) => Some(leaf.figures.worksheet.clone()),
        Leaf::Manifest(_)
        | Leaf::Activate(_)
        | Leaf::Review(_)
        | Leaf::Void(_)
        | Leaf::Dispute(_)
        | Leaf::Answer(_)
        | Leaf::Publish(_)
        | Leaf::Hold(_)
        | Leaf::Enrol(_)
        | Leaf::Revoke(_)
        | Leaf::Roster(_)
        | Leaf::Close(_)
        | Leaf::Totals(_) => None,
    }
}

/// What stands for a unit that must not be silent.
pub(crate) async fn find_some(
    connections: &Connections,
    unit: &UnitId,
    rules: &Rules,
) -> Outcome<Standing> {
    find(connections, unit, rules).await?.ok_or_else(|| {
        Failure::new(Exit::Usage, format!("nothing stands for `{unit}` yet"))
            .now("send the first report with `tally submit`")
    })
}

/// The exact bytes of a leaf.
pub(crate) async fn entry(connections: &Connections, index: u64) -> Outcome<Vec<u8>> {
    let request = v1::GetEntriesRequest {
        from: index,
        limit: 1,
    };
    let page = connections
        .any(|channel| async move {
            v1::transparency_client::TransparencyClient::new(channel)
                .get_entries(request)
                .await
        })
        .await
        .map_err(|error| trust::no_answer("fetch a leaf of the log", &error))?;
    page.entries
        .first()
        .filter(|_| page.from == index)
        .map(|entry| entry.to_vec())
        .ok_or_else(|| {
            Failure::new(Exit::Usage, format!("there is no leaf {index} in the log"))
                .now("`tally log archive DIR` fetches all that there are")
        })
}

impl Standing {
    /// What stands, to be looked at before something is decided about it.
    pub(crate) fn words(&self) -> String {
        let worksheet = &self.worksheet;
        let cells = |cells: Vec<(&GroupId, u64)>| {
            let above_zero = cells.into_iter().filter(|(_, count)| *count > 0);
            above_zero
                .map(|(group, count)| format!("{group} {count}"))
                .collect::<Vec<_>>()
                .join("  ")
        };
        let first = worksheet.first.iter().map(|(group, n)| (group, n.get()));
        let last = worksheet.last.iter().map(|(group, n)| (group, n.get()));
        let given = worksheet.reported.iter().map(|(group, n)| (group, n.get()));
        let mut lines = vec![
            format!(
                "What stands now: leaf {}, {}, report {} of the unit, {}",
                self.leaf_index,
                words::leaf_words(&self.hash),
                self.seq,
                self.word
            ),
            row("people present", worksheet.attendees.to_string()),
            row("first alignment", cells(first.collect())),
            row("final alignment", cells(last.collect())),
            row("delegates", cells(given.collect())),
        ];
        let games = worksheet
            .ties
            .iter()
            .map(|tie| row("chance", words::game(tie)));
        lines.extend(games);
        lines.extend(
            self.beside
                .iter()
                .map(|(leaf, word)| row("beside it", format!("leaf {leaf} {word}"))),
        );
        lines.extend(self.open.iter().map(|one| row("open", &one.sentence)));
        if self.released {
            lines.push(row("published", "yes: a review needs two reviewers"));
        }
        lines.join("\n")
    }
}

/// The figures of a node's row.
fn figures(row: &v1::UnitResult, rules: &Rules) -> Worksheet {
    let of = |group: &GroupId| row.groups.iter().find(|row| row.group == group.as_str());
    let people = |count: u64| People::new(count).unwrap_or_default();
    let groups = || rules.groups().iter().map(|group| &group.id);
    let column = |cell: fn(&v1::GroupResult) -> u64| -> BTreeMap<GroupId, u64> {
        groups()
            .map(|group| (group.clone(), of(group).map_or(0, cell)))
            .collect()
    };
    let people_of = |column: BTreeMap<GroupId, u64>| {
        let cells = column
            .into_iter()
            .map(|(group, count)| (group, people(count)));
        cells.collect::<BTreeMap<_, _>>()
    };
    let delegates = column(|row| row.delegates)
        .into_iter()
        .map(|(group, count)| (group, Delegates::new(count).unwrap_or_default()));
    Worksheet {
        attendees: people(row.attendees),
        first: FirstAlignment::new(people_of(column(|row| row.first_alignment))),
        last: FinalAlignment::new(people_of(column(|row| row.final_alignment))),
        reported: Reported::new(delegates.collect()),
        ties: Vec::new(),
    }
}

/// The cells in which two sheets differ, each as a line for a person.
pub(crate) fn changes(before: &Worksheet, after: &Worksheet) -> Vec<String> {
    let mut changes = Vec::new();
    let mut compare = |what: String, old: u64, new: u64| {
        if old != new {
            changes.push(format!("{what}: {old} -> {new}"));
        }
    };
    let (old, new) = (before.attendees, after.attendees);
    compare("attendees".to_owned(), old.get(), new.get());
    for group in after.first.groups() {
        let first = (before.first.get(group), after.first.get(group));
        let last = (before.last.get(group), after.last.get(group));
        let delegates = (before.reported.get(group), after.reported.get(group));
        compare(
            format!("{group} first alignment"),
            first.0.get(),
            first.1.get(),
        );
        compare(
            format!("{group} final alignment"),
            last.0.get(),
            last.1.get(),
        );
        compare(
            format!("{group} delegates"),
            delegates.0.get(),
            delegates.1.get(),
        );
    }
    if before.ties != after.ties {
        changes.push("games of chance".to_owned());
    }
    changes
}
