//! `tally receipt page`: a page to print, for the wall of the room and for a lawyer's folder.
//!
//! One HTML file without anything from outside: the figures, the code in large letters, the QR
//! code, what was checked, and the receipt file itself, so that the paper alone can be checked.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use receipt::{ElectionKind, Receipt, ReceiptLevel, Verification};
use serde::Serialize;

use super::{figures, qr};
use crate::cli::args::Trust;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::output::Output;
use crate::cli::{files, trust};

/// Write a receipt as a page to print, after checking it.
#[derive(Debug, Args)]
#[command(after_help = "\
The page is one HTML file; print it from any browser, on A4 or Letter. It is written only for a
receipt that holds.

Example:
  tally receipt page P-0001.receipt --out P-0001.html")]
pub(crate) struct Page {
    /// A receipt file.
    file: PathBuf,
    /// Where to write the page.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Serialize)]
struct Written {
    page: String,
    code: String,
}

impl Page {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let unverified = super::whole(&self.file)?;
        let held = super::holding(&self.file, &unverified, &opened.election);
        let (verification, receipt) = held.map_err(|failure| {
            failure.now("`tally receipt verify FILE` names every check; no page was written")
        })?;
        let (_, code) = qr::encode(&unverified, &opened.election)?;
        let page = Content {
            election: &opened.election,
            verification: &verification,
            receipt: &receipt,
            qr: qr::picture(&code),
        };
        files::write_new(&self.out, page.html().as_bytes())?;
        let written = Written {
            page: self.out.display().to_string(),
            code: receipt.code().to_string(),
        };
        output.result("tally.receipt-page/v1", &written, || {
            format!("wrote {}", written.page)
        })?;
        Ok(Exit::Done)
    }
}

/// What stands on the page.
struct Content<'r> {
    election: &'r receipt::Election,
    verification: &'r Verification,
    receipt: &'r Receipt,
    qr: String,
}

impl Content<'_> {
    fn html(&self) -> String {
        let (receipt, election) = (self.receipt, self.election);
        let what = match receipt.leaf().unit() {
            Some(unit) => format!("{} of unit {unit}", receipt.leaf().kind()),
            None => receipt.leaf().kind().to_string(),
        };
        let banner = match election.kind() {
            ElectionKind::Rehearsal => "<p class=\"rehearsal\">REHEARSAL: counts for nothing</p>\n",
            ElectionKind::Live => "",
        };
        let level = match receipt.level() {
            ReceiptLevel::Receipt => "a majority of the nodes holds it",
            ReceiptLevel::Final => {
                "final: the strong quorum holds it and an outside witness has seen it"
            }
        };
        let mut checks = String::new();
        for check in &self.verification.checks {
            // Writing to a string cannot fail.
            let _ = writeln!(checks, "<li>\u{2713} {}</li>", escape(&check.sentence));
        }
        let fingerprint = receipt::Fingerprint::of(*election.genesis());
        let file = String::from_utf8_lossy(&receipt.to_bytes()).into_owned();
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
             <title>Receipt {code}</title>\n<style>{STYLE}</style></head><body>\n{banner}\
             <h1>Receipt: {what}</h1>\n\
             <p>Election <b>{id}</b>, fingerprint <b>{fingerprint}</b>; leaf {index} of the log; {level}.</p>\n\
             <div class=\"top\"><div><p class=\"code\">{code}</p>\n<pre>{figures}</pre></div>\n{qr}</div>\n\
             <h2>What was checked</h2>\n<ul>\n{checks}</ul>\n\
             <p>This proves that the report was recorded. Whether it is still what stands for the unit only the log can tell.</p>\n\
             <h2>To check it again</h2>\n\
             <p>Scan the code, or copy the lines below into a file, and run <code>tally receipt verify FILE --bundle DIR</code> \
             with the election's bundle, whose fingerprint was published before the night.</p>\n\
             <pre class=\"file\">{file}</pre>\n</body></html>\n",
            code = receipt.code(),
            what = escape(&what),
            id = escape(election.id().as_str()),
            index = receipt.index(),
            figures = escape(&figures(receipt.leaf(), election)),
            qr = self.qr.trim_start_matches(XML_HEAD),
            file = escape(&file),
        )
    }
}

/// An SVG inside HTML has no XML declaration.
const XML_HEAD: &str = "<?xml version=\"1.0\" standalone=\"yes\"?>";

const STYLE: &str = "\
@page{margin:15mm}body{font:11pt/1.4 system-ui,sans-serif;max-width:180mm;margin:8mm auto;color:#000;background:#fff}\
h1{font-size:18pt;margin:0 0 3mm}h2{font-size:12pt;margin:6mm 0 2mm}.top{display:flex;gap:8mm;align-items:flex-start;flex-wrap:wrap}\
.top>div{flex:1 1 80mm}.top svg{width:62mm;height:62mm}.code{font:bold 18pt ui-monospace,monospace;letter-spacing:1px;margin:0 0 3mm}\
pre{font:9pt/1.35 ui-monospace,monospace;white-space:pre-wrap;margin:0}pre.file{font-size:6.5pt;overflow-wrap:anywhere}\
ul{padding-left:0;list-style:none;margin:0}.rehearsal{font:bold 22pt sans-serif;text-align:center;border:2pt solid #000;padding:2mm;margin:0 0 4mm}";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A unit's name comes from a file that people wrote.
    #[test]
    fn nothing_in_a_report_becomes_markup() {
        assert_eq!(
            escape("<b title=\"x\">R & D</b>"),
            "&lt;b title=&quot;x&quot;&gt;R &amp; D&lt;/b&gt;"
        );
    }
}
