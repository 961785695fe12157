//! From a publication to the document.

use std::borrow::Cow;

use caucus::{Basis, DistrictId, GroupId, Kind, Standing};

use super::shape::{
    BallotCounts, Candidate, Class, Contest, Election, GpUnit, Identifier, Party, Report,
    Selection, Status, Text, VoteCounts, Words,
};
use super::{
    ATTENDEES, ELECTION, LEAF, LOG_ROOT, LOG_SIZE, POOL, RECEIPT, REHEARSAL, SATELLITE, SEQ,
    other_type,
};
use crate::areas::{Area, areas, places_of, rows};
use crate::facts::{Place, decimal};
use crate::number::Decimal;
use crate::publication::{Mark, Mode, Publication, Published, Set, UnitRow};

const STATE: &str = "gp-state";
const PARTY: &str = "party";

/// The document's bytes.
pub(crate) fn write(publication: &Publication) -> Result<Vec<u8>, serde_json::Error> {
    let areas = areas(publication);
    let whole = areas.first().map(|area| area.counts).unwrap_or_default();
    let (prefix, test_type) = match publication.mode {
        Mode::Live => ("", None),
        Mode::Rehearsal => (REHEARSAL, Some("rehearsal")),
    };
    let units = publication
        .units
        .iter()
        .filter_map(|row| unit(publication, row));
    let log = publication.log;
    let report = Report {
        class: Class("ElectionReport"),
        format: "precinct-level",
        generated_date: publication.generated.to_string(),
        issuer: format!("{prefix}{}", publication.issuer.name),
        issuer_abbreviation: &publication.issuer.abbreviation,
        sequence_start: 1,
        sequence_end: 1,
        status: status(publication, whole.reported == whole.units),
        vendor_application_id: format!(
            "{} rules-sha256={}",
            publication.build,
            publication.rules_hash.to_hex()
        ),
        is_test: publication.mode == Mode::Rehearsal,
        test_type,
        notes: notes(publication),
        external_identifier: vec![
            other(LOG_SIZE, log.size.to_string()),
            other(LOG_ROOT, log.root.to_hex()),
        ],
        gp_unit: areas
            .iter()
            .map(|area| area_unit(publication, area))
            .chain(units)
            .collect(),
        party: [Party {
            class: Class("Party"),
            id: PARTY,
            name: text(&publication.issuer.name),
        }],
        election: [election(publication, &areas)],
    };
    serde_json::to_vec(&report)
}

fn status(publication: &Publication, complete: bool) -> &'static str {
    let marked = |mark| {
        publication
            .units
            .iter()
            .any(|row| row.marks.contains(&mark))
    };
    if !complete {
        "unofficial-partial"
    } else if marked(Mark::Recounted) {
        "recount"
    } else if marked(Mark::Corrected) {
        "correction"
    } else {
        "unofficial-complete"
    }
}

fn notes(publication: &Publication) -> String {
    let marked = |mark| {
        publication
            .units
            .iter()
            .filter(|row| row.marks.contains(&mark))
            .count()
    };
    format!(
        "log_size={}; log_root_sha256={}; corrected_units={}; recounted_units={}; counts are as \
         reported; three sets of data: first-alignment and final-alignment are people, \
         state-delegate-equivalents are rounded to four decimals from exact sums, and \
         county-delegates are what they are made of; none of them is a total of the others",
        publication.log.size,
        publication.log.root.to_hex(),
        marked(Mark::Corrected),
        marked(Mark::Recounted),
    )
}

/// An identifier of a kind that the standard has no word for.
fn other<'a>(kind: &'static str, value: impl Into<Cow<'a, str>>) -> Identifier<'a> {
    Identifier {
        class: Class("ExternalIdentifier"),
        r#type: "other",
        other_type: Some(kind),
        value: value.into(),
    }
}

fn identifier<'a>(kind: &'static str, value: &'a str) -> Identifier<'a> {
    Identifier {
        class: Class("ExternalIdentifier"),
        r#type: kind,
        other_type: None,
        value: Cow::Borrowed(value),
    }
}

fn text(content: &str) -> Text<'_> {
    let words = Words {
        class: Class("LanguageString"),
        content,
        language: "en",
    };
    Text {
        class: Class("InternationalizedText"),
        text: [words],
    }
}

/// An id that may stand in the standard's XML as well: it begins with a letter.
fn gp_id(place: Place<'_>) -> String {
    match place {
        Place::State => STATE.to_owned(),
        Place::Whole
        | Place::District(_)
        | Place::County(_)
        | Place::Pool(_)
        | Place::Unit(_)
        | Place::National(_)
        | Place::Group(_) => format!("gp-{}-{}", place.level(), place.id()),
    }
}

fn area_unit<'a>(publication: &'a Publication, area: &Area<'a>) -> GpUnit<'a> {
    let place = area.place;
    let (r#type, other_type, identifiers) = match place {
        Place::District(id) => ("congressional", None, vec![identifier("state-level", id)]),
        Place::County(id) => {
            let fips = id.len() == 5 && id.bytes().all(|byte| byte.is_ascii_digit());
            let kind = if fips { "fips" } else { "state-level" };
            ("county", None, vec![identifier(kind, id)])
        }
        Place::Pool(id) => ("other", Some(POOL), vec![identifier("state-level", id)]),
        Place::State | Place::Whole | Place::Unit(_) | Place::National(_) | Place::Group(_) => {
            ("state", None, Vec::new())
        }
    };
    GpUnit {
        class: Class("ReportingUnit"),
        id: gp_id(place),
        r#type,
        other_type,
        name: text(area.name),
        composing_gp_unit_ids: parts(publication, place),
        sub_units_reported: Some(area.counts.reported),
        total_sub_units: Some(area.counts.units),
        voters_participated: None,
        count_status: Vec::new(),
        external_identifier: identifiers,
    }
}

/// What an area is made of.
fn parts(publication: &Publication, whole: Place<'_>) -> Vec<String> {
    let counties = publication.roster.counties();
    let counties = counties.map(|county| (Place::County(county.id.as_str()), &county.district));
    let pools = publication.rules.pools().iter();
    let pools = pools.map(|pool| (Place::Pool(pool.id.as_str()), &pool.district));
    let within = |id: &str, district: &Option<DistrictId>| {
        district
            .as_ref()
            .is_some_and(|district| district.as_str() == id)
    };
    match whole {
        Place::State => counties
            .chain(pools)
            .map(|(place, _)| gp_id(place))
            .collect(),
        Place::District(id) => counties
            .chain(pools)
            .filter(|(_, district)| within(id, district))
            .map(|(place, _)| gp_id(place))
            .collect(),
        Place::County(_) | Place::Pool(_) => publication
            .roster
            .units()
            .filter(|unit| match &unit.kind {
                Kind::Precinct { county, .. } => whole == Place::County(county.as_str()),
                Kind::Satellite { pool } => whole == Place::Pool(pool.as_str()),
            })
            .map(|unit| gp_id(Place::Unit(unit.id.as_str())))
            .collect(),
        Place::Whole | Place::Unit(_) | Place::National(_) | Place::Group(_) => Vec::new(),
    }
}

fn unit<'a>(publication: &'a Publication, row: &'a UnitRow) -> Option<GpUnit<'a>> {
    let unit = publication.roster.unit(&row.unit)?;
    let (r#type, other_type) = match &unit.kind {
        Kind::Precinct { .. } => ("precinct", None),
        Kind::Satellite { .. } => ("other", Some(SATELLITE)),
    };
    let mut identifiers = vec![identifier("state-level", row.unit.as_str())];
    if let Some(head) = row.report.head() {
        identifiers.push(other(RECEIPT, head.hash.to_hex()));
        identifiers.push(other(LEAF, head.leaf.to_string()));
        identifiers.push(other(SEQ, head.seq.to_string()));
    }
    Some(GpUnit {
        class: Class("ReportingUnit"),
        id: gp_id(Place::Unit(row.unit.as_str())),
        r#type,
        other_type,
        name: text(&unit.name),
        composing_gp_unit_ids: Vec::new(),
        sub_units_reported: None,
        total_sub_units: None,
        voters_participated: row
            .report
            .figures()
            .map(|figures| figures.worksheet.attendees.get()),
        count_status: statuses(row),
        external_identifier: identifiers,
    })
}

fn statuses(row: &UnitRow) -> Vec<Status> {
    let total = match row.report.published() {
        Published::Silent => "not-processed",
        Published::Withheld => "in-process",
        Published::Released => "completed",
    };
    let mut statuses = vec![Status {
        class: Class("CountStatus"),
        r#type: "total",
        other_type: None,
        status: total,
    }];
    let sets = Set::ALL
        .into_iter()
        .map(|set| other_status(other_type(set), total));
    statuses.extend(sets);
    if row.report.published() == Published::Withheld {
        statuses.push(other_status("withheld", "in-process"));
    }
    match row.standing {
        Standing::Silent => {}
        Standing::Received => statuses.push(other_status("second-entry", "not-processed")),
        Standing::Verified => statuses.push(other_status("second-entry", "completed")),
        Standing::Held => {
            statuses.push(other_status("second-entry", "in-process"));
            statuses.push(other_status("under-review", "in-process"));
        }
    }
    statuses.extend(row.marks.iter().map(|mark| {
        let status = match mark {
            Mark::Disputed => "in-process",
            Mark::Corrected | Mark::Recanvassed | Mark::Recounted | Mark::Late => "completed",
        };
        other_status(mark.as_str(), status)
    }));
    statuses
}

fn other_status(kind: &'static str, status: &'static str) -> Status {
    Status {
        class: Class("CountStatus"),
        r#type: "other",
        other_type: Some(kind),
        status,
    }
}

fn election<'a>(publication: &'a Publication, areas: &[Area<'a>]) -> Election<'a> {
    let whole = areas.first().map(|area| area.counts).unwrap_or_default();
    let groups = publication.rules.groups().iter();
    let day = publication.day.to_string();
    Election {
        class: Class("Election"),
        name: text(&publication.title),
        start_date: day.clone(),
        end_date: day,
        r#type: "other",
        other_type: "caucus",
        election_scope_id: STATE,
        external_identifier: [other(ELECTION, publication.election.as_str())],
        candidate: groups
            .clone()
            .map(|group| Candidate {
                class: Class("Candidate"),
                id: format!("cand-{}", group.id),
                ballot_name: text(&group.name),
                // Nobody stands behind these two; they are no party's candidate.
                party_id: (!matches!(group.id.as_str(), "other" | "uncommitted")).then_some(PARTY),
            })
            .collect(),
        ballot_counts: attendees(publication, areas),
        contest: [Contest {
            class: Class("CandidateContest"),
            id: "contest-preference",
            name: publication.rules.title(),
            election_district_id: STATE,
            votes_allowed: 1,
            vote_variation: "other",
            other_vote_variation: "caucus-alignment-viability",
            primary_party_ids: [PARTY],
            sub_units_reported: whole.reported,
            total_sub_units: whole.units,
            contest_selection: groups
                .map(|group| selection(publication, areas, &group.id))
                .collect(),
        }],
    }
}

/// Attendance of the released units, and of the areas they are part of.
fn attendees(publication: &Publication, areas: &[Area<'_>]) -> Vec<BallotCounts> {
    let mut sums: Vec<(Place<'_>, u64)> = areas
        .iter()
        .filter(|area| area.counts.reported > 0)
        .map(|area| (area.place, 0))
        .collect();
    let mut units = Vec::new();
    for row in &publication.units {
        let unit = publication.roster.unit(&row.unit);
        let (Some(unit), Some(figures)) = (unit, row.report.figures()) else {
            continue;
        };
        let attendees = figures.worksheet.attendees.get();
        units.push((Place::Unit(row.unit.as_str()), attendees));
        let places = places_of(publication, unit);
        for (_, sum) in sums.iter_mut().filter(|(place, _)| places.contains(place)) {
            *sum = sum.saturating_add(attendees);
        }
    }
    let all = sums.into_iter().chain(units);
    all.map(|(place, ballots_cast)| BallotCounts {
        class: Class("BallotCounts"),
        gp_unit_id: gp_id(place),
        r#type: "other",
        other_type: ATTENDEES,
        ballots_cast,
    })
    .collect()
}

fn selection(publication: &Publication, areas: &[Area<'_>], group: &GroupId) -> Selection {
    let mut vote_counts = Vec::new();
    for area in areas {
        let listed = rows(publication, Basis::Reported, area.place).unwrap_or_default();
        if let Some(row) = listed.iter().find(|row| row.group == *group) {
            let people = [row.first.get(), row.last.get()];
            cells(
                &mut vote_counts,
                area.place,
                people,
                row.delegates.get(),
                row.sde.decimal(4),
            );
        }
    }
    for row in &publication.units {
        let Some(figures) = row.report.figures() else {
            continue;
        };
        let sheet = &figures.worksheet;
        let people = [sheet.first.get(group).get(), sheet.last.get(group).get()];
        let place = Place::Unit(row.unit.as_str());
        let delegates = sheet.reported.get(group).get();
        cells(
            &mut vote_counts,
            place,
            people,
            delegates,
            decimal(&figures.sde, group),
        );
    }
    Selection {
        class: Class("CandidateSelection"),
        id: format!("sel-{group}"),
        candidate_ids: [format!("cand-{group}")],
        vote_counts,
    }
}

fn cells(
    into: &mut Vec<VoteCounts>,
    place: Place<'_>,
    [first, last]: [u64; 2],
    delegates: u64,
    sde: String,
) {
    let counts = [
        (Set::First, Some(1), first.to_string()),
        (Set::Final, Some(2), last.to_string()),
        (Set::Delegates, None, delegates.to_string()),
        (Set::Sde, None, sde),
    ];
    into.extend(counts.map(|(set, round, count)| VoteCounts {
        class: Class("VoteCounts"),
        gp_unit_id: gp_id(place),
        r#type: "other",
        other_type: other_type(set),
        round,
        count: Decimal(count),
    }));
}
