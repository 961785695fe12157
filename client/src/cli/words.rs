//! What a note says, in plain words, so that nobody signs blind; and sheets as a person reads them.
//!
//! Every line of the note comes out: what is not said here was not meant to be signed.

use caucus::{FindingCode, GroupId, Tie, TieKind, Unit, UnitId, Worksheet};
use merkle::LeafHash;
use receipt::leaf::{
    Amendment, Answered, Attest, AttestedFigures, Channel, ClaimedCell, Column, CountAgain,
    Decision, Dispute, Earlier, Enrol, Evidence, Figures, Place, Review, Revoke, Scope, Submission,
};
use receipt::{Election, Leaf, ShortCode};

/// Width of the names in front of values.
const NAMES: usize = 17;

/// What a leaf says, line by line: first what it is, then each thing it states.
pub(crate) fn says(leaf: &Leaf, election: &Election) -> Vec<String> {
    let teller = Teller { election };
    let mut lines = teller.act(leaf);
    if let Some(reason) = reason(leaf) {
        lines.push(row("reason", reason));
    }
    lines
}

/// The sheet in a few lines, to be compared with the paper.
pub(crate) fn summary(unit: &Unit, worksheet: &Worksheet) -> String {
    let figures = Figures {
        worksheet: worksheet.clone(),
        evidence: Vec::new(),
    };
    let people = worksheet.attendees;
    let heading = format!("{} ({}), {people} people", unit.name, unit.id);
    std::iter::once(heading)
        .chain(columns(&figures.attested()))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The short code of a leaf, as it stands on receipts, and its hash in full.
pub(crate) fn leaf_words(hash: &LeafHash) -> String {
    format!("code {}", ShortCode::of_leaf(hash))
}

/// One named value.
pub(crate) fn row(name: &str, value: impl AsRef<str>) -> String {
    format!("  {name:<NAMES$} {}", value.as_ref())
        .trim_end()
        .to_owned()
}

/// A game of chance as a sentence.
pub(crate) fn game(tie: &Tie) -> String {
    let groups: Vec<&str> = tie.groups().iter().map(GroupId::as_str).collect();
    let (about, verdict) = match tie.kind() {
        TieKind::Award => ("a delegate more", "won by"),
        TieKind::Reduce => ("a delegate fewer", "lost by"),
        TieKind::Merge => ("who must realign", "lost by"),
    };
    format!(
        "{about} between {}: {verdict} {} by {}",
        groups.join(", "),
        tie.settled_for(),
        tie.by()
    )
}

/// The three columns and the games of chance; cells that are zero are left out, one that could not
/// be read is `?`.
fn columns(figures: &AttestedFigures) -> Vec<String> {
    fn column<N: ToString>(name: &str, cells: impl Iterator<Item = (String, Option<N>)>) -> String {
        let shown: Vec<String> = cells
            .map(|(group, cell)| {
                let cell = cell.map_or_else(|| "?".to_owned(), |number| number.to_string());
                (group, cell)
            })
            .filter(|(_, cell)| cell != "0")
            .map(|(group, cell)| format!("{group} {cell}"))
            .collect();
        row(name, shown.join("  "))
    }
    let named = |group: &GroupId| group.to_string();
    let first = figures.first.iter().map(|(group, n)| (named(group), *n));
    let last = figures.last.iter().map(|(group, n)| (named(group), *n));
    let delegates = figures.reported.iter().map(|(group, n)| (named(group), *n));
    let mut lines = vec![
        column("first alignment", first),
        column("final alignment", last),
        column("delegates", delegates),
    ];
    lines.extend(figures.ties.iter().map(|tie| row("chance", game(tie))));
    lines
}

/// Says things with the election's names.
struct Teller<'a> {
    election: &'a Election,
}

impl Teller<'_> {
    fn act(&self, leaf: &Leaf) -> Vec<String> {
        match leaf {
            Leaf::Manifest(manifest) => vec![
                format!(
                    "Manifest {} of {}",
                    manifest.version, manifest.header.election
                ),
                row("text", note::b64::encode_hash(&manifest.genesis())),
            ],
            Leaf::Activate(activate) => vec![
                "Let a successor manifest in".to_owned(),
                row("manifest", note::b64::encode_hash(&activate.manifest)),
            ],
            Leaf::Submission(submission) => self.submission(submission),
            Leaf::Attest(attest) => self.attest(attest),
            Leaf::Review(review) => self.review(review),
            Leaf::Void(void) => {
                let unit = self.unit(&void.unit);
                vec![
                    format!("Void what stands for {unit}: it goes, the record of it stays"),
                    row("goes", leaf_words(&void.of)),
                ]
            }
            Leaf::Dispute(dispute) => self.dispute(dispute),
            Leaf::Answer(answer) => {
                let right = match answer.upheld {
                    Answered::Yes => "was right",
                    Answered::No => "was not right",
                };
                vec![
                    format!("Answer a dispute: the campaign {right}"),
                    row("dispute", leaf_words(&answer.to)),
                ]
            }
            Leaf::Recanvass(again) => self.again("Recanvass", again),
            Leaf::Recount(again) => self.again("Recount", again),
            Leaf::Publish(gate) => {
                let scope = self.scope(&gate.scope);
                vec![format!(
                    "Show the results of {scope} on the result pages and feeds"
                )]
            }
            Leaf::Hold(gate) => {
                let scope = self.scope(&gate.scope);
                vec![format!(
                    "Hold the results of {scope} back from the result pages and feeds; the log \
                     shows them"
                )]
            }
            Leaf::Enrol(enrol) => self.enrol(enrol),
            Leaf::Revoke(revoke) => revoked(revoke),
            Leaf::Roster(change) => vec![self.amendment(&change.amendment)],
            Leaf::Close(_) => vec!["Mark all reports from here on as late".to_owned()],
            Leaf::Totals(_) => vec!["Totals, derived from the log".to_owned()],
        }
    }

    fn attest(&self, attest: &Attest) -> Vec<String> {
        let how = match attest.channel {
            Channel::Paper => "read from the paper sheet",
            Channel::Phone => "taken down by telephone",
            Channel::Photo => "read from a photograph of the sheet",
            Channel::Room => "written down in the room",
        };
        let heading = format!("Second record of {}, {how}", self.unit(&attest.unit));
        std::iter::once(heading)
            .chain(sheet(&attest.figures))
            .collect()
    }

    fn dispute(&self, dispute: &Dispute) -> Vec<String> {
        let heading = format!("Dispute what stands for {}", self.unit(&dispute.unit));
        let cells = dispute
            .cells
            .iter()
            .map(|claim| row("should be", cell(claim)));
        [heading, row("disputed", leaf_words(&dispute.of))]
            .into_iter()
            .chain(cells)
            .collect()
    }

    fn enrol(&self, enrol: &Enrol) -> Vec<String> {
        let place = match &enrol.place {
            Place::Slot { unit, slot } => format!("slot {slot} of {}", self.unit(unit)),
            Place::Role(role) => format!("role {role}"),
        };
        let replaces = enrol.replaces.as_ref();
        let replaces = replaces.map(|key| row("replaces", key.to_string()));
        let key = format!("{} {}", enrol.key.name(), enrol.key.id());
        [format!("Enrol a key for {place}"), row("key", key)]
            .into_iter()
            .chain(replaces)
            .collect()
    }

    fn submission(&self, submission: &Submission) -> Vec<String> {
        let unit = self.unit(&submission.unit);
        let how = match submission.channel {
            None => "",
            Some(Channel::Paper) => ", keyed from the paper sheet",
            Some(Channel::Phone) => ", taken down by telephone",
            Some(Channel::Photo) => ", keyed from a photograph of the sheet",
            Some(Channel::Room) => ", written down in the room",
        };
        let number = if submission.seq == 1 {
            "Report".to_owned()
        } else {
            format!("Report {}, a correction,", submission.seq)
        };
        let mut lines = vec![format!("{number} of {unit}{how}")];
        let corrects = submission.supersedes.as_ref();
        lines.extend(corrects.map(|leaf| row("in place of", leaf_words(leaf))));
        let voucher = submission.voucher.as_ref();
        lines.extend(voucher.map(|code| row("voucher", code.to_string())));
        lines.extend(sheet(&submission.figures.attested()));
        lines
    }

    fn review(&self, review: &Review) -> Vec<String> {
        let unit = self.unit(&review.unit);
        let mut lines = vec![
            match &review.decision {
                Decision::Accept => format!("Accept what stands for {unit}"),
                Decision::Take(_) => format!("Take other figures for {unit}"),
                Decision::Ask => format!("Ask the chair of {unit}; it stays held"),
                Decision::Hold => format!("Hold {unit}"),
            },
            row("stands", leaf_words(&review.of)),
        ];
        if let Decision::Take(leaf) = &review.decision {
            lines.push(row("figures from", leaf_words(leaf)));
        }
        let named = match review.decision {
            Decision::Accept => "settles",
            Decision::Take(_) | Decision::Ask | Decision::Hold => "about",
        };
        let codes = review
            .findings
            .iter()
            .map(|code| match FindingCode::parse(code.as_str()) {
                Some(known) => {
                    let words = caucus::Finding::new(known, Vec::new(), String::new()).for_chair();
                    row(named, format!("{}: {words}", code.as_str()))
                }
                None => row(named, code.as_str()),
            });
        lines.extend(codes);
        lines
    }

    fn again(&self, what: &str, again: &CountAgain) -> Vec<String> {
        let adopt = match again.adopt {
            Answered::Yes => "these figures become the unit's",
            Answered::No => "set beside the figures that stand",
        };
        let heading = format!("{what} of {}: {adopt}", self.unit(&again.unit));
        std::iter::once(heading)
            .chain(sheet(&again.figures.attested()))
            .collect()
    }

    fn scope(&self, scope: &Scope) -> String {
        match scope {
            Scope::All => "all units".to_owned(),
            Scope::County(id) => {
                let county = self.election.latest().roster().county(id);
                county.map_or_else(
                    || format!("county {id}"),
                    |county| format!("county {} ({id})", county.name),
                )
            }
            Scope::Unit(unit) => self.unit(unit),
        }
    }

    fn amendment(&self, amendment: &Amendment) -> String {
        match amendment {
            Amendment::Add(unit) => format!("Add to the roster: {}", unit.to_line()),
            Amendment::Close(unit) => format!(
                "{} does not meet; what is sent for it counts nowhere",
                self.unit(unit)
            ),
            Amendment::Merge {
                from,
                into,
                delegates,
            } => format!(
                "{} meets together with {}, which elects {delegates} delegates from now on",
                self.unit(from),
                self.unit(into)
            ),
            Amendment::Withdraw(group) => {
                let known = self.election.latest().rules().group(group);
                let name = known.map_or_else(|| group.to_string(), |known| known.name.clone());
                format!("{name} ({group}) has withdrawn; people who stand there are flagged")
            }
        }
    }

    fn unit(&self, id: &UnitId) -> String {
        let known = self.election.latest().roster().unit(id);
        known.map_or_else(|| id.to_string(), |unit| format!("{} ({id})", unit.name))
    }
}

fn revoked(revoke: &Revoke) -> Vec<String> {
    let earlier = match revoke.earlier {
        Earlier::Doubt => "in doubt: what it signed is withdrawn, its units are held",
        Earlier::Stand => "stand",
    };
    vec![
        "Revoke a key: it counts no longer".to_owned(),
        row("key", revoke.key.to_string()),
        row("earlier acts", earlier),
    ]
}

/// A whole sheet: attendance, columns, evidence.
fn sheet(figures: &AttestedFigures) -> Vec<String> {
    let people = figures.attendees;
    let people = people.map_or_else(|| "?".to_owned(), |people| people.to_string());
    let mut lines = vec![row("people present", people)];
    lines.extend(columns(figures));
    let file = |evidence: &Evidence| {
        row(
            "evidence",
            format!(
                "{}, {} bytes, sha256 {}",
                evidence.media_type.as_str(),
                evidence.bytes,
                evidence.hash.to_hex()
            ),
        )
    };
    lines.extend(figures.evidence.iter().map(file));
    lines
}

fn cell(claim: &ClaimedCell) -> String {
    let column = match claim.column {
        Column::Attendees => "people present",
        Column::Delegates => "delegates",
        Column::Final => "final alignment",
        Column::First => "first alignment",
    };
    match &claim.group {
        Some(group) => format!("{group}, {column}: {}", claim.claimed),
        None => format!("{column}: {}", claim.claimed),
    }
}

fn reason(leaf: &Leaf) -> Option<&str> {
    let reason = match leaf {
        Leaf::Activate(leaf) => &leaf.reason,
        Leaf::Review(leaf) => &leaf.reason,
        Leaf::Void(leaf) => &leaf.reason,
        Leaf::Dispute(leaf) => &leaf.reason,
        Leaf::Answer(leaf) => &leaf.reason,
        Leaf::Recanvass(leaf) | Leaf::Recount(leaf) => &leaf.reason,
        Leaf::Publish(leaf) | Leaf::Hold(leaf) => &leaf.reason,
        Leaf::Enrol(leaf) => &leaf.reason,
        Leaf::Revoke(leaf) => &leaf.reason,
        Leaf::Roster(leaf) => &leaf.reason,
        Leaf::Close(leaf) => &leaf.reason,
        Leaf::Manifest(_) | Leaf::Submission(_) | Leaf::Attest(_) | Leaf::Totals(_) => {
            return None;
        }
    };
    Some(reason.as_str())
}
