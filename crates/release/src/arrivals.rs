//! The order in which a release's units came: batches by their stamps.

use std::fmt;

use caucus::UnitId;

use crate::snapshot::Snapshot;

/// The moment at which a batch was published, such as `2020-02-06T01:00:19.232032`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    text: String,
    ms: u64,
}

impl Stamp {
    /// Reads a moment of February 2020, when all of it happened.
    pub fn parse(text: &str) -> Option<Self> {
        let (day, time) = text.strip_prefix("2020-02-")?.split_once('T')?;
        let mut parts = time.split(':');
        let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
        let (second, fraction) = second.split_once('.').unwrap_or((second, "000"));
        let below = |text: &str, end| text.parse::<u64>().ok().filter(|number| *number < end);
        let day = below(day, 30).filter(|day| *day > 0)?;
        let hours = (day - 1) * 24 + below(hour, 24)?;
        let minutes = hours * 60 + below(minute, 60)?;
        let seconds = minutes * 60 + below(second, 60)?;
        let thousandths: u64 = fraction.get(..3)?.parse().ok()?;
        Some(Self {
            text: text.to_owned(),
            ms: seconds * 1000 + thousandths,
        })
    }

    /// As published.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Milliseconds from the beginning of February 2020.
    pub const fn ms(&self) -> u64 {
        self.ms
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// When a unit came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The unit.
    pub unit: UnitId,
    /// Milliseconds from the first batch.
    pub ms: u64,
}

/// Batches in the order of their stamps, at their distance in time; within a batch by unit, a
/// millisecond apart.
pub fn arrivals(snapshot: &Snapshot) -> Vec<Arrival> {
    let mut order: Vec<(u64, &UnitId)> = snapshot
        .units
        .iter()
        .map(|(unit, published)| (published.batch.ms(), unit))
        .collect();
    order.sort();
    let start = order.first().map_or(0, |(first, _)| *first);
    let arrival = |(position, (at, unit)): (u64, (u64, &UnitId))| Arrival {
        unit: unit.clone(),
        ms: at.saturating_sub(start).saturating_add(position),
    };
    (0_u64..).zip(order).map(arrival).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_milliseconds_of_february() {
        let ms = |text| Stamp::parse(text).map(|stamp| stamp.ms());
        assert_eq!(ms("2020-02-01T00:00:00.000000"), Some(0));
        assert_eq!(
            ms("2020-02-06T01:00:19.232032"),
            Some((((5 * 24 + 1) * 60) * 60 + 19) * 1000 + 232)
        );
        for bad in [
            "",
            "2020-03-01T00:00:00",
            "2020-02-06",
            "2020-02-00T00:00:00",
        ] {
            assert_eq!(ms(bad), None, "{bad:?}");
        }
    }
}
