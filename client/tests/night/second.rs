//! The second verifier, `client/verifier`, against the first: the same verdict, for the same reason, with
//! the same checks, over every receipt of a night and over every bit of one receipt turned over.
//!
//! It needs Node and the built verifier. Where that is missing or older than its sources, the tests
//! build it (`ops/dev/verifier.sh build`), and fail if that fails.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Once;

use merkle::LeafIndex;
use note::b64;
use receipt::{CheckResult, Election, Fingerprint, Reason, UnverifiedReceipt, Verdict};
use serde_json::{Value, json};

use crate::night::{Night, night};

/// Questions that are asked before their answers are read: few enough that no pipe fills up.
const BATCH: usize = 16;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("verifier")
}

fn build() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Each test may be a process of its own, and one build is enough.
        let lock = Path::new(env!("CARGO_TARGET_TMPDIR")).join("second-verifier.lock");
        let lock = std::fs::File::create(lock).unwrap();
        lock.lock().unwrap();
        if is_fresh() {
            return;
        }
        let script = folder().join("../../ops/dev/verifier.sh");
        let done = Command::new(script).arg("build").status();
        assert!(
            done.unwrap().success(),
            "the second verifier does not build"
        );
    });
}

/// Whether what is built is not older than any of its sources.
fn is_fresh() -> bool {
    let changed = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    let Some(built) = changed(&folder().join("dist/index.js")) else {
        return false;
    };
    let sources = std::fs::read_dir(folder().join("src")).unwrap();
    let mut sources = sources.map(|source| source.unwrap().path());
    sources.all(|source| changed(&source).is_some_and(|changed| changed <= built))
}

/// The second verifier as one process that answers lines.
struct Second {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Second {
    fn open(night: &Night) -> Self {
        build();
        let mut process = Command::new("node")
            .arg("bin/serve.mjs")
            .current_dir(folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is installed (`ops/dev/install.sh test`)");
        let answers = BufReader::new(process.stdout.take().unwrap());
        let mut second = Self { process, answers };
        let bundle = &night.made.bundle;
        let files = bundle.files.values().map(b64::encode).chain(
            bundle
                .manifests
                .iter()
                .map(|it| b64::encode(it.note.bytes())),
        );
        let opened = second.ask(&[json!({
            "bundle": files.collect::<Vec<_>>(),
            "fingerprint": night.made.fingerprint.to_string(),
        })]);
        assert_eq!(opened[0]["verdict"], "opened", "{opened:?}");
        second
    }

    fn ask(&mut self, questions: &[Value]) -> Vec<Value> {
        let input = self.process.stdin.as_mut().unwrap();
        for question in questions {
            writeln!(input, "{question}").unwrap();
        }
        input.flush().unwrap();
        let read = |_| {
            let mut line = String::new();
            self.answers.read_line(&mut line).unwrap();
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
        };
        (0..questions.len()).map(read).collect()
    }

    /// Asks about all of these and compares each answer with the first verifier's.
    fn agrees(&mut self, receipts: &[Vec<u8>], election: &Election) -> Vec<Value> {
        let mut all = Vec::new();
        for batch in receipts.chunks(BATCH) {
            let questions: Vec<_> = batch
                .iter()
                .map(|bytes| json!({ "receipt": b64::encode(bytes) }))
                .collect();
            for (bytes, mut is) in batch.iter().zip(self.ask(&questions)) {
                let should = judge(bytes, election);
                if should["verdict"] == "malformed" {
                    is["reason"] = Value::Null;
                }
                let text = String::from_utf8_lossy(bytes);
                assert_eq!(is, should, "the two verifiers disagree about\n{text}");
                all.push(is);
            }
        }
        all
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the first verifier says, in the words of the second.
fn judge(bytes: &[u8], election: &Election) -> Value {
    let Ok(receipt) = UnverifiedReceipt::parse(bytes) else {
        return json!({ "verdict": "malformed", "reason": null });
    };
    let verification = receipt.verify(election);
    let result = |check: &receipt::Check| match &check.result {
        CheckResult::Passed => "passed",
        CheckResult::Failed(_) => "failed",
        CheckResult::NotChecked => "not_checked",
    };
    let (verdict, reason, level) = match &verification.verdict {
        Verdict::Recorded(receipt) => ("recorded", None, Some(receipt.level().to_string())),
        Verdict::RecordedUnread(unread) => ("recorded", None, Some(unread.level.to_string())),
        Verdict::NotYetWitnessed { .. } => ("not_yet_witnessed", None, None),
        Verdict::NeedsNewerBundle { .. } => ("needs_newer_bundle", None, None),
        Verdict::Invalid(reason) => ("invalid", Some(code(reason)), None),
    };
    let checks: Vec<_> = verification.checks.iter().map(result).collect();
    json!({ "verdict": verdict, "reason": reason, "level": level, "checks": checks })
}

fn code(reason: &Reason) -> &'static str {
    match reason {
        Reason::OutsideTree => "outside_tree",
        Reason::WrongLog => "wrong_log",
        Reason::NoLogSignature => "no_log_signature",
        Reason::BadLine { .. } => "bad_line",
        Reason::TooFewNodes { .. } => "too_few_nodes",
        Reason::NotIncluded => "not_included",
        Reason::MalformedEntry(_) => "malformed_entry",
        Reason::WrongElection => "wrong_election",
        Reason::BadSignature { .. } => "bad_signature",
        Reason::WrongSigner { .. } => "wrong_signer",
        Reason::WrongCount { .. } => "wrong_count",
    }
}

/// Every unit reports; each receipt is asked for with one, two and three cosigners, and the manifest's
/// own is among them.
#[test]
fn both_verifiers_say_the_same_of_a_whole_night() {
    let mut night = night();
    for place in 0..9 {
        let note = night.report(place, 20 + i64::try_from(place).unwrap());
        night.record(&note, &[0, 1]);
    }
    let cosigners: [&[usize]; 4] = [&[0], &[1, 2], &[2, 0], &[0, 1, 2]];
    let receipts: Vec<_> = (0..10)
        .flat_map(|index| cosigners.map(|nodes| night.receipt(LeafIndex::new(index), nodes)))
        .map(|receipt| receipt.to_bytes())
        .collect();
    let answers = Second::open(&night).agrees(&receipts, &night.election);
    let recorded = answers.iter().filter(|it| it["verdict"] == "recorded");
    assert_eq!((answers.len(), recorded.count()), (40, 30));
}

/// Every bit of the report turned over inside its base64, and every bit of the file outside of it.
#[test]
fn both_verifiers_say_the_same_of_every_bit_turned_over() {
    let mut night = night();
    let note = night.report(0, 40);
    let good = night.record(&note, &[0, 1]);
    let flipped = |bytes: &[u8], from: usize| -> Vec<Vec<u8>> {
        let flip = |bit: usize| {
            let mut changed = bytes.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            changed
        };
        (from * 8..bytes.len() * 8).map(flip).collect()
    };
    let file = good.to_bytes();
    let from = file
        .windows(7)
        .position(|bytes| bytes == b"\nindex ")
        .unwrap();
    let mut receipts = flipped(&file, from);
    let inside = |entry: Vec<u8>| {
        let (index, proof) = (good.index(), good.proof().clone());
        UnverifiedReceipt::build(entry, index, proof, good.checkpoint().clone()).to_bytes()
    };
    receipts.extend(flipped(good.entry(), 0).into_iter().map(inside));
    let answers = Second::open(&night).agrees(&receipts, &night.election);
    assert_eq!(answers.len(), (file.len() - from + good.entry().len()) * 8);
    // The report is bound bit by bit: no receipt that differs from the good one holds.
    assert!(answers.iter().all(|it| it["verdict"] != "recorded"));
}

/// A fingerprint of another election opens no bundle.
#[test]
fn the_second_verifier_refuses_a_bundle_that_is_not_the_pinned_one() {
    let night = night();
    let mut second = Second::open(&night);
    let other = Fingerprint::of(merkle::sha256(b"another"));
    let manifest = b64::encode(night.made.manifest.bytes());
    let question = json!({ "bundle": [manifest], "fingerprint": other.to_string() });
    assert_eq!(second.ask(&[question])[0]["verdict"], "bad_bundle");
}
