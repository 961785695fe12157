//! `tally receipt qr`: a receipt for paper and screens, all of it but the report's own bytes.

use std::path::PathBuf;

use clap::Args;
use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode, Version};
use receipt::{CompactReceipt, Election, UnverifiedReceipt};
use serde::Serialize;

use crate::cli::args::Trust;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::Output;
use crate::cli::{files, trust};

/// Print a receipt as a QR code, on the terminal or as an SVG file.
#[derive(Debug, Args)]
#[command(after_help = "\
The code holds the hashes and signatures of the receipt and names the report by its hash. Whoever
scans it checks it with `tally receipt verify -` and, to see what was reported, the note:

Examples:
  tally receipt qr P-0001.receipt
  tally receipt qr P-0001.receipt --svg P-0001.svg
  tally receipt qr P-0001.receipt --text > P-0001.qr
  tally receipt verify P-0001.qr --note outbox/P-0001.note")]
pub(crate) struct Qr {
    /// A receipt file.
    file: PathBuf,
    /// Write an SVG picture here instead.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    svg: Option<PathBuf>,
    /// Print the text that the code holds instead.
    #[arg(long)]
    text: bool,
    #[command(flatten)]
    trust: Trust,
}

/// The largest QR code that people are asked to scan from paper.
const LARGEST: i16 = 25;

/// From the most forgiving to the least: a stained sheet still scans at the first.
const LEVELS: [EcLevel; 3] = [EcLevel::Q, EcLevel::M, EcLevel::L];

#[derive(Serialize)]
struct Coded {
    text: String,
    version: i16,
    modules: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    svg: Option<String>,
}

impl Qr {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let receipt = super::whole(&self.file)?;
        let (text, code) = encode(&receipt, &opened.election)?;
        if let Some(file) = &self.svg {
            files::write_new(file, picture(&code).as_bytes())?;
        }
        let coded = Coded {
            text,
            version: number_of(code.version()),
            modules: code.width(),
            svg: self.svg.as_ref().map(|file| file.display().to_string()),
        };
        output.say(&format!(
            "version {}, {} modules wide",
            coded.version, coded.modules
        ));
        output.result("tally.receipt-qr/v1", &coded, || match &coded.svg {
            Some(file) => format!("wrote {file}"),
            None if self.text => coded.text.clone(),
            None => on_terminal(&code),
        })?;
        Ok(Exit::Done)
    }
}

/// The text of a receipt's code and the code itself, as forgiving as it fits.
pub(crate) fn encode(
    receipt: &UnverifiedReceipt,
    election: &Election,
) -> Outcome<(String, QrCode)> {
    let text = CompactReceipt::of(receipt, election)
        .map_err(|error| {
            Failure::new(Exit::CannotVerify, "this receipt has no short form")
                .because(&error)
                .now("`tally election bundle DIR` fetches the newest bundle")
        })?
        .to_text();
    let fits = |level| {
        let code = QrCode::with_error_correction_level(&text, level).ok()?;
        (number_of(code.version()) <= LARGEST).then_some(code)
    };
    let code = LEVELS.into_iter().find_map(fits).ok_or_else(|| {
        Failure::new(Exit::Failed, "the receipt is too large for a QR code")
            .why(format!("{} characters in version {LARGEST}", text.len()))
            .now("hand over the file itself, or `tally receipt page`")
    })?;
    Ok((text, code))
}

/// The code as an SVG picture with its quiet zone.
pub(crate) fn picture(code: &QrCode) -> String {
    code.render::<svg::Color<'_>>()
        .min_dimensions(320, 320)
        .build()
}

fn on_terminal(code: &QrCode) -> String {
    // Dark on light in whatever colours the terminal has.
    code.render::<unicode::Dense1x2>()
        .dark_color(unicode::Dense1x2::Light)
        .light_color(unicode::Dense1x2::Dark)
        .build()
}

fn number_of(version: Version) -> i16 {
    match version {
        Version::Normal(number) | Version::Micro(number) => number,
    }
}
