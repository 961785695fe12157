//! Checks a receipt with nothing but an election's bundle: no network, no cluster, no trust.
//!
//! ```text
//! cargo run -p receipt --example verify -- RECEIPT BUNDLE-FOLDER FINGERPRINT
//! ```
//!
//! The fingerprint is what party, campaigns and press printed before the night. The folder may
//! hold the bundle's files under any names: they are told apart by their content.
//! Ends with 0 if the receipt holds, 10 if it does not, 11 if it cannot be told, 2 on wrong use.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use receipt::{
    Bundle, CheckResult, Election, Fingerprint, UnverifiedReceipt, Verdict, Verification,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [receipt, folder, fingerprint] = arguments.as_slice() else {
        say("usage: verify RECEIPT BUNDLE-FOLDER FINGERPRINT");
        return ExitCode::from(2);
    };
    match verify(Path::new(receipt), Path::new(folder), fingerprint) {
        Ok(verification) => {
            print(&verification);
            match verification.verdict {
                Verdict::Recorded(_) | Verdict::RecordedUnread(_) => ExitCode::SUCCESS,
                Verdict::Invalid(_) => ExitCode::from(10),
                Verdict::NotYetWitnessed { .. } | Verdict::NeedsNewerBundle { .. } => {
                    ExitCode::from(11)
                }
            }
        }
        Err(error) => {
            say(&format!("cannot check: {error}"));
            ExitCode::from(11)
        }
    }
}

fn verify(
    receipt: &Path,
    folder: &Path,
    fingerprint: &str,
) -> Result<Verification, Box<dyn Error>> {
    let fingerprint = Fingerprint::parse(fingerprint)?;
    let mut files = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        if path.is_file() {
            files.push(std::fs::read(path)?);
        }
    }
    let election = Election::open(&Bundle::from_files(files), fingerprint)?;
    let receipt = UnverifiedReceipt::parse(&std::fs::read(receipt)?)?;
    Ok(receipt.verify(&election))
}

fn print(verification: &Verification) {
    for check in &verification.checks {
        let mark = match &check.result {
            CheckResult::Passed => "ok     ",
            CheckResult::Failed(_) => "FAILED ",
            CheckResult::NotChecked => "-      ",
        };
        say(&format!("{mark} {}", check.sentence));
    }
    for line in &verification.ignored {
        say(&format!("ignored {line}"));
    }
    say(&verification.summary());
}

#[expect(clippy::print_stdout, reason = "this program's whole output")]
fn say(line: &str) {
    println!("{line}");
}
