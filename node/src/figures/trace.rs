//! Everything recorded of one unit: from its figures to the signed notes behind them.

use caucus::{Kind, Roster, Severity};
use ledger::{
    AttestStanding, CountAgainView, CountKind, DisputeView, Fault, FindingState, HeadOrigin,
    LeafChange, Membership, RivalStanding, Tables, UnitFinding, UnitView, View,
};
use proto::v1;
use receipt::Leaf;
use receipt::leaf::{Answered, ClaimedCell};

use super::unit::{self, Worth};
use super::{Shown, rows};

/// The leaves of a unit's trail that one answer carries, the newest of them. A unit of an ordinary
/// night has a handful; the log itself has them all.
const LONGEST_TRAIL: usize = 256;

/// The trace of a unit; none if the roster never had it.
pub(crate) fn of<T: Tables>(
    view: &View<'_, T>,
    worth: &Worth,
    id: &caucus::UnitId,
) -> Result<Option<v1::UnitTrace>, Fault> {
    let Some(recorded) = view.unit(id)? else {
        return Ok(None);
    };
    let place = Place::of(&recorded, &worth.roster, worth);
    let mut trace = v1::UnitTrace {
        tree_size: view.tree_size()?.get(),
        root: view.root()?.as_bytes().to_vec().into(),
        kind: place.kind.to_owned(),
        county: place.county,
        pool: place.pool,
        district: place.district,
        open: recorded.membership == Membership::InForce,
        findings: recorded.findings.iter().map(finding).collect(),
        witnesses: recorded.witnesses.iter().map(|leaf| leaf.get()).collect(),
        beside: beside(view, &recorded)?,
        ..v1::UnitTrace::default()
    };
    if let Some(head) = recorded.head {
        trace.head = Some(crate::grpc::rows::head(head));
    }
    if let Some(source) = &recorded.source {
        trace.origin.push_str(match source.origin {
            HeadOrigin::Submitted => "submitted",
            HeadOrigin::Taken => "taken",
            HeadOrigin::Adopted => "adopted",
        });
        trace.figures_leaf = source.figures.get();
    }
    if let Some(sheet) = &recorded.worksheet {
        trace.worked = caucus::worked(&worth.rules, &recorded.unit, sheet);
    }
    for dispute in &recorded.disputes {
        trace.disputes.push(disputed(view, dispute)?);
    }
    let again = recorded.counts_again.iter();
    trace.counted_again = again
        .map(|count| counted_again(count, &recorded, worth))
        .collect();
    let trail = view.trail(id)?;
    let newest = trail.len().saturating_sub(LONGEST_TRAIL);
    for change in trail.iter().skip(newest) {
        trace.trail.push(entry(view, change)?);
    }
    // The trace is for whoever looks into one unit: it shows what is recorded, and says whether
    // the result pages do.
    trace.result = Some(unit::result(&recorded, worth, Shown::Everything));
    Ok(Some(trace))
}

/// Where a unit belongs.
struct Place {
    kind: &'static str,
    county: String,
    pool: String,
    district: String,
}

impl Place {
    fn of(recorded: &UnitView, roster: &Roster, worth: &Worth) -> Self {
        match &recorded.unit.kind {
            Kind::Precinct { county, .. } => Self {
                kind: "precinct",
                county: county.to_string(),
                pool: String::new(),
                district: roster
                    .county(county)
                    .and_then(|county| county.district.as_ref())
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            },
            Kind::Satellite { pool } => Self {
                kind: "satellite",
                county: String::new(),
                pool: pool.to_string(),
                district: worth
                    .rules
                    .pool(pool)
                    .and_then(|pool| pool.district.as_ref())
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            },
        }
    }
}

fn finding(found: &UnitFinding) -> v1::Finding {
    let UnitFinding { finding, state } = found;
    v1::Finding {
        code: finding.code.as_str().to_owned(),
        severity: match finding.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Evidence => "evidence",
        }
        .to_owned(),
        for_chair: finding.for_chair(),
        for_headquarters: finding.for_headquarters(),
        cells: finding.cells.iter().map(ToString::to_string).collect(),
        state: match state {
            FindingState::Open => "open",
            FindingState::Settled(_) => "settled",
            FindingState::Noted => "noted",
        }
        .to_owned(),
        settled_by: match state {
            FindingState::Settled(leaf) => Some(leaf.get()),
            FindingState::Open | FindingState::Noted => None,
        },
    }
}

/// Reports and attestations that are not the head.
fn beside<T: Tables>(view: &View<'_, T>, recorded: &UnitView) -> Result<Vec<v1::Beside>, Fault> {
    let rivals = recorded.rivals.iter().map(|rival| v1::Beside {
        leaf_index: rival.leaf.index.get(),
        leaf_hash: rival.leaf.hash.as_bytes().to_vec().into(),
        standing: match rival.standing {
            RivalStanding::Agrees => "agrees",
            RivalStanding::Differs => "differs",
            RivalStanding::Superseded => "superseded",
            RivalStanding::Voided => "voided",
            RivalStanding::Stray => "stray",
        }
        .to_owned(),
    });
    let mut all: Vec<v1::Beside> = rivals.collect();
    for attest in &recorded.attests {
        let hash = view.leaf(attest.leaf)?.map(|leaf| merkle::leaf_hash(&leaf));
        all.push(v1::Beside {
            leaf_index: attest.leaf.get(),
            leaf_hash: hash
                .map(|hash| hash.as_bytes().to_vec().into())
                .unwrap_or_default(),
            standing: match attest.standing {
                AttestStanding::Waits => "attestation, nothing to compare with yet",
                AttestStanding::Agrees => "attestation, agrees",
                AttestStanding::Incomplete => "attestation, agrees as far as it could be read",
                AttestStanding::Differs => "attestation, differs",
            }
            .to_owned(),
        });
    }
    all.sort_by_key(|beside| beside.leaf_index);
    Ok(all)
}

fn disputed<T: Tables>(view: &View<'_, T>, dispute: &DisputeView) -> Result<v1::Dispute, Fault> {
    let note = view.leaf(dispute.leaf.index)?;
    let leaf = note.and_then(|bytes| Leaf::parse_entry(&bytes).ok());
    let (claims, reason) = match leaf {
        Some((Leaf::Dispute(content), _)) => (
            content.cells.iter().map(claim).collect(),
            content.reason.to_string(),
        ),
        Some(_) | None => (Vec::new(), String::new()),
    };
    Ok(v1::Dispute {
        leaf_index: dispute.leaf.index.get(),
        leaf_hash: dispute.leaf.hash.as_bytes().to_vec().into(),
        of: dispute.of.as_bytes().to_vec().into(),
        claims,
        reason,
        state: match dispute.answer {
            None => "open",
            Some((_, Answered::Yes)) => "upheld",
            Some((_, Answered::No)) => "rejected",
        }
        .to_owned(),
        answered_by: dispute.answer.map(|(leaf, _)| leaf.get()),
    })
}

fn claim(cell: &ClaimedCell) -> String {
    match &cell.group {
        Some(group) => format!("{group} {} {}", cell.column, cell.claimed),
        None => format!("{} {}", cell.column, cell.claimed),
    }
}

fn counted_again(count: &CountAgainView, recorded: &UnitView, worth: &Worth) -> v1::CountedAgain {
    let sheet = &count.worksheet;
    v1::CountedAgain {
        kind: match count.kind {
            CountKind::Recanvass => "recanvass",
            CountKind::Recount => "recount",
        }
        .to_owned(),
        leaf_index: count.leaf.index.get(),
        adopted: count.adopted == Answered::Yes,
        attendees: sheet.attendees.get(),
        groups: rows::of_sheet(
            &worth.rules,
            sheet,
            |group| sheet.reported.get(group),
            &worth.of(&recorded.unit, sheet),
        ),
    }
}

fn entry<T: Tables>(view: &View<'_, T>, change: &LeafChange) -> Result<v1::TrailEntry, Fault> {
    let deeds = change.units.iter().flat_map(|unit| &unit.deeds);
    let mut effects: Vec<String> = deeds.map(|deed| deed.as_str().to_owned()).collect();
    if let (Some(scope), true) = (&change.scope, effects.is_empty()) {
        effects.push(format!("{} {scope}", change.kind));
    }
    let note = view.leaf(change.leaf.index)?.unwrap_or_default();
    Ok(v1::TrailEntry {
        leaf_index: change.leaf.index.get(),
        leaf_hash: change.leaf.hash.as_bytes().to_vec().into(),
        r#type: change.kind.to_string(),
        signers: change
            .signers
            .iter()
            .map(|signer| signer.name.to_string())
            .collect(),
        claimed_time: change.claimed.map_or(0, note::UnixSeconds::get),
        effects,
        note: note.into(),
    })
}
