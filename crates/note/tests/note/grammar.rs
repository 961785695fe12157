//! The edges of the grammar: what is no note, in which line, and what is no checkpoint.

use merkle::TreeSize;
use note::{
    Checkpoint, CheckpointError, Limits, MAX_SIGNATURES, NoteError, SignatureLine,
    SignedCheckpoint, SignedNote, UnixSeconds, b64,
};
use proptest::prelude::*;

use crate::fixtures::{checkpoint, cosigner, signer};

const TEXT: &str = "first line\nsecond line\n";

/// The note of one signer over `TEXT`.
fn good() -> String {
    let line = signer("chair").sign(TEXT);
    format!("{TEXT}\n{line}\n")
}

#[test]
fn a_note_keeps_its_exact_bytes_and_its_parts() {
    let line = signer("chair").sign(TEXT);
    let note = SignedNote::parse(good().as_bytes()).unwrap();
    assert_eq!(note.bytes(), good().as_bytes());
    assert_eq!(note.text(), TEXT);
    assert_eq!(note.text_hash(), merkle::sha256(TEXT.as_bytes()));
    assert_eq!(note.leaf_hash(), merkle::leaf_hash(good().as_bytes()));
    assert_eq!(note.signatures(), [line]);
}

#[test]
fn what_is_no_note_is_refused_with_its_line() {
    let line = signer("chair").sign(TEXT).to_string();
    let bytes = line.rsplit_once(' ').map(|(_, bytes)| bytes).unwrap();
    let two = format!("{line}\n{line}");
    let short = b64::encode([1, 2, 3, 4]);
    for (at, note) in [
        // Nothing, or no complete part.
        (1, String::new()),
        (1, "\n".into()),
        (3, TEXT.into()),
        (4, format!("{TEXT}\n")),
        (4, format!("{TEXT}\n{line}")),
        (1, format!("\n{line}\n")),
        (2, format!("{line}\n")),
        // A blank line too many, anywhere.
        (1, format!("\n{TEXT}\n{line}\n")),
        (3, format!("first line\n\nsecond line\n\n{line}\n")),
        (4, format!("{TEXT}\n\n{line}\n")),
        (5, format!("{TEXT}\n{line}\n\n")),
        // Bytes after the end, or before the first line.
        (5, format!("{TEXT}\n{line}\nx")),
        (5, format!("{TEXT}\n{line}\nx\n")),
        (1, format!("\u{feff}{TEXT}\n{line}\n")),
        // Text that is not printable ASCII.
        (1, format!("first line\r\nsecond line\r\n\n{line}\n")),
        (2, format!("first line\nsecond\tline\n\n{line}\n")),
        (2, format!("first line\nsecond l\u{ed}ne\n\n{line}\n")),
        (2, format!("first line\nsecond\0line\n\n{line}\n")),
        (1, format!("first \u{2014} line\nsecond line\n\n{line}\n")),
        // Signature lines that are none.
        (4, format!("{TEXT}\n{line}\r\n")),
        (4, format!("{TEXT}\n{line} \n")),
        (4, format!("{TEXT}\n {line}\n")),
        (4, format!("{TEXT}\n- chair {bytes}\n")),
        (4, format!("{TEXT}\n\u{2013} chair {bytes}\n")),
        (4, format!("{TEXT}\n\u{2014}chair {bytes}\n")),
        (4, format!("{TEXT}\n\u{2014} chair\n")),
        (4, format!("{TEXT}\n\u{2014}  {bytes}\n")),
        (4, format!("{TEXT}\n\u{2014} ch+ir {bytes}\n")),
        (4, format!("{TEXT}\n\u{2014} chair  {bytes}\n")),
        (4, format!("{TEXT}\n\u{2014} chair {short}\n")),
        (
            4,
            format!("{TEXT}\n\u{2014} chair {}\n", bytes.trim_end_matches('=')),
        ),
        (5, format!("{TEXT}\n{two}\n")),
    ] {
        match SignedNote::parse(note.as_bytes()) {
            Err(NoteError::Malformed { line, .. }) => assert_eq!(line, at, "{note:?}"),
            other => panic!("{note:?} gives {other:?}"),
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused_in_their_line() {
    let mut bytes = good().into_bytes();
    bytes[12] = 0xff;
    let error = NoteError::Malformed {
        line: 2,
        what: "the note is not UTF-8",
    };
    assert_eq!(SignedNote::parse(&bytes), Err(error));
}

#[test]
fn base64_with_other_pad_bits_is_refused() {
    // 68 bytes are 91 characters and one `=`: the last character has two bits to spare.
    let note = good();
    let (before, last) = note.strip_suffix("=\n").unwrap().split_at(note.len() - 3);
    for other in ('A'..='Z').chain('a'..='z').chain('0'..='9') {
        let changed = format!("{before}{other}=\n");
        let accepted = SignedNote::parse(changed.as_bytes()).is_ok();
        let spare_bits_are_zero =
            b64::decode(&format!("AAA{other}")).unwrap()[2].trailing_zeros() >= 2;
        assert_eq!(accepted, spare_bits_are_zero, "{last} as {other}");
    }
}

#[test]
fn limits_hold_to_the_byte_the_line_and_the_signature() {
    let line = signer("chair").sign("x").to_string();
    let of_size = |bytes: usize| {
        let filling = bytes - line.len() - 3;
        format!("{}\n\n{line}\n", "x".repeat(filling))
    };
    for (limits, limit) in [(Limits::NOTE, 8_192), (Limits::MANIFEST, 49_152)] {
        assert!(SignedNote::parse_within(of_size(limit).as_bytes(), limits).is_ok());
        assert_eq!(
            SignedNote::parse_within(of_size(limit + 1).as_bytes(), limits),
            Err(NoteError::TooLarge {
                bytes: limit + 1,
                limit
            })
        );
    }
    // The blank line and the signature's are counted too.
    let of_lines = |lines: usize| format!("{}\n{line}\n", "x\n".repeat(lines - 2));
    for (limits, lines) in [(Limits::NOTE, 512), (Limits::MANIFEST, 1_024)] {
        assert!(SignedNote::parse_within(of_lines(lines).as_bytes(), limits).is_ok());
        assert!(matches!(
            SignedNote::parse_within(of_lines(lines + 1).as_bytes(), limits),
            Err(NoteError::Malformed { .. })
        ));
    }
    let of_signers = |count: usize| {
        let lines = (0..count)
            .map(|at| signer(&format!("s{at}")).sign(TEXT))
            .collect();
        SignedNote::assemble(TEXT, lines)
    };
    assert!(of_signers(MAX_SIGNATURES).is_ok());
    assert!(matches!(
        of_signers(MAX_SIGNATURES + 1),
        Err(NoteError::Malformed { .. })
    ));
    assert!(matches!(of_signers(0), Err(NoteError::Malformed { .. })));
}

#[test]
fn the_notes_of_several_signers_stand_in_order_whoever_signed_first() {
    let lines: Vec<_> = ["c", "a", "b"].map(|name| signer(name).sign(TEXT)).to_vec();
    let note = SignedNote::assemble(TEXT, lines.clone()).unwrap();
    let names: Vec<_> = note
        .signatures()
        .iter()
        .map(|line| line.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    let reversed = lines.into_iter().rev().collect();
    assert_eq!(SignedNote::assemble(TEXT, reversed), Ok(note));
    for text in ["", "\n", "no end", "a\n\nb\n", "a\n\n"] {
        let line = signer("a").sign(text);
        assert!(SignedNote::assemble(text, vec![line]).is_err(), "{text:?}");
    }
}

#[test]
fn a_checkpoint_is_exactly_three_lines() {
    let good = checkpoint("log.example/2028", 13, "root");
    let text = good.text();
    assert_eq!(Checkpoint::parse_text(&text), Ok(good));
    let (_, root) = text.trim_end().rsplit_once('\n').unwrap();
    let long = (1_u64 << 53) + 1;
    for (changed, error) in [
        (String::new(), CheckpointError::NotThreeLines),
        (text.trim_end().to_owned(), CheckpointError::NotThreeLines),
        (format!("{text}extension\n"), CheckpointError::NotThreeLines),
        (format!("{text}\n"), CheckpointError::NotThreeLines),
        (text.replace("13\n", ""), CheckpointError::NotThreeLines),
        (text.replace("log", "log "), CheckpointError::Origin),
        (text.replace("log", "l+g"), CheckpointError::Origin),
        (text.replace("13", "013"), CheckpointError::Size),
        (text.replace("13", "+13"), CheckpointError::Size),
        (text.replace("13", "-1"), CheckpointError::Size),
        (text.replace("\n13", "\n"), CheckpointError::Size),
        (text.replace("\n13", "\n13 "), CheckpointError::Size),
        (text.replace("13", &long.to_string()), CheckpointError::Size),
        (
            text.replace(root, root.trim_end_matches('=')),
            CheckpointError::Root,
        ),
        (
            text.replace(root, &b64::encode([0; 31])),
            CheckpointError::Root,
        ),
        (
            text.replace(root, &b64::encode([0; 33])),
            CheckpointError::Root,
        ),
    ] {
        assert_eq!(Checkpoint::parse_text(&changed), Err(error), "{changed:?}");
    }
    let largest = text.replace("13", &(long - 1).to_string());
    assert_eq!(
        Checkpoint::parse_text(&largest).unwrap().size,
        TreeSize::MAX_STATED
    );
}

#[test]
fn a_checkpoints_lines_are_the_logs_the_nodes_then_the_outsiders_and_each_key_once() {
    let checkpoint = checkpoint("log.example", 13, "root");
    let time = UnixSeconds::new(5);
    let log = signer("log.example").sign(&checkpoint.text());
    let line = |name: &str| cosigner(name).cosign(&checkpoint, time);
    let ordered = [
        log.clone(),
        line("log.example/n1"),
        line("log.example/n10"),
        line("log.example/n2"),
        line("a.witness"),
        line("log.example.org/n1"),
        line("z.witness"),
    ];
    let mut signed = SignedCheckpoint::new(checkpoint.clone(), line("z.witness"));
    for line in ordered.iter().rev() {
        signed = signed.with_line(line.clone());
    }
    assert_eq!(signed.lines(), ordered);
    assert_eq!(
        SignedCheckpoint::parse(&signed.to_bytes()),
        Ok(signed.clone())
    );
    assert_eq!(signed.line_of(signer("log.example").verifier()), Some(&log));
    assert_eq!(signed.line_of(cosigner("log.example").verifier()), None);

    let again = cosigner("log.example/n1").cosign(&checkpoint, UnixSeconds::new(6));
    assert_eq!(
        signed.clone().with_line(again.clone()),
        signed,
        "the first line of a key stays"
    );
    let repeated = [signed.to_bytes(), format!("{again}\n").into_bytes()].concat();
    assert!(matches!(
        SignedCheckpoint::parse(&repeated),
        Err(CheckpointError::Note(NoteError::Malformed {
            line: 12,
            what: "a key signs once"
        }))
    ));
    for at in 0..2 * MAX_SIGNATURES {
        signed = signed.with_line(line(&format!("w{at}")));
    }
    assert_eq!(signed.lines().len(), MAX_SIGNATURES);
    assert_eq!(SignedCheckpoint::parse(&signed.to_bytes()), Ok(signed));
}

#[test]
fn the_largest_checkpoint_fits_its_limit() {
    let checkpoint = checkpoint(&"o".repeat(128), TreeSize::MAX_STATED.get(), "root");
    let line = |at: usize| {
        cosigner(&format!("{at:0>128}")).cosign(&checkpoint, UnixSeconds::new(u64::MAX))
    };
    let mut signed = SignedCheckpoint::new(checkpoint.clone(), line(0));
    for at in 1..MAX_SIGNATURES {
        signed = signed.with_line(line(at));
    }
    assert_eq!(SignedCheckpoint::parse(&signed.to_bytes()), Ok(signed));
}

proptest! {
    #[test]
    fn what_is_assembled_is_what_is_read(
        lines in prop::collection::vec("[ -~]{1,40}", 1..20),
        signers in prop::collection::btree_set("[a-z./]{1,12}", 1..5),
    ) {
        let text = lines.join("\n") + "\n";
        let signatures: Vec<SignatureLine> =
            signers.iter().map(|name| signer(name).sign(&text)).collect();
        let note = SignedNote::assemble(&text, signatures.clone()).unwrap();
        prop_assert_eq!(note.text(), &text);
        prop_assert_eq!(note.signatures(), signatures);
        for (name, line) in signers.iter().zip(note.signatures()) {
            prop_assert!(signer(name).verifier().verifies(note.text(), line));
        }
        let read = SignedNote::parse(note.bytes());
        prop_assert_eq!(read, Ok(note));
    }

    /// Whatever is read gives back exactly the bytes it was read from: nothing has two texts.
    #[test]
    fn a_note_that_is_read_has_no_other_text(bytes in near_a_note()) {
        if let Ok(note) = SignedNote::parse(&bytes) {
            let again = SignedNote::assemble(note.text(), note.signatures().to_vec()).unwrap();
            let ordered = note.signatures().is_sorted_by_key(|line| (&line.name, line.id));
            prop_assert!(!ordered || again.bytes() == bytes);
        }
        if let Ok(signed) = SignedCheckpoint::parse(&bytes) {
            prop_assert_eq!(signed.to_bytes(), bytes);
        }
    }
}

/// Bytes that look like a note or a checkpoint and often are one: pieces of both in any order.
fn near_a_note() -> impl Strategy<Value = Vec<u8>> {
    let signed = checkpoint("log.example", 13, "root");
    let line = signer("log.example").sign(&signed.text()).to_string();
    let whole = format!("{}\n{line}\n", signed.text());
    let pieces = vec![
        whole,
        format!("{}\n", signed.text()),
        signed.text(),
        format!("{line}\n"),
        line,
        "\n".into(),
        "\u{2014} ".into(),
        "text\n".into(),
        "log.example\n".into(),
        "13\n".into(),
        " ".into(),
        "\r".into(),
        "=".into(),
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..5)
        .prop_map(|pieces| pieces.concat().into_bytes())
}
