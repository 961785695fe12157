//! Keys on the night: lost, stolen and replaced; reports by telephone; and what two registrars may
//! never do to themselves. Every step is a `tally` command on a real cluster.

use std::path::{Path, PathBuf};

use caucus::People;
use client::sheet::Sheet;
use note::SignerKey;
use receipt::leaf::{Activate, Reason};
use receipt::{Header, Leaf};
use serde_json::Value;
use tests::stage::Stage;

use crate::laptop::{Laptop, keys, row, sheet};

/// A folder with the files of one test, and the words that name them.
struct Files(PathBuf);

impl Files {
    fn of(stage: &Stage) -> Self {
        Self(stage.folder().to_path_buf())
    }

    fn named(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// The public half of a key, in a file.
    fn public_half(&self, laptop: &Laptop<'_>, key: &str, name: &str) -> String {
        let shown = laptop.json(&["key", "show", key], 0);
        let file = self.named(name);
        std::fs::write(&file, shown["verifier"].as_str().unwrap()).unwrap();
        file
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The sheet with so many more in the room, so that it says something else.
fn more(stage: &Stage, n: usize, path: &str, people: u64) {
    let (unit, mut worksheet) = stage.unit(n).unwrap();
    worksheet.attendees = People::new(worksheet.attendees.get() + people).unwrap();
    let sheet = serde_json::to_string(&Sheet::of(&unit, &worksheet)).unwrap();
    std::fs::write(path, sheet).unwrap();
}

fn code(answer: &Value) -> &str {
    answer["refusal"]["code"].as_str().unwrap_or_default()
}

/// `tally key replace` with the words that say which key, one reason, and these registrars.
fn replace(laptop: &Laptop<'_>, which: &[&str], out: &str, registrars: &[String]) -> Value {
    let mut words = vec!["key", "replace", "--out", out, "--yes"];
    words.extend_from_slice(which);
    words.extend(["--reason", "lost on the night"]);
    words.extend(registrars.iter().flat_map(|key| ["--key", key.as_str()]));
    laptop.json(&words, 0)
}

/// The registrars sit at two machines; the chair has one laptop the whole time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_chairs_key_is_replaced_and_the_new_one_reports() {
    let stage = Stage::open(4).await.unwrap();
    let files = Files::of(&stage);
    let desk = |outbox: &str| Laptop {
        stage: &stage,
        outbox: stage.folder().join(outbox),
    };
    let (first, second, chair) = (desk("registrar-1"), desk("registrar-2"), desk("chair"));
    let registrars = keys(&stage, "registrar");
    let (unit, _) = stage.unit(0).unwrap();
    let (path, old) = sheet(&stage, 0, &files.0);
    let (path, old) = (text(&path), text(&old));

    let (new, pdf) = (files.named("new.key"), files.named("card.pdf"));
    let which = ["--unit", unit.as_str(), "--print-card", &pdf];
    let half = replace(&first, &which, &new, &registrars[..1]);
    let note = half["notes"][0].as_str().unwrap();
    assert_eq!(half["notes"].as_array().unwrap().len(), 1, "{half}");
    assert!(std::fs::read(&pdf).unwrap().starts_with(b"%PDF"));
    // With one hand on it nothing has changed: the new key is nobody's yet.
    let submit = ["submit", &path, "--yes", "--key"];
    let refused = second.json(&[&submit[..], &[&new]].concat(), 4);
    assert_eq!(code(&refused), "unknown_key", "{refused}");

    let signed = second.json(&["sign", note, "--key", &registrars[1], "--yes"], 0);
    assert_eq!(signed["act"], "enrol", "{signed}");
    assert_eq!(signed["state"], "receipted", "{signed}");
    let refused = chair.json(&[&submit[..], &[&old]].concat(), 4);
    assert_eq!(code(&refused), "revoked_key", "{refused}");
    // The same laptop and the same figures: what the old key signed is not what is sent.
    let sent = chair.json(&[&submit[..], &[&new]].concat(), 0);
    assert_eq!(sent["effect"], "recorded", "{sent}");
    let receipt = sent["receipt"].as_str().unwrap();
    let checked = chair.json(&["receipt", "verify", receipt], 0);
    assert_eq!(checked["receipts"][0]["verdict"], "recorded", "{checked}");
    assert_eq!(chair.json(&["log", "verify"], 0)["holds"], true);
}

/// What the stolen key said is doubted until the holder of the new one says it again. Lost once more, it is the
/// newest key that goes, which no bundle names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_key_is_revoked_and_what_it_signed_is_held() {
    let stage = Stage::open(4).await.unwrap();
    let files = Files::of(&stage);
    let laptop = Laptop {
        stage: &stage,
        outbox: stage.folder().join("laptop"),
    };
    let registrars = keys(&stage, "registrar");
    let two = &registrars[..2];
    let (unit, _) = stage.unit(0).unwrap();
    let (path, old) = sheet(&stage, 0, &files.0);
    let (path, old) = (text(&path), text(&old));
    laptop.json(&["submit", &path, "--key", &old, "--yes"], 0);
    assert_eq!(row(&laptop, unit.as_str())["standing"], "received");

    let new = files.named("new.key");
    let which = ["--unit", unit.as_str(), "--stolen"];
    let replaced = replace(&laptop, &which, &new, two);
    assert_eq!(replaced["sent"][0]["act"], "enrol", "{replaced}");
    assert_eq!(replaced["sent"][1]["act"], "revoke", "{replaced}");
    assert_eq!(row(&laptop, unit.as_str())["standing"], "held");
    more(&stage, 0, &path, 1);
    let refused = laptop.json(&["correct", &path, "--key", &old, "--yes"], 4);
    assert_eq!(code(&refused), "revoked_key", "{refused}");
    let corrected = laptop.json(&["correct", &path, "--key", &new, "--yes"], 0);
    assert_eq!(corrected["effect"], "corrected", "{corrected}");

    let newest = files.named("newest.key");
    let again = replace(&laptop, &["--unit", unit.as_str()], &newest, two);
    assert_eq!(again["replaces"], replaced["id"], "{again}");
    more(&stage, 0, &path, 2);
    let refused = laptop.json(&["correct", &path, "--key", &new, "--yes"], 4);
    assert_eq!(code(&refused), "revoked_key", "{refused}");
}

/// Two operators take the report down; the chair's voucher is good for one report of its own unit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_by_telephone_needs_two_operators_and_uses_up_its_voucher() {
    let stage = Stage::open(4).await.unwrap();
    let files = Files::of(&stage);
    let laptop = Laptop {
        stage: &stage,
        outbox: stage.folder().join("desk"),
    };
    let operators = keys(&stage, "operator");
    let vouchers = |n: usize| -> Vec<String> {
        let (_, key) = sheet(&stage, n, &files.0);
        let file = std::fs::read_to_string(key.with_extension("vouchers")).unwrap();
        file.lines().map(str::to_owned).collect()
    };
    let phone = |verb: &'static str, n: usize, voucher: &str, hands: &[String], exit: i32| {
        let path = files.named(&format!("{}.json", stage.unit(n).unwrap().0));
        let mut words = vec![verb, &path, "--channel", "phone", "--yes"];
        words.extend(["--voucher", voucher]);
        words.extend(hands.iter().flat_map(|key| ["--key", key.as_str()]));
        laptop.json(&words, exit)
    };
    let (mine, others) = (vouchers(0), vouchers(1));
    phone("submit", 0, &mine[0], &operators[..1], 2);
    let refused = phone("submit", 0, &others[0], &operators[..2], 4);
    assert_eq!(code(&refused), "voucher_unknown", "{refused}");
    let sent = phone("submit", 0, &mine[0], &operators[..2], 0);
    assert_eq!(sent["effect"], "recorded", "{sent}");
    let receipt = sent["receipt"].as_str().unwrap();
    laptop.json(&["receipt", "verify", receipt], 0);

    more(
        &stage,
        0,
        &files.named(&format!("{}.json", stage.unit(0).unwrap().0)),
        1,
    );
    let refused = phone("correct", 0, &mine[0], &operators[..2], 4);
    assert_eq!(code(&refused), "voucher_used", "{refused}");
    let corrected = phone("correct", 0, &mine[1], &operators[..2], 0);
    assert_eq!(corrected["effect"], "corrected", "{corrected}");
}

/// A registrar whose key is stolen is replaced by the two that sign, and then the old key signs nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_two_registrars_stay_and_a_stolen_registrars_key_is_replaced() {
    let stage = Stage::open(4).await.unwrap();
    let files = Files::of(&stage);
    let laptop = Laptop {
        stage: &stage,
        outbox: stage.folder().join("desk"),
    };
    let mut registrars = keys(&stage, "registrar");
    let revoke = |key: &str, hands: &[&str], exit: i32| {
        let file = files.public_half(&laptop, key, "revoked.pub");
        let mut words = vec!["revoke", "--verifier", &file, "--reason", "gone", "--yes"];
        words.extend(hands.iter().flat_map(|key| ["--key", *key]));
        laptop.json(&words, exit)
    };
    while let [first, second, .., last] = registrars.as_slice() {
        revoke(last, &[first, second], 0);
        registrars.pop();
    }
    let [first, second] = registrars.as_slice() else {
        panic!("an election has two registrars");
    };
    let refused = revoke(second, &[first, second], 4);
    assert_eq!(code(&refused), "few_registrars", "{refused}");

    let new = files.named("registrar.new.key");
    let which = ["--role", "registrar", "--person", "registrar-2", "--stolen"];
    replace(&laptop, &which, &new, &registrars);
    let close = |hands: [&str; 2], exit: i32| {
        let (unit, _) = stage.unit(3).unwrap();
        let close = [
            "roster",
            "close",
            unit.as_str(),
            "--reason",
            "flooded",
            "--yes",
        ];
        let keys = ["--key", hands[0], "--key", hands[1]];
        laptop.json(&[&close[..], &keys[..]].concat(), exit)
    };
    assert_eq!(code(&close([first, second], 4)), "revoked_key");
    assert_eq!(close([first, &new], 0)["state"], "receipted");
}

/// An act of the administrators, with the keys in these files.
fn activation(stage: &Stage, id: u8) -> Leaf {
    Leaf::Activate(Activate {
        header: Header {
            election: stage.cluster.election.id().clone(),
            genesis: Some(*stage.cluster.election.genesis()),
            id: tests::chairs::id(id),
            time: note::UnixSeconds::new(1),
        },
        manifest: merkle::sha256(b"a successor"),
        reason: Reason::parse("site A is lost").unwrap(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_operators_key_is_replaced() {
    let stage = Stage::open(4).await.unwrap();
    let files = Files::of(&stage);
    let laptop = Laptop {
        stage: &stage,
        outbox: stage.folder().join("desk"),
    };
    let registrars = keys(&stage, "registrar");
    let operators = keys(&stage, "operator");
    let new = files.named("operator.new.key");
    let which = ["--role", "operator", "--person", "operator-2"];
    replace(&laptop, &which, &new, &registrars[..2]);
    let (path, chair) = sheet(&stage, 0, &files.0);
    let path = text(&path);
    let voucher = std::fs::read_to_string(chair.with_extension("vouchers")).unwrap();
    let voucher = voucher.lines().next().unwrap();
    let submit = [
        "submit",
        &path,
        "--channel",
        "phone",
        "--yes",
        "--voucher",
        voucher,
    ];
    let with = |second: &str, exit: i32| {
        let keys = ["--key", &operators[0], "--key", second];
        laptop.json(&[&submit[..], &keys[..]].concat(), exit)
    };
    assert_eq!(code(&with(&operators[1], 4)), "revoked_key");
    assert_eq!(with(&new, 0)["effect"], "recorded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_administrators_key_is_replaced() {
    let stage = Stage::open(4).await.unwrap();
    let files = Files::of(&stage);
    let laptop = Laptop {
        stage: &stage,
        outbox: stage.folder().join("desk"),
    };
    let registrars = keys(&stage, "registrar");
    let new = files.named("admin.new.key");
    let which = ["--role", "admin", "--person", "admin-2"];
    replace(&laptop, &which, &new, &registrars[..2]);
    let read = |file: &str| {
        let secret = std::fs::read_to_string(file).unwrap();
        SignerKey::from_secret_text(secret.trim()).unwrap()
    };
    let admins = keys(&stage, "admin");
    let (first, old, new) = (read(&admins[0]), read(&admins[1]), read(&new));
    let refused = stage
        .act(&activation(&stage, 1), &[&first, &old])
        .await
        .unwrap();
    assert_eq!(refused.refused().unwrap().code, "revoked_key");
    let sent = stage
        .act(&activation(&stage, 2), &[&first, &new])
        .await
        .unwrap();
    sent.receipted().unwrap();

    // Nobody of that name is there: the command says who is.
    let words = [
        "key", "replace", "--role", "admin", "--person", "admin-9", "--out",
    ];
    let other = files.named("other.key");
    let rest = [
        other.as_str(),
        "--reason",
        "lost",
        "--yes",
        "--key",
        &registrars[0],
    ];
    let wrong = laptop.json(&[&words[..], &rest[..]].concat(), 2);
    assert!(wrong.to_string().contains("hq/admin-1"), "{wrong}");
    assert!(!Path::new(&other).exists());
}

/// A chair signs straight from the card: the secret is typed and never written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chair_reports_straight_from_the_card() {
    let stage = Stage::open(4).await.unwrap();
    let files = Files::of(&stage);
    let laptop = Laptop {
        stage: &stage,
        outbox: stage.folder().join("chair"),
    };
    let (unit, _) = stage.unit(0).unwrap();
    let (path, _) = sheet(&stage, 0, &files.0);
    let path = text(&path);
    let seed = stage.chair(&unit).unwrap().seed();
    let groups = keyfile::typed(&seed);
    let submit = ["submit", &path, "--card", unit.as_str(), "--yes"];

    let mut misread = groups.clone();
    misread.swap(3, 4);
    let answer = laptop.typed(&submit, &misread.join(" "));
    let said = String::from_utf8(answer.stdout).unwrap();
    assert_eq!(answer.status.code(), Some(2), "{said}");
    assert!(said.contains("group 4 and group 5 was misread"), "{said}");
    // Another unit's card fits no name here.
    let (other, _) = stage.unit(1).unwrap();
    let stranger = keyfile::typed(&stage.chair(&other).unwrap().seed());
    assert_eq!(
        laptop.typed(&submit, &stranger.join(" ")).status.code(),
        Some(2)
    );

    let answer = laptop.typed(&submit, &groups.join("\n").to_lowercase());
    let said = String::from_utf8(answer.stdout).unwrap();
    assert_eq!(answer.status.code(), Some(0), "{said}");
    let sent: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(sent["effect"], "recorded", "{sent}");
    let kept = std::fs::read_dir(&laptop.outbox).unwrap();
    for file in kept
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
    {
        let bytes = std::fs::read(&file).unwrap();
        let secret = groups[0].as_bytes();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret));
    }
}
