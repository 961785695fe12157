//! From the document back to single facts, the way a consumer finds them: by class, by reference
//! and by `OtherType`.

use std::collections::BTreeMap;

use caucus::Basis;

use super::file::{Contest, Election, File, GpUnit, Status, identified};
use super::{
    ATTENDEES, ELECTION, LEAF, LOG_ROOT, LOG_SIZE, POOL, RECEIPT, REHEARSAL, SATELLITE, SEQ,
    other_type,
};
use crate::Format;
use crate::facts::{Column, Expected, Fact, Place, joined};
use crate::fault::{Difference, ExportFault};
use crate::publication::{Mark, Set};

/// Reads the document back and meets every fact with what was meant.
pub(crate) fn read(expected: &Expected<'_>, bytes: &[u8]) -> Result<(), ExportFault> {
    let file: File<'_> = serde_json::from_slice(bytes)
        .map_err(|error| ExportFault::unreadable(Format::Nist, &error))?;
    let meet = Meet(expected);
    meet.whole(&file)?;
    for gp_unit in &file.gp_unit {
        meet.gp_unit(gp_unit)?;
    }
    for election in &file.election {
        meet.election(election)?;
    }
    Ok(())
}

fn stranger(written: &str) -> ExportFault {
    let written = written.to_owned();
    ExportFault::whole(Format::Nist, Difference::Stranger { written })
}

/// The place that an id of a `GpUnit` names.
fn place_of(id: &str) -> Result<Place<'_>, ExportFault> {
    let place = match id.strip_prefix("gp-").and_then(|rest| rest.split_once('-')) {
        None => (id == "gp-state").then_some(Place::State),
        Some(("district", id)) => Some(Place::District(id)),
        Some(("county", id)) => Some(Place::County(id)),
        Some(("pool", id)) => Some(Place::Pool(id)),
        Some(("unit", id)) => Some(Place::Unit(id)),
        Some(_) => None,
    };
    place.ok_or_else(|| stranger(id))
}

fn group_of(id: &str) -> Result<&str, ExportFault> {
    id.strip_prefix("cand-").ok_or_else(|| stranger(id))
}

struct Meet<'e, 'a>(&'e Expected<'a>);

impl Meet<'_, '_> {
    fn fact(&self, place: Place<'_>, fact: Fact, text: &str) -> Result<(), ExportFault> {
        self.0.meet(place, Column::Fact(fact), text)
    }

    fn maybe(&self, place: Place<'_>, fact: Fact, text: Option<&str>) -> Result<(), ExportFault> {
        text.map_or(Ok(()), |text| self.fact(place, fact, text))
    }

    fn whole(&self, file: &File<'_>) -> Result<(), ExportFault> {
        let whole = Place::Whole;
        let program = file.vendor_application_id.split_once(" rules-sha256=");
        let (build, rules) = program.ok_or_else(|| stranger(&file.vendor_application_id))?;
        self.fact(whole, Fact::Build, build)?;
        self.fact(whole, Fact::RulesHash, rules)?;
        self.fact(whole, Fact::Generated, &file.generated_date)?;
        let (mode, issuer) = match (file.issuer.strip_prefix(REHEARSAL), file.is_test) {
            (None, Some(false)) => ("live", file.issuer.as_ref()),
            (Some(issuer), Some(true)) => ("rehearsal", issuer),
            (None, Some(true) | None) | (Some(_), Some(false) | None) => {
                return Err(stranger(&file.issuer));
            }
        };
        self.fact(whole, Fact::Mode, mode)?;
        self.fact(whole, Fact::Issuer, issuer)?;
        let identified = |kind| identified(&file.external_identifier, kind);
        self.maybe(whole, Fact::LogSize, identified(LOG_SIZE))?;
        self.maybe(whole, Fact::LogRoot, identified(LOG_ROOT))
    }

    fn gp_unit(&self, gp_unit: &GpUnit<'_>) -> Result<(), ExportFault> {
        let place = place_of(&gp_unit.id)?;
        self.fact(place, Fact::Name, gp_unit.name.content())?;
        let level = match (gp_unit.r#type.as_ref(), gp_unit.other_type.as_ref()) {
            ("congressional", "") => "district",
            ("other", SATELLITE) => "satellite",
            ("other", POOL) => "pool",
            (word, "") | (_, word) => word,
        };
        self.fact(place, Fact::Level, level)?;
        for part in &gp_unit.composing_gp_unit_ids {
            // A state has no id of its own that its parts could name.
            if place != Place::State {
                self.fact(place_of(part)?, Fact::Within, place.id())?;
            }
        }
        if let Place::Unit(_) = place {
            return self.unit(place, gp_unit);
        }
        let count = |count: Option<u64>| count.map(|count| count.to_string());
        self.maybe(
            place,
            Fact::Units,
            count(gp_unit.total_sub_units).as_deref(),
        )?;
        self.maybe(
            place,
            Fact::Reported,
            count(gp_unit.sub_units_reported).as_deref(),
        )
    }

    fn unit(&self, place: Place<'_>, gp_unit: &GpUnit<'_>) -> Result<(), ExportFault> {
        let identified = |kind| identified(&gp_unit.external_identifier, kind);
        self.maybe(place, Fact::LeafHash, identified(RECEIPT))?;
        self.maybe(place, Fact::Leaf, identified(LEAF))?;
        self.maybe(place, Fact::Seq, identified(SEQ))?;
        let statuses = Statuses(&gp_unit.count_status);
        self.fact(place, Fact::Published, statuses.published())?;
        self.fact(place, Fact::Standing, statuses.standing())?;
        let marks = joined(
            Mark::ALL
                .into_iter()
                .filter(|mark| statuses.of(mark.as_str()).is_some()),
        );
        self.maybe(
            place,
            Fact::Marks,
            Some(marks.as_str()).filter(|marks| !marks.is_empty()),
        )?;
        // The same number stands among the ballots cast; there it is met, here it may not differ.
        if let Some(attendees) = gp_unit.voters_participated {
            self.0
                .repeat(place, Column::Fact(Fact::Attendees), &attendees.to_string())?;
        }
        Ok(())
    }

    fn election(&self, election: &Election<'_>) -> Result<(), ExportFault> {
        let whole = Place::Whole;
        self.fact(whole, Fact::Title, election.name.content())?;
        self.fact(whole, Fact::Day, &election.start_date)?;
        self.0
            .repeat(whole, Column::Fact(Fact::Day), &election.end_date)?;
        self.maybe(
            whole,
            Fact::Election,
            identified(&election.external_identifier, ELECTION),
        )?;
        for candidate in &election.candidate {
            let group = Place::Group(group_of(&candidate.id)?);
            self.fact(group, Fact::Name, candidate.ballot_name.content())?;
        }
        for ballots in election
            .ballot_counts
            .iter()
            .filter(|one| one.other_type == ATTENDEES)
        {
            // Those of areas are sums, and the checker adds them up.
            if let (Place::Unit(unit), Some(cast)) =
                (place_of(&ballots.gp_unit_id)?, ballots.ballots_cast)
            {
                self.0
                    .repeat(Place::Unit(unit), Column::Fact(Fact::Attendees), cast.get())?;
            }
        }
        election
            .contest
            .iter()
            .try_for_each(|contest| self.contest(contest))
    }

    fn contest(&self, contest: &Contest<'_>) -> Result<(), ExportFault> {
        let sets: BTreeMap<&str, Set> = Set::ALL
            .into_iter()
            .map(|set| (other_type(set), set))
            .collect();
        for selection in &contest.contest_selection {
            let [candidate] = selection.candidate_ids.as_slice() else {
                return Err(stranger(&selection.id));
            };
            let group = group_of(candidate)?;
            for cell in &selection.vote_counts {
                let set = sets.get(cell.other_type.as_ref());
                let set = set.ok_or_else(|| stranger(&cell.other_type))?;
                let column = Column::Cell(Basis::Reported, *set, group);
                self.0
                    .meet(place_of(&cell.gp_unit_id)?, column, cell.count.get())?;
            }
        }
        Ok(())
    }
}

/// The statuses of one unit.
struct Statuses<'a>(&'a [Status<'a>]);

impl Statuses<'_> {
    /// The status of this `OtherType`.
    fn of(&self, kind: &str) -> Option<&str> {
        let mut all = self.0.iter();
        all.find(|one| one.r#type == "other" && one.other_type == kind)
            .map(|one| one.status.as_ref())
    }

    /// What is shown, as far as all of them agree about it.
    fn published(&self) -> &'static str {
        let total = self.0.iter().find(|one| one.r#type == "total");
        let total = total.map(|one| one.status.as_ref());
        if Set::ALL
            .into_iter()
            .any(|set| self.of(other_type(set)) != total)
        {
            return "contradictory";
        }
        match (total, self.of("withheld")) {
            (Some("not-processed"), None) => "silent",
            (Some("in-process"), Some("in-process")) => "withheld",
            (Some("completed"), None) => "released",
            _ => "contradictory",
        }
    }

    fn standing(&self) -> &'static str {
        match (self.of("second-entry"), self.of("under-review")) {
            (None, None) => "silent",
            (Some("not-processed"), None) => "received",
            (Some("completed"), None) => "verified",
            (Some("in-process"), Some("in-process")) => "held",
            _ => "contradictory",
        }
    }
}
