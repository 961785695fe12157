//! The ceremony of an election from end to end, with the program as people run it: keys made where
//! they are used, a plan, an authority of three that signs apart, successors, and the next version.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use receipt::{Effect, Election, Fingerprint};
use serde_json::Value;

/// A folder in which the program is run.
struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Stage {
        let stage = Stage {
            folder: tempfile::tempdir().unwrap(),
        };
        stage.write("passphrase", "correct horse battery\n");
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn run(&self, line: &str) -> Output {
        self.run_with(line, "")
    }

    /// Runs the program with this on its standard input.
    fn run_with(&self, line: &str, input: &str) -> Output {
        self.write("input", input);
        Command::new(env!("CARGO_BIN_EXE_tally"))
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env_clear()
            .stdin(std::fs::File::open(self.path("input")).unwrap())
            .output()
            .unwrap()
    }

    /// Runs what must succeed, and reads its JSON, one object a line.
    fn tally(&self, line: &str) -> Vec<Value> {
        let output = self.run(&format!("--json {line}"));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{line}: {text}");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Runs what must be refused, and reads why.
    fn refused(&self, line: &str) -> String {
        let output = self.run(&format!("--json {line}"));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success(), "{line}: {text}");
        text
    }

    /// Everything that a plan names: six people, the authority, four machines, two units.
    fn prepare(&self) {
        self.write(
            "roster.txt",
            &client::election::small_roster(2, &caucus::Rules::iowa_2020())
                .unwrap()
                .to_string(),
        );
        self.write("rules.txt", &caucus::Rules::iowa_2020().to_string());
        let mut people = String::new();
        for (role, many) in [
            ("authority", 3),
            ("admin", 2),
            ("operator", 2),
            ("publisher", 2),
            ("registrar", 2),
            ("reviewer", 2),
        ] {
            for number in 1..=many {
                // The authority's are encrypted; the others, which only the plan names, need not be.
                let how = if role == "authority" {
                    "--encrypt --passphrase-file passphrase"
                } else {
                    ""
                };
                let made = self.tally(&format!(
                    "key new --election caucus --person {role}-{number} --out {role}-{number}.key {how}"
                ));
                let key = made[0]["verifier"].as_str().unwrap();
                people.extend(["key ", role, " ", key, "\n"]);
            }
        }
        self.write("people.txt", &people);
        let mut machines = String::from("# as the nodes printed them\n");
        for (number, how) in [
            (1, "--passphrase-file passphrase"),
            (2, "--plain"),
            (3, "--plain"),
            (4, "--plain --spare"),
            (5, "--plain --spare"),
        ] {
            let made = self.tally(&format!(
                "node keygen --id n{number} --origin tally.example/caucus --out n{number} {how}"
            ));
            machines.push_str(made[0]["line"].as_str().unwrap());
            machines.push('\n');
        }
        self.write("machines.txt", &machines);
        self.tally("election chairs --election caucus --roster roster.txt --out sealed");
        let example = self.run("election plan --example").stdout;
        let plan = String::from_utf8(example)
            .unwrap()
            .replace("caucus-2028-ia", "caucus")
            .replace("\"roll.txt\"", "\"sealed/roll.txt\"");
        self.write("election.toml", &plan);
    }

    /// One signature of the authority on these manifests.
    fn sign(&self, manifests: &str, who: u8, more: &str) {
        self.tally(&format!(
            "election sign {manifests} --key authority-{who}.key --passphrase-file passphrase --yes \
             {more}"
        ));
    }

    /// Version 1, signed by two and put together.
    fn found(&self) -> Fingerprint {
        self.prepare();
        self.tally("election new --plan election.toml --out one");
        self.sign("one/manifest.txt", 1, "");
        self.sign("one/manifest.txt", 3, "");
        let made = self.tally(
            "election assemble one/manifest.authority-1.note one/manifest.authority-3.note \
             --out-bundle bundle",
        );
        assert_eq!(made[0]["missing"], 0);
        Fingerprint::parse(made[0]["fingerprint"].as_str().unwrap()).unwrap()
    }

    fn open(&self, fingerprint: Fingerprint) -> Election {
        let bundle = client::bundle::read_folder(&self.path("bundle")).unwrap();
        Election::open(&bundle, fingerprint).unwrap()
    }
}

fn notes(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

/// Keys made apart and encrypted, two of three signatures made apart, one bundle that verifies.
#[test]
fn an_authority_that_signs_apart_makes_an_election_that_verifies() {
    let stage = Stage::new();
    let fingerprint = stage.found();
    let election = stage.open(fingerprint);
    let manifest = election.latest().manifest();
    assert_eq!(manifest.nodes.len(), 3);
    assert_eq!(manifest.authority.threshold, 2);
    assert_eq!(election.kind(), receipt::ElectionKind::Live);
    assert!(
        stage
            .text("one/fingerprint.txt")
            .starts_with(&fingerprint.to_string())
    );
    // The same key does not sign twice.
    let again = stage.refused(
        "election sign one/manifest.authority-1.note --key authority-1.key \
         --passphrase-file passphrase --yes --out x.note",
    );
    assert!(again.contains("has signed it already"), "{again}");
    let stranger = stage.refused(
        "election sign one/manifest.txt --key admin-1.key --passphrase-file passphrase --yes \
         --out x.note",
    );
    assert!(
        stranger.contains("is no key of the authority"),
        "{stranger}"
    );
}

/// One signature of two is counted and makes no bundle.
#[test]
fn too_few_signatures_make_no_bundle() {
    let stage = Stage::new();
    stage.prepare();
    stage.tally("election new --plan election.toml --out one");
    stage.sign("one/manifest.txt", 2, "");
    let made = stage.tally("election assemble one/manifest.authority-2.note --out-bundle bundle");
    assert_eq!(made[0]["missing"], 1);
    assert!(!stage.path("bundle").exists());
}

/// Any one bit of the signed note changed, it is refused: as a text, as a signature, or because it
/// is no longer the pinned one. A file beside it that was changed is refused before signing.
#[test]
fn a_manifest_with_a_flipped_bit_is_refused() {
    let stage = Stage::new();
    let fingerprint = stage.found();
    let sound = client::bundle::read_folder(&stage.path("bundle")).unwrap();
    let bytes = sound.manifests[0].note.bytes().to_vec();
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        let Ok(note) = note::SignedNote::parse_within(&flipped, note::Limits::MANIFEST) else {
            continue;
        };
        let mut bundle = sound.clone();
        bundle.manifests[0].note = note;
        assert!(
            Election::open(&bundle, fingerprint).is_err(),
            "byte {place}"
        );
    }
    let roll = stage.text("one/roll.txt");
    stage.write("one/roll.txt", &roll.replacen("P-0001", "P-0002", 1));
    let why = stage.refused(
        "election sign one/manifest.txt --key authority-2.key --passphrase-file passphrase --yes",
    );
    assert!(
        why.contains("the roll file is not beside the manifest"),
        "{why}"
    );
}

/// Each node by each spare, two deep: 3 x 2, and behind each of them 3 x 1.
#[test]
fn every_replacement_two_deep_is_signed_beforehand_and_takes_no_effect_by_itself() {
    let stage = Stage::new();
    let fingerprint = stage.found();
    let made = stage.tally("election successors one");
    let versions = made[0]["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 6 + 6 * 3);
    let folders = notes(&stage.path("one/successors"));
    let list = |file: &str| {
        let paths = folders.iter().map(|folder| folder.join(file));
        paths
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    for who in [1, 2] {
        stage.sign(&list("manifest.txt"), who, "--bundle bundle");
    }
    stage.tally(&format!(
        "election assemble {} {} --bundle bundle --out-bundle bundle",
        list("manifest.authority-1.note"),
        list("manifest.authority-2.note")
    ));
    let election = stage.open(fingerprint);
    assert_eq!(election.versions().len(), 25);
    assert_eq!(election.latest().manifest().version, 1);
    for version in election.versions().iter().skip(1) {
        let manifest = version.manifest();
        assert_eq!(manifest.effect, Effect::OnceActivated);
        assert_eq!(manifest.nodes.len(), 3);
        assert_eq!(version.leaf(), None);
    }
}

/// Version 2 from an edited plan: only what was edited differs, and it is said.
#[test]
fn the_next_version_says_what_it_changes_and_the_old_authority_signs_it() {
    let stage = Stage::new();
    let fingerprint = stage.found();
    let same = stage.refused("election next --plan election.toml --bundle bundle --out two");
    assert!(same.contains("changes nothing"), "{same}");
    let plan = stage.text("election.toml");
    stage.write("election.toml", &plan.replace("T01:00:00", "T02:00:00"));
    let made = stage.tally("election next --plan election.toml --bundle bundle --out two");
    let changes = made[0]["differences"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].as_str().unwrap().starts_with("closes: "));
    for who in [2, 3] {
        stage.sign("two/manifest.txt", who, "--bundle bundle");
    }
    stage.tally(
        "election assemble two/manifest.authority-2.note two/manifest.authority-3.note \
         --bundle bundle --out-bundle bundle",
    );
    assert_eq!(stage.open(fingerprint).versions().len(), 2);
}

/// The live election of a rehearsal shares nothing with it, and a name of the rehearsal is refused.
#[test]
fn a_rehearsal_becomes_the_night_with_nothing_secret_of_it() {
    let stage = Stage::new();
    stage.tally("election new --development rehearsal --election dry-run --units 3");
    let promote = "election promote rehearsal --opens 100 --closes 200";
    for (names, shared) in [
        (
            "--election dry-run --origin tally.example/live",
            "the name of the election",
        ),
        (
            "--election live --origin tally.example/dry-run",
            "the name of the log",
        ),
    ] {
        let why = stage.refused(&format!("{promote} {names} --out live"));
        assert!(why.contains(shared), "{why}");
        assert!(!stage.path("live").exists());
    }
    let made = stage.tally(&format!(
        "{promote} --election live --origin tally.example/live --out live"
    ));
    assert_eq!(made[0]["kind"], "live");
    let open = |folder: &str| {
        let bundle = client::bundle::read_folder(&stage.path(folder)).unwrap();
        let genesis = bundle.manifests[0].note.text_hash();
        Election::open(&bundle, Fingerprint::of(genesis)).unwrap()
    };
    let (old, new) = (open("rehearsal/bundle"), open("live/bundle"));
    assert_eq!(old.latest().roster(), new.latest().roster());
    assert_eq!(
        client::election::names_of(old.latest().manifest()),
        client::election::names_of(new.latest().manifest())
    );
    let addresses = |folder: &str| {
        let text = stage.text(&format!("{folder}/nodes/n2/node.toml"));
        text.lines()
            .filter(|line| line.starts_with("listen"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(addresses("rehearsal"), addresses("live"));
    let again = stage.refused(
        "election promote live --opens 100 --closes 200 --election next --origin tally.example/next --out next",
    );
    assert!(again.contains("live already"), "{again}");
}

/// Every unit's cards are drawn, and what stands on one gives the very key back, typed or scanned; a
/// misread group is named.
#[test]
fn a_card_gives_its_key_back_typed_and_scanned() {
    let stage = Stage::new();
    stage.tally("election new --development desk --units 2");
    let made = stage.tally("key cards desk/chairs --bundle desk/bundle --out cards.pdf --paper a4");
    assert_eq!(made[0]["cards"], 8);
    let pdf = std::fs::read(stage.path("cards.pdf")).unwrap();
    let text = String::from_utf8_lossy(&pdf);
    assert_eq!(text.matches("(REHEARSAL / ENSAYO) Tj").count(), 8);
    // The third sheet of the first unit is the secretary's.
    let secret = stage.text("desk/chairs/P-0001.s.key");
    let key = note::SignerKey::from_secret_text(secret.trim_end()).unwrap();
    let groups = keyfile::typed(&key.seed());
    assert!(
        groups
            .iter()
            .all(|group| text.contains(&format!("{group}) Tj")))
    );
    let from_card = |input: &str, out: &str| {
        let name = key.verifier().name();
        let id = key.verifier().id();
        stage.run_with(
            &format!("--json key from-card --name {name} --key-id {id} --out {out}"),
            input,
        )
    };
    for (input, out) in [
        (groups.join(" ").to_lowercase(), "typed.key"),
        (secret.clone(), "scanned.key"),
    ] {
        assert!(from_card(&input, out).status.success(), "{out}");
        assert_eq!(stage.text(out), secret);
    }
    let misread = groups.join(" ").replacen('-', "-9", 1);
    let shifted: String = misread
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(71)
        .collect();
    let refused = from_card(&shifted, "wrong.key");
    assert!(!refused.status.success());
    assert!(!stage.path("wrong.key").exists());
    // Another card's groups under this card's name: the key id does not fit.
    let other = stage.text("desk/chairs/P-0001.b.key");
    let other = note::SignerKey::from_secret_text(other.trim_end()).unwrap();
    let why = from_card(&keyfile::typed(&other.seed()).join(" "), "other.key");
    assert!(String::from_utf8_lossy(&why.stdout).contains("is not the card's key"));
}
