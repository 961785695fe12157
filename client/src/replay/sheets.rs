//! Figures for generated acts.

use caucus::{FinalAlignment, FirstAlignment, GroupId, People, UnitId, Worksheet};
use merkle::sha256;
use receipt::leaf::{AttestedFigures, Evidence, Figures, MediaType};

/// A sheet without photographs.
pub(super) fn figures(worksheet: Worksheet) -> Figures {
    Figures {
        worksheet,
        evidence: Vec::new(),
    }
}

/// The sheet with one person more, who signed in and stood with the largest group throughout.
pub(super) fn one_more(sheet: &Worksheet) -> Worksheet {
    let largest = sheet.last.iter().max_by_key(|(_, size)| *size);
    let largest = largest.map(|(group, _)| group.clone());
    let more = |(group, size): (&GroupId, People)| {
        let joined = u64::from(Some(group) == largest.as_ref());
        (group.clone(), plus(size, joined))
    };
    Worksheet {
        attendees: plus(sheet.attendees, 1),
        first: sheet.first.iter().map(more).collect::<FirstAlignment>(),
        last: sheet.last.iter().map(more).collect::<FinalAlignment>(),
        ..sheet.clone()
    }
}

fn plus(count: People, more: u64) -> People {
    People::of_sum(count.get().saturating_add(more))
}

/// A record that states every cell of a sheet.
pub(super) fn attested(sheet: &Worksheet) -> AttestedFigures {
    let sized = |(group, size): (&GroupId, People)| (group.clone(), Some(size));
    AttestedFigures {
        attendees: Some(sheet.attendees),
        first: sheet.first.iter().map(sized).collect(),
        last: sheet.last.iter().map(sized).collect(),
        reported: sheet
            .reported
            .iter()
            .map(|(group, count)| (group.clone(), Some(count)))
            .collect(),
        ties: sheet.ties.clone(),
        evidence: Vec::new(),
    }
}

/// A photograph of a unit's sheet.
pub(super) fn photo(unit: &UnitId) -> Option<Evidence> {
    Some(Evidence {
        hash: sha256(format!("photograph of the sheet of {unit}").as_bytes()),
        media_type: MediaType::parse("image/jpeg")?,
        bytes: 1_048_576,
    })
}
