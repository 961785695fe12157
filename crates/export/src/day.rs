//! Days and moments as the formats write them: `2020-02-03` and `2020-02-04T03:15:00Z`.
//!
//! No clock is read here, and no zone is known: a moment is whole seconds of UTC, a day is what the
//! calendar on the wall says.

use std::fmt;

/// A day of the calendar, from year 1 to 9999.
///
/// INVARIANT: the month has that day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    year: u16,
    month: u8,
    of_month: u8,
}

/// Whole seconds since the beginning of 1970, at most to the end of year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

const SECONDS_A_DAY: u64 = 86_400;

/// The first second of year 10000, which no format here can write.
const END: u64 = 253_402_300_800;

const fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in(year: u16, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 0,
    }
}

impl Day {
    /// The day, if there is one.
    pub const fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        if year >= 1 && year <= 9999 && day >= 1 && day <= days_in(year, month) {
            Some(Self {
                year,
                month,
                of_month: day,
            })
        } else {
            None
        }
    }

    /// Reads `2020-02-03` and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let [year, month, day] = [parts.next()?, parts.next()?, parts.next()?];
        if parts.next().is_some() {
            return None;
        }
        Self::new(
            digits(year, 4)?,
            u8::try_from(digits(month, 2)?).ok()?,
            u8::try_from(digits(day, 2)?).ok()?,
        )
    }
}

/// A number of exactly so many digits.
fn digits(text: &str, length: usize) -> Option<u16> {
    let plain = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

impl Moment {
    /// The moment, if it is before year 10000.
    pub const fn from_unix(seconds: u64) -> Option<Self> {
        if seconds < END {
            Some(Self(seconds))
        } else {
            None
        }
    }

    /// Reads `2020-02-04T03:15:00Z` and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
        let day = Day::parse(day)?;
        let mut parts = time.split(':');
        let [hour, minute, second] = [parts.next()?, parts.next()?, parts.next()?];
        let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
        if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let years = (1970..day.year).map(|year| if is_leap(year) { 366 } else { 365 });
        let months = (1..day.month).map(|month| u64::from(days_in(day.year, month)));
        let days = years.chain(months).sum::<u64>() + u64::from(day.of_month) - 1;
        let minutes = u64::from(hour) * 60 + u64::from(minute);
        (day.year >= 1970).then(|| Self(days * SECONDS_A_DAY + minutes * 60 + u64::from(second)))
    }

    /// The day it falls on, in UTC.
    pub fn day(self) -> Day {
        let mut left = self.0 / SECONDS_A_DAY;
        let mut year = 1970;
        loop {
            let length = if is_leap(year) { 366 } else { 365 };
            if left < length {
                break;
            }
            left -= length;
            year += 1;
        }
        let mut month = 1;
        while left >= u64::from(days_in(year, month)) && month < 12 {
            left -= u64::from(days_in(year, month));
            month += 1;
        }
        let of_month = u8::try_from(left + 1).unwrap_or(1);
        Day {
            year,
            month,
            of_month,
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.of_month)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.0 % SECONDS_A_DAY;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{}T{hour:02}:{minute:02}:{second:02}Z", self.day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_whole_seconds_of_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_580_786_100, "2020-02-04T03:15:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (END - 1, "9999-12-31T23:59:59Z"),
        ] {
            let moment = Moment::from_unix(seconds).unwrap();
            assert_eq!(moment.to_string(), text);
            assert_eq!(Moment::parse(text), Some(moment));
        }
        assert_eq!(Moment::from_unix(END), None);
    }

    #[test]
    fn what_is_no_moment_is_not_read_as_one() {
        for bad in [
            "2020-02-04T03:15:00.5Z",
            "2020-02-04T03:15:00",
            "2020-02-04T24:00:00Z",
            "2020-02-04T03:15:60Z",
            "2020-02-04 03:15:00Z",
            "2020-2-4T03:15:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(Moment::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_day_is_one_of_the_calendar() {
        assert_eq!(Day::parse("2020-02-29").unwrap().to_string(), "2020-02-29");
        for bad in [
            "2019-02-29",
            "2020-13-01",
            "2020-04-31",
            "03/02/2030",
            "2020-02-3",
            "+020-02-03",
        ] {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
    }
}
