//! `tally receipt code`: the code that is read aloud, and the check of what was read back.

use std::path::PathBuf;

use clap::Args;
use receipt::ShortCode;
use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::Output;

/// Print the code of a receipt as it is read aloud, or check what was read back.
#[derive(Debug, Args)]
#[command(after_help = "\
The code names the report and catches a misread letter; it proves nothing. Headquarters reads the
code of what it sees in the log; the chair compares it with --heard.

Examples:
  tally receipt code P-0001.receipt
  tally receipt code P-0001.receipt --heard 'g2hp yxpc v819 bhs9 fa'")]
pub(crate) struct Code {
    /// A receipt file, in any form.
    file: PathBuf,
    /// What the other side read aloud.
    #[arg(long, value_name = "CODE")]
    heard: Option<String>,
}

#[derive(Serialize)]
struct Spoken {
    code: String,
    aloud: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<bool>,
}

impl Code {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let code = super::handed(&self.file)?.code();
        let matches = self.heard.as_deref().map(|heard| compare(&code, heard));
        let spoken = Spoken {
            code: code.to_string(),
            aloud: code.to_string().split('-').map(aloud).collect(),
            matches: matches.as_ref().map(Result::is_ok),
        };
        if let Some(Err(failure)) = matches {
            return Err(failure);
        }
        output.result("tally.receipt-code/v1", &spoken, || match spoken.matches {
            Some(_) => format!("{}: what was read back is this report", spoken.code),
            None => format!("{}\n{}", spoken.code, spoken.aloud.join("\n")),
        })?;
        Ok(Exit::Done)
    }
}

/// Compares a code with what was heard, and says which group differs.
fn compare(code: &ShortCode, heard: &str) -> Outcome<()> {
    let other = ShortCode::parse(heard).map_err(|error| {
        Failure::new(Exit::Usage, "what was heard is no code")
            .because(&error)
            .now("have it read again, group by group")
    })?;
    if other == *code {
        return Ok(());
    }
    let (own, other) = (code.to_string(), other.to_string());
    let mut groups = own.split('-').zip(other.split('-')).zip(1..);
    let differs = groups.find(|((own, other), _)| own != other);
    let where_ = differs.map_or_else(String::new, |((own, other), number)| {
        format!("group {number} is {own} here and {other} there")
    });
    Err(Failure::new(Exit::Invalid, "this is another report")
        .why(where_)
        .now("the other side looks at another report, or at other figures: have it look again"))
}

/// A group of a code in words that are not mistaken on the telephone (ICAO's alphabet).
fn aloud(group: &str) -> String {
    let words: Vec<&str> = group.chars().map(word).collect();
    format!("{group}  {}", words.join(" "))
}

const fn word(symbol: char) -> &'static str {
    match symbol {
        '0' => "zero",
        '1' => "one",
        '2' => "two",
        '3' => "three",
        '4' => "four",
        '5' => "five",
        '6' => "six",
        '7' => "seven",
        '8' => "eight",
        '9' => "nine",
        'A' => "alfa",
        'B' => "bravo",
        'C' => "charlie",
        'D' => "delta",
        'E' => "echo",
        'F' => "foxtrot",
        'G' => "golf",
        'H' => "hotel",
        'J' => "juliett",
        'K' => "kilo",
        'M' => "mike",
        'N' => "november",
        'P' => "papa",
        'Q' => "quebec",
        'R' => "romeo",
        'S' => "sierra",
        'T' => "tango",
        'V' => "victor",
        'W' => "whiskey",
        'X' => "x-ray",
        'Y' => "yankee",
        'Z' => "zulu",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> ShortCode {
        ShortCode::parse("G2HP-YXPC-V819-BHS9-FA").unwrap()
    }

    #[test]
    fn every_symbol_of_a_code_has_a_word() {
        for symbol in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars() {
            assert_ne!(word(symbol), "?", "{symbol}");
        }
        assert_eq!(aloud("G2HP"), "G2HP  golf two hotel papa");
    }

    #[test]
    fn what_was_read_back_is_compared_group_by_group() {
        compare(&code(), "g2hp yxpc v8i9 bhs9 fa").unwrap();
        let misread = compare(&code(), "G2HP-YXPC-V819-BHS9-FB").unwrap_err();
        assert_eq!(misread.exit, Exit::Usage);
        let other = ShortCode::of(&merkle::sha256(b"another")).to_string();
        let refused = compare(&code(), &other).unwrap_err();
        assert_eq!(refused.exit, Exit::Invalid);
        assert!(refused.to_string().contains("group 1 is G2HP here"));
    }
}
