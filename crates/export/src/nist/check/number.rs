//! Counts as a file writes them, kept as ten-thousandths: no float comes near one.

use super::ProblemKind;

/// A count in ten-thousandths. A sum of a million counts below 2^64 stays far below its end.
pub(super) type TenThousandths = i128;

/// What a set counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// People or delegates: whole numbers.
    Whole,
    /// State delegate equivalents: at most four decimals.
    Decimal,
}

/// Reads the digits of a count; the problem's kind where they are none.
pub(super) fn read(digits: &str, counted: Counted) -> Result<TenThousandths, ProblemKind> {
    let plain = digits.strip_prefix('-').unwrap_or(digits);
    let (whole, part) = plain.split_once('.').unwrap_or((plain, ""));
    let sound = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 20 || part.len() > 20 || !sound(whole) || !sound(part) {
        return Err(ProblemKind::BadNumber);
    }
    if plain != digits {
        return Err(ProblemKind::Negative);
    }
    let rest = part.trim_end_matches('0');
    match counted {
        Counted::Whole if !rest.is_empty() => return Err(ProblemKind::Fraction),
        Counted::Decimal if rest.len() > 4 => return Err(ProblemKind::BadNumber),
        Counted::Whole | Counted::Decimal => {}
    }
    format!("{whole}{rest:0<4}")
        .parse()
        .map_err(|_| ProblemKind::BadNumber)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_exactly_or_not_at_all() {
        for (digits, value) in [
            ("0", 0),
            ("0.4133", 4133),
            ("0.42", 4200),
            ("12", 120_000),
            ("2107.0000", 21_070_000),
        ] {
            assert_eq!(read(digits, Counted::Decimal), Ok(value));
        }
        assert_eq!(
            read("18446744073709551615", Counted::Whole),
            Ok(184_467_440_737_095_516_150_000)
        );
        for (digits, kind) in [
            ("-1", ProblemKind::Negative),
            ("-0", ProblemKind::Negative),
            ("1.5", ProblemKind::Fraction),
            ("1e3", ProblemKind::BadNumber),
            ("\"1\"", ProblemKind::BadNumber),
            ("true", ProblemKind::BadNumber),
            ("", ProblemKind::BadNumber),
        ] {
            assert_eq!(read(digits, Counted::Whole), Err(kind), "{digits}");
        }
        assert_eq!(
            read("0.41335", Counted::Decimal),
            Err(ProblemKind::BadNumber)
        );
    }
}
