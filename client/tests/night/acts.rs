//! Acts of headquarters as people do them, against a stand-in node: what is asked of the node, what
//! is signed where, and what reaches the cluster.

use std::path::Path;
use std::sync::{Arc, Mutex};

use note::SignedNote;
use receipt::Leaf;
use receipt::leaf::{Channel, Decision, Role, Scope};

use crate::night::{Night, night};
use crate::node::{Manner, Node, authority, start};
use crate::wire::tally;

/// A night with a node, and a folder with everybody's keys.
struct Desk {
    night: Arc<Mutex<Night>>,
    node: Node,
    folder: tempfile::TempDir,
    fingerprint: String,
}

impl Desk {
    async fn open() -> Desk {
        let night = Arc::new(Mutex::new(night()));
        let authority = authority(&night.lock().unwrap());
        let node = start(&night, &authority, Manner::Honest).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let fingerprint = {
            let night = night.lock().unwrap();
            for (role, keys) in &night.made.people {
                for (number, key) in (1..).zip(keys) {
                    let file = path.join(format!("{role}-{number}.key"));
                    std::fs::write(file, key.to_secret_text()).unwrap();
                }
            }
            night.made.fingerprint.to_string()
        };
        std::fs::write(path.join("ca.crt"), &authority.pair().certificate).unwrap();
        Desk {
            night,
            node,
            folder,
            fingerprint,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Records the report of a unit with so many people in each of two groups.
    fn report(&self, place: usize, people: i64) -> SignedNote {
        let mut night = self.night.lock().unwrap();
        let note = night.report(place, people);
        night.record(&note, &[0, 1]);
        note
    }

    /// The program with the cluster's flags and an outbox of its own.
    fn tally(&self, outbox: &str, arguments: &[&str]) -> (i32, serde_json::Value) {
        let nodes = self.node.address.to_string();
        let mut all = arguments.to_vec();
        all.extend(["--outbox", outbox, "--nodes", &nodes, "--ca", "ca.crt"]);
        all.extend(["--fingerprint", &self.fingerprint]);
        tally(self.path(), &all)
    }

    /// The last note that reached the node.
    fn last(&self) -> (SignedNote, Leaf) {
        let bytes = self.node.notes().pop().unwrap();
        let note = SignedNote::parse(&bytes).unwrap();
        let leaf = Leaf::parse(&note).unwrap();
        (note, leaf)
    }

    /// The note bears these keys' signatures, and they hold.
    fn signed_by(&self, note: &SignedNote, role: Role, numbers: &[usize]) {
        assert_eq!(note.signatures().len(), numbers.len());
        let night = self.night.lock().unwrap();
        for number in numbers {
            let key = night.made.people[&role][*number].verifier();
            let line = note.signatures().iter().find(|line| key.claims(line));
            assert!(key.verifies(note.text(), line.unwrap()));
        }
    }
}

/// There is a receipt for it.
fn taken((exit, sent): &(i32, serde_json::Value)) {
    assert_eq!((*exit, &sent["state"]), (0, &"receipted".into()), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_names_the_head_that_the_node_says_stands() {
    let desk = Desk::open().await;
    let head = desk.report(1, 24);
    let sent = desk.tally(
        "box",
        &[
            "review",
            "P-0002",
            "--hold",
            "--reason",
            "the photo is sideways",
            "--key",
            "reviewer-1.key",
            "--yes",
        ],
    );
    taken(&sent);
    let (note, Leaf::Review(review)) = desk.last() else {
        panic!("a review")
    };
    assert_eq!(review.of, head.leaf_hash());
    assert_eq!(review.decision, Decision::Hold);
    desk.signed_by(&note, Role::Reviewer, &[0]);
}

/// The rival comes from the node's log by its number, and from its hash, to the same act.
#[tokio::test(flavor = "multi_thread")]
async fn the_figures_to_take_are_named_by_number_or_hash() {
    let desk = Desk::open().await;
    desk.report(1, 24);
    let rival = {
        let mut night = desk.night.lock().unwrap();
        let note = night.report(1, 20);
        let outcome = night.apply(ledger::Act::Note {
            bytes: note.bytes().to_vec(),
        });
        assert!(
            matches!(outcome, ledger::Outcome::Rival { .. }),
            "{outcome:?}"
        );
        outcome.leaf().unwrap()
    };
    let index = rival.index.to_string();
    let hash = note::b64::encode_hash(rival.hash.as_hash());
    for name in [&index, &hash] {
        let (exit, planned) = desk.tally(
            "box",
            &[
                "review",
                "P-0002",
                "--take",
                name,
                "--reason",
                "the photo says 20",
                "--key",
                "reviewer-1.key",
                "--dry-run",
            ],
        );
        assert_eq!(exit, 0, "{planned}");
        let text = planned["text"].as_str().unwrap();
        assert!(text.contains(&format!("\ntakes {hash}\n")), "{text}");
    }
    assert_eq!(desk.node.calls(), 0, "a dry run sends nothing");
    // Figures of another unit are not to be had there.
    let (exit, error) = desk.tally(
        "box",
        &[
            "review",
            "P-0002",
            "--take",
            "0",
            "--reason",
            "no",
            "--key",
            "reviewer-1.key",
        ],
    );
    assert_eq!((exit, &error["schema"]), (2, &"tally.error/v1".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_publishers_at_two_machines_publish_together() {
    let desk = Desk::open().await;
    desk.report(0, 24);
    let publish = [
        "publish",
        "--all",
        "--reason",
        "first results",
        "--key",
        "publisher-1.key",
        "--yes",
    ];
    // Alone one publisher cannot, and is told how two do it.
    let (exit, error) = desk.tally("first", &publish);
    assert_eq!(exit, 2, "{error}");
    assert!(
        error["now"].as_str().unwrap().contains("--sign-only"),
        "{error}"
    );
    let mut first = publish.to_vec();
    first.extend(["--sign-only", "all.note"]);
    let (exit, signed) = desk.tally("first", &first);
    assert_eq!(
        (exit, &signed["signers_needed"]),
        (0, &2.into()),
        "{signed}"
    );
    assert_eq!(desk.node.calls(), 0, "nothing was sent by the first");

    // The same hand does not sign twice, and another role's does not sign.
    for wrong in ["publisher-1.key", "reviewer-1.key"] {
        let (exit, error) = desk.tally("second", &["sign", "all.note", "--key", wrong, "--yes"]);
        assert_eq!(exit, 2, "{wrong}: {error}");
    }
    let sent = desk.tally(
        "second",
        &["sign", "all.note", "--key", "publisher-2.key", "--yes"],
    );
    taken(&sent);
    let (note, Leaf::Publish(gate)) = desk.last() else {
        panic!("a publish")
    };
    assert_eq!(gate.scope, Scope::All);
    desk.signed_by(&note, Role::Publisher, &[0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_was_changed_on_its_way_is_not_signed() {
    let desk = Desk::open().await;
    let first = [
        "hold",
        "--unit",
        "P-0002",
        "--reason",
        "rows exchanged",
        "--key",
        "publisher-1.key",
        "--yes",
        "--sign-only",
        "hold.note",
    ];
    let (exit, signed) = desk.tally("first", &first);
    assert_eq!(exit, 0, "{signed}");
    let file = desk.path().join("hold.note");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("P-0002", "P-0003")).unwrap();
    let (exit, error) = desk.tally(
        "second",
        &["sign", "hold.note", "--key", "publisher-2.key", "--yes"],
    );
    assert_eq!(exit, 10, "{error}");
    assert_eq!(desk.node.calls(), 0);
}

/// Two operators with two keys at one machine; the voucher is the unit's own.
#[tokio::test(flavor = "multi_thread")]
async fn two_operators_report_for_a_chair_on_the_telephone() {
    let desk = Desk::open().await;
    let voucher = {
        let mut night = desk.night.lock().unwrap();
        let note = night.report(1, 24);
        let Ok(Leaf::Submission(submission)) = Leaf::parse(&note) else {
            panic!("a report")
        };
        let sheet = client::sheet::Sheet::of(&submission.unit, &submission.figures.worksheet);
        let json = serde_json::to_vec(&sheet).unwrap();
        std::fs::write(desk.path().join("sheet.json"), json).unwrap();
        night.made.units[&submission.unit].vouchers[0].to_string()
    };
    let mut submit = vec!["submit", "sheet.json", "--channel", "phone", "--yes"];
    submit.extend(["--key", "operator-1.key", "--key", "operator-2.key"]);
    let (exit, error) = desk.tally("box", &submit);
    assert_eq!(exit, 2, "without a voucher: {error}");
    submit.extend(["--voucher", &voucher]);
    taken(&desk.tally("box", &submit));
    let (note, Leaf::Submission(submission)) = desk.last() else {
        panic!("a report")
    };
    assert_eq!(submission.channel, Some(Channel::Phone));
    desk.signed_by(&note, Role::Operator, &[0, 1]);
    // Run again it is the same note.
    let (exit, again) = desk.tally("box", &submit);
    assert_eq!(
        (exit, &again["effect"]),
        (0, &"already_recorded".into()),
        "{again}"
    );
}

/// An operator's second record is blind: nothing is asked of the node but the bundle.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_record_with_an_unreadable_cell_is_taken() {
    let desk = Desk::open().await;
    let note = desk.report(1, 24);
    let Ok(Leaf::Submission(submission)) = Leaf::parse(&note) else {
        panic!("a report")
    };
    let sheet = client::sheet::Sheet::of(&submission.unit, &submission.figures.worksheet);
    let mut json = serde_json::to_value(&sheet).unwrap();
    json["groups"]["biden"]["final"] = "-".into();
    std::fs::write(desk.path().join("second.json"), json.to_string()).unwrap();
    std::fs::write(desk.path().join("sheet.jpg"), b"a photograph").unwrap();
    let sent = desk.tally(
        "box",
        &[
            "attest",
            "second.json",
            "--channel",
            "photo",
            "--evidence",
            "sheet.jpg",
            "--key",
            "operator-1.key",
            "--yes",
        ],
    );
    taken(&sent);
    let (_, Leaf::Attest(attest)) = desk.last() else {
        panic!("an attest")
    };
    assert!(!attest.figures.is_complete());
    assert_eq!(
        attest.figures.evidence[0].hash,
        merkle::sha256(b"a photograph")
    );
}

/// Every other act, each with its receipt, on one unit: what the ledger makes of them is its own
/// matter; here they have to arrive.
#[tokio::test(flavor = "multi_thread")]
async fn every_act_reaches_the_log() {
    let desk = Desk::open().await;
    desk.report(1, 24);
    let Leaf::Submission(report) = Leaf::parse(&desk.report(2, 30)).unwrap() else {
        panic!("a report")
    };
    let mut sheet = client::sheet::Sheet::of(&report.unit, &report.figures.worksheet);
    sheet.attendees = Some(61);
    let json = serde_json::to_vec(&sheet).unwrap();
    std::fs::write(desk.path().join("sheet.json"), json).unwrap();

    let act = |words: &[&str], keys: &[&str]| {
        let mut all = words.to_vec();
        all.extend(["--reason", "because", "--yes"]);
        all.extend(keys.iter().flat_map(|key| ["--key", key]));
        let sent = desk.tally("box", &all);
        assert_eq!(
            (sent.0, &sent.1["state"]),
            (0, &"receipted".into()),
            "{words:?}: {}",
            sent.1
        );
        sent.1
    };
    let reviewers = ["reviewer-1.key", "reviewer-2.key"];
    let registrars = ["registrar-1.key", "registrar-2.key"];
    let publishers = ["publisher-1.key", "publisher-2.key"];
    let dispute = act(
        &["dispute", "P-0002", "--cell", "biden final 12"],
        &["observer-1.key"],
    );
    let receipt = dispute["receipt"].as_str().unwrap();
    act(&["answer", receipt, "--upheld", "no"], &reviewers[..1]);
    act(&["recanvass", "sheet.json"], &reviewers);
    act(&["recount", "sheet.json", "--adopt"], &reviewers);
    act(&["review", "P-0003", "--ask"], &reviewers[..1]);
    act(&["void", "P-0002"], &registrars);
    act(&["roster", "withdraw", "yang"], &registrars);
    act(
        &["roster", "merge", "P-0006", "P-0003", "--delegates", "9"],
        &registrars,
    );
    act(&["hold", "--unit", "P-0003"], &publishers);
    act(&["publish", "--county", "C01"], &publishers);
    act(&["close"], &publishers);
    assert_eq!(desk.node.calls(), 11);
}

/// A claim of what stands there already is not sent, nor an answer to what is no dispute.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_what_stands_and_an_answer_to_nothing_are_not_sent() {
    let desk = Desk::open().await;
    desk.report(1, 24);
    let key = ["--reason", "so", "--yes", "--key"];
    let mut same = vec!["dispute", "P-0002", "--cell", "biden final 24"];
    same.extend(key);
    same.push("observer-1.key");
    let (exit, error) = desk.tally("box", &same);
    assert_eq!(exit, 2, "{error}");
    let mut stranger = vec!["answer", "1", "--upheld", "no"];
    stranger.extend(key);
    stranger.push("reviewer-1.key");
    let (exit, error) = desk.tally("box", &stranger);
    assert_eq!(exit, 2, "{error}");
    assert_eq!(desk.node.calls(), 0);
}

/// One reviewer is too few once figures are published. The refused note stays in the outbox, and a
/// second hand on its very text is another note beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_review_of_published_figures_gets_its_second_hand_afterwards() {
    let desk = Desk::open().await;
    desk.report(1, 24);
    let mut publish = vec!["publish", "--all", "--reason", "first results", "--yes"];
    publish.extend(["--key", "publisher-1.key", "--key", "publisher-2.key"]);
    taken(&desk.tally("box", &publish));
    let hold = [
        "review",
        "P-0002",
        "--hold",
        "--reason",
        "the chair called back",
        "--key",
        "reviewer-1.key",
        "--yes",
    ];
    let (exit, sent) = desk.tally("box", &hold);
    assert_eq!(
        (exit, &sent["refusal"]["code"]),
        (4, &"too_few_signers".into()),
        "{sent}"
    );
    let note = sent["note"].as_str().unwrap();
    let second = ["sign", note, "--key", "reviewer-2.key", "--yes"];
    let sent = desk.tally("box", &second);
    taken(&sent);
    assert_ne!(sent.1["note"].as_str().unwrap(), note, "both notes stay");
    desk.signed_by(&desk.last().0, Role::Reviewer, &[0, 1]);
}
