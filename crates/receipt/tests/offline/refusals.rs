//! Everything outside the grammar is refused, with the line named: one broken line a row.

use receipt::Leaf;
use receipt::leaf::LeafKind;

use crate::fixture::submission;
use crate::samples::every_leaf;

/// Replaces one occurrence in the text of the first leaf of that type that contains it.
fn broken(kind: LeafKind, from: &str, to: &str) -> String {
    let leaf = every_leaf()
        .iter()
        .filter(|leaf| leaf.kind() == kind)
        .map(Leaf::text)
        .find(|text| text.contains(from))
        .unwrap_or_else(|| panic!("no {kind} contains {from:?}"));
    leaf.replacen(from, to, 1)
}

fn check(kind: LeafKind, rows: &[(&str, &str)]) {
    for (from, to) in rows {
        assert!(
            Leaf::parse_text(&broken(kind, from, to)).is_err(),
            "{kind}: {from:?} -> {to:?} was accepted"
        );
    }
}

/// Like [`check`], and the complaint names the line.
fn check_lines(kind: LeafKind, rows: &[(&str, &str, u32)]) {
    for (from, to, line) in rows {
        let malformed = Leaf::parse_text(&broken(kind, from, to))
            .expect_err(&format!("{kind}: {from:?} -> {to:?} was accepted"));
        assert_eq!(
            malformed.line, *line,
            "{kind}: {from:?} -> {to:?}: {malformed}"
        );
    }
}

#[test]
fn a_first_line_that_is_no_type() {
    for text in [
        "",
        "\n",
        "precinct-tally/submission/v1",
        "precinct-tally/submission/v1\n",
        "precinct-tally/submission/v2\nelection e\n",
        "precinct-tally/Submission/v1\nelection e\n",
        "precinct-tally/unheard-of/v1\nelection e\n",
        "cosignature/v1\ntime 1\n",
    ] {
        assert!(Leaf::parse_text(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_header_out_of_order_or_shape() {
    check_lines(
        LeafKind::Submission,
        &[
            ("\nelection ", "\nElection ", 2),
            ("\nelection ", "\nelection  ", 2),
            ("\nelection caucus-2028-ia", "\nelection", 2),
            ("\nelection caucus-2028-ia", "\nelection caucus/2028", 2),
            ("\ngenesis ", "\ngenesis -\ngenesis ", 4),
            ("=\nid ", "\nid ", 3),
            ("\nid 07", "\nid 7", 4),
            ("\nid 07", "\nid G7", 4),
            ("\nid 0707", "\nid AA07", 4),
            ("\ntime 1", "\ntime 01", 5),
            ("\ntime 1", "\ntime -1", 5),
            ("\ntime 1", "\ntime +1", 5),
            ("\ntime 1706576460", "\ntime 9007199254740992", 5),
            ("\ntime 1706576460", "\ntime ", 5),
            ("\ntime 1706576460", "\ntime 1706576460 ", 5),
        ],
    );
}

#[test]
fn only_the_first_manifest_has_no_genesis() {
    for leaf in every_leaf() {
        let text = leaf.text();
        let Some(line) = text.split('\n').find(|line| line.starts_with("genesis ")) else {
            panic!("{text}");
        };
        if line != "genesis -" {
            let without = text.replace(line, "genesis -");
            assert_eq!(
                Leaf::parse_text(&without).unwrap_err().line,
                3,
                "{}",
                leaf.kind()
            );
        }
    }
}

#[test]
fn blank_lines_foreign_bytes_and_missing_ends() {
    for leaf in every_leaf() {
        let text = leaf.text();
        let without_end = text.strip_suffix('\n').unwrap();
        for broken in [
            without_end.to_owned(),
            format!("{text}\n"),
            format!("\n{text}"),
            text.replacen("\nelection", "\n\nelection", 1),
            text.replacen("\nelection", "\r\nelection", 1),
            text.replacen("\nelection ", "\nelection\t", 1),
            text.replacen("\nelection ", "\nelection \u{e9}", 1),
            text.replacen("\nelection ", "\nelection \u{7f}", 1),
            format!("{text}more 1\n"),
            format!("{text}reason again\n"),
            format!("{without_end} \n"),
        ] {
            // A reason may end with a space; it is then another reason.
            if let Ok(other) = Leaf::parse_text(&broken) {
                assert!(
                    broken.ends_with(" \n") && other != *leaf,
                    "{} {broken:?}",
                    leaf.kind()
                );
            }
        }
    }
}

/// Leaving a line out, doubling it, and exchanging it with the next one are all noticed.
#[test]
fn every_line_is_needed_once_and_in_its_place() {
    for leaf in every_leaf() {
        let text = leaf.text();
        let lines: Vec<&str> = text.lines().collect();
        for position in 0..lines.len() {
            let mut doubled = lines.clone();
            doubled.insert(position, lines[position]);
            let doubled = doubled.join("\n") + "\n";
            // Two prizes of one tie are two equal lines.
            if !lines[position].starts_with("tie ") {
                assert!(Leaf::parse_text(&doubled).is_err(), "{doubled}");
            }
            let mut left_out = lines.clone();
            left_out.remove(position);
            let left_out = left_out.join("\n") + "\n";
            assert_ne!(Leaf::parse_text(&left_out).as_ref(), Ok(leaf), "{left_out}");
            if position + 1 < lines.len() {
                let mut exchanged = lines.clone();
                exchanged.swap(position, position + 1);
                let exchanged = exchanged.join("\n") + "\n";
                assert!(Leaf::parse_text(&exchanged).is_err(), "{exchanged}");
            }
        }
    }
}

#[test]
fn submissions() {
    check_lines(
        LeafKind::Submission,
        &[
            ("\nunit P-1", "\nunit P/1", 6),
            ("\nunit P-1", "\nprecinct P-1", 6),
            ("\nseq 1", "\nseq 0", 7),
            ("\nseq 1", "\nseq 01", 7),
            ("\nsupersedes -", "\nsupersedes", 8),
            ("\nsupersedes -", "\nsupersedes none", 8),
            ("\nchannel phone", "\nchannel room", 9),
            ("\nchannel phone", "\nchannel fax", 9),
            ("\nattendees 50", "\nattendees -", 9),
            ("\nattendees 50", "\nattendees 050", 9),
            ("\nattendees 50", "\nattendees 1 50", 9),
            ("\nvotes 1", "\nvotes 0", 10),
            ("\nvotes 1", "\nvotes 3", 10),
        ],
    );
    check(
        LeafKind::Submission,
        &[
            ("\nvoucher ", "\nvoucher 0"),
            ("\nvoucher 1", "\nvoucher l"),
            ("\nvotes 1 Biden 30", "\nvotes 1 Biden -"),
            ("\nvotes 1 Biden 30", "\nvotes 1 Biden"),
            ("\nvotes 1 Biden 30", "\nvotes 1 Biden 30 30"),
            ("\nvotes 1 Biden 30", "\nvotes 1 Warren 30"),
            ("\nvotes 1 Biden 30", "\nvotes 1 Biden 3.0"),
            ("\nvotes 2 Warren ", "\nvotes 1 Warren "),
            ("\ndelegates Biden 3", "\ndelegates Biden -3"),
            ("\ndelegates Biden 3", "\ndelegates Yang 3"),
        ],
    );
}

#[test]
fn ties_and_evidence() {
    let one = "\ntie award Biden,Warren Biden coin";
    check(
        LeafKind::Submission,
        &[
            (one, "\ntie award Biden Biden coin"),
            (one, "\ntie award Warren,Biden Biden coin"),
            (one, "\ntie award Biden,Biden Biden coin"),
            (one, "\ntie award Biden,Warren Sanders coin"),
            (one, "\ntie award Warren,,Warren Biden coin"),
            (one, "\ntie award Biden,Warren, Biden coin"),
            (one, "\ntie swap Biden,Warren Biden coin"),
            (one, "\ntie award Biden,Warren Biden dice"),
            (one, &one.repeat(17)),
            ("image/jpeg ", "image "),
            ("image/jpeg ", "image/ "),
            ("image/jpeg ", "/jpeg "),
            ("image/jpeg ", "Image/jpeg "),
            ("image/jpeg ", "image/jpeg/x "),
            ("image/jpeg 1048576", "image/jpeg 01048576"),
            ("image/jpeg 1048576", "image/jpeg"),
            ("\nevidence ", "\nevidence A"),
        ],
    );
    let text = broken(LeafKind::Submission, one, &one.repeat(16));
    assert!(Leaf::parse_text(&text).is_ok(), "sixteen ties are allowed");
}

/// Sixteen pieces of evidence may be named, ascending by the text of their hashes.
#[test]
fn evidence_ascends_and_is_limited() {
    let accepted = |hashes: &[String]| {
        let lines: Vec<String> = hashes
            .iter()
            .map(|hash| format!("evidence {hash} image/png 1\n"))
            .collect();
        let text = Leaf::from(submission("P-1")).text() + &lines.concat();
        Leaf::parse_text(&text).is_ok()
    };
    let mut hashes: Vec<String> = (0_u8..17)
        .map(|number| note::b64::encode_hash(&merkle::sha256(&[number])))
        .collect();
    hashes.sort();
    assert!(accepted(&hashes[..16]));
    assert!(!accepted(&hashes));
    assert!(!accepted(&[hashes[1].clone(), hashes[0].clone()]));
    assert!(!accepted(&[hashes[0].clone(), hashes[0].clone()]));
}

#[test]
fn attests() {
    check(
        LeafKind::Attest,
        &[
            ("\nchannel room", "\nchannel fax"),
            ("\nchannel room\n", "\n"),
            ("\nattendees -", "\nattendees --"),
            ("\nvotes 2 Biden -", "\nvotes 2 Biden ?"),
        ],
    );
}

#[test]
fn opinions() {
    check(
        LeafKind::Review,
        &[
            ("\ndecision accept", "\ndecision Accept"),
            ("\ndecision accept", "\ndecision take"),
            ("\ndecision take", "\ndecision accept"),
            ("\ndecision accept", "\ndecision maybe"),
            ("\nfinding E_final_gt_first", "\nfinding E-final"),
            ("\nfinding E_final_gt_first", "\nfinding Z_last"),
            ("\nof ", "\nof -"),
            ("\nreason the clerk read the wrong line", "\nreason "),
        ],
    );
    let long = format!("\nreason {}", "x".repeat(201));
    let just = format!("\nreason {}", "x".repeat(200));
    check(
        LeafKind::Void,
        &[("\nreason the clerk read the wrong line", &long)],
    );
    let text = broken(
        LeafKind::Void,
        "\nreason the clerk read the wrong line",
        &just,
    );
    assert!(
        Leaf::parse_text(&text).is_ok(),
        "200 characters are allowed"
    );
    check(
        LeafKind::Dispute,
        &[
            ("\ncell attendees - 51", "\ncell attendees Biden 51"),
            ("\ncell first Biden 0", "\ncell first - 0"),
            ("\ncell first Biden 0", "\ncell first Biden -"),
            ("\ncell first Biden 0", "\ncell last Biden 0"),
            ("\ncell first Biden 0", "\ncell attendees - 51"),
            ("\ncell attendees - 51\ncell first Biden 0", ""),
        ],
    );
    check(
        LeafKind::Answer,
        &[("\nupheld yes", "\nupheld true"), ("\nto ", "\nof ")],
    );
    check(
        LeafKind::Recount,
        &[
            ("\nadopt no", "\nadopt maybe"),
            ("\nattendees 50", "\nattendees -"),
        ],
    );
    check(LeafKind::Recanvass, &[("\nadopt yes\n", "\n")]);
}

#[test]
fn gates_and_activations() {
    check(
        LeafKind::Publish,
        &[
            ("\nscope all", "\nscope All"),
            ("\nscope all", "\nscope all 1"),
            ("\nscope all", "\nscope state"),
            ("\nscope county 19", "\nscope county"),
            ("\nscope county 19", "\nscope district 19"),
        ],
    );
    check(
        LeafKind::Hold,
        &[("\nscope unit P-2", "\nscope unit P-2 P-3")],
    );
    check(LeafKind::Activate, &[("\nmanifest ", "\nmanifest -")]);
}

#[test]
fn keys() {
    check(
        LeafKind::Enrol,
        &[
            ("\nslot a", "\nslot c"),
            ("\nslot a", "\nslot b"),
            ("\nunit P-1\nslot a", "\nunit P-2\nslot a"),
            ("\nunit P-1\n", "\n"),
            ("\nrole operator", "\nrole authority"),
            ("\nrole operator", "\nrole chair"),
            ("\nrole operator", "\nrole operator\nslot a"),
            ("\nvkey ", "\nvkey x"),
            ("\nreplaces caucus", "\nreplaces caucus x"),
        ],
    );
    check(
        LeafKind::Revoke,
        &[
            ("\nearlier doubt", "\nearlier forget"),
            ("\nkey caucus-2028-ia/P-1/a ", "\nkey caucus-2028-ia/P-1/a"),
            (
                "\nkey caucus-2028-ia/P-1/a ",
                "\nkey caucus-2028-ia/P-1/a x",
            ),
            ("\nkey caucus-2028-ia/P-1/a ", "\nkey caucus-2028-ia/P-1+a "),
        ],
    );
}

#[test]
fn roster_changes_and_totals() {
    check(
        LeafKind::Roster,
        &[
            (
                "\nadd unit P-3 precinct 19 2",
                "\nadd unit P-3 precinct 19 0",
            ),
            ("\nadd unit P-3 precinct", "\nadd unit P-3 room"),
            ("\nadd unit", "\nadd"),
            ("\nclose unit P-2", "\nclose P-2"),
            ("\nmerge P-1 P-2 12", "\nmerge P-1 P-1 12"),
            ("\nmerge P-1 P-2 12", "\nmerge P-1 P-2"),
            ("\nwithdraw Biden", "\nwithdraw Biden Warren"),
            ("\nwithdraw Biden", "\nwithdraw Biden\nwithdraw Warren"),
            ("\nwithdraw Biden\n", "\n"),
        ],
    );
    check(
        LeafKind::Totals,
        &[
            ("\nof 12", "\nof 012"),
            (" 1/3", " 1/0"),
            (" 1/3", " 01/3"),
            (" 1/3", " 1"),
            (" 1/3", " -1/3"),
            ("\nrow Biden 30", "\nrow Biden -"),
            (
                "\nresults ",
                "\nid 07070707070707070707070707070707\nresults ",
            ),
        ],
    );
}
