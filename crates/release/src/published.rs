//! What a party published about a unit, beside what a chair reported.

use caucus::{People, PublishedFigure, PublishedRow, RoundedSde};

use crate::arrivals::Stamp;
use crate::error::Wrong;

/// One unit's published figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The id in the party's feed.
    pub precinct_id: String,
    /// When the batch that first showed the unit was published.
    pub batch: Stamp,
    /// Attendance, where the file has that column; the releases of 2020 do not.
    pub attendees: Option<People>,
    /// By group, every group of the rules.
    pub cells: PublishedRow,
}

impl Published {
    /// People in the first alignment.
    pub fn first_total(&self) -> People {
        self.total(|cell| cell.first)
    }

    /// People in the final alignment.
    pub fn final_total(&self) -> People {
        self.total(|cell| cell.last)
    }

    /// The stated attendance, else the first alignment's total, else the final one's.
    pub fn counted(&self) -> People {
        match (self.attendees, self.first_total()) {
            (Some(attendees), _) => attendees,
            (None, People::ZERO) => self.final_total(),
            (None, first) => first,
        }
    }

    fn total(&self, count: fn(&PublishedFigure) -> People) -> People {
        let counts = self.cells.values().map(count);
        People::of_sum(counts.fold(0, |sum, count| sum.saturating_add(count.get())))
    }
}

/// Reads `0.24`, `0` or `12.0693`, and says of anything else what is wrong with it.
pub(crate) fn four_decimals(text: &str) -> Result<RoundedSde, Wrong> {
    let owned = || text.to_owned();
    RoundedSde::parse(text).ok_or_else(|| {
        let whole = text.split('.').next().unwrap_or_default();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if text.strip_prefix('-').and_then(RoundedSde::parse).is_some() {
            Wrong::Negative(owned())
        } else if digits(whole) && whole.len() > 15 {
            Wrong::TooLarge(owned())
        } else {
            Wrong::NotADecimal(owned())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_four_places_and_anything_else_is_refused() {
        let read = |text| four_decimals(text).map(|number| number.to_string());
        assert_eq!(read("0.24").as_deref(), Ok("0.2400"));
        assert_eq!(read("0").as_deref(), Ok("0.0000"));
        for bad in ["", ".5", "1.23456", "1e-5", "1.2.3", "1,5", " 1", "NaN"] {
            assert_eq!(read(bad), Err(Wrong::NotADecimal(bad.to_owned())));
        }
        assert_eq!(read("-0.5"), Err(Wrong::Negative("-0.5".to_owned())));
        let long = "99999999999999999999";
        assert_eq!(read(long), Err(Wrong::TooLarge(long.to_owned())));
    }
}
