//! Numbers as signed texts write them.

/// Reads ASCII digits without a leading zero or sign, so that every number has one text. None for
/// anything else, or for what a `u64` cannot hold.
pub fn parse_decimal(text: &str) -> Option<u64> {
    let canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_one_text() {
        for (text, number) in [
            ("0", 0),
            ("7", 7),
            ("10", 10),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_decimal(text), Some(number));
        }
        for other in [
            "",
            "00",
            "007",
            "+7",
            "-0",
            " 7",
            "7 ",
            "0x7",
            "18446744073709551616",
            "٧",
        ] {
            assert_eq!(parse_decimal(other), None, "{other:?}");
        }
    }
}
