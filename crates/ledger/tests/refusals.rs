//! Every refusal is reached, in its order, and changes nothing; what is refused on the bytes is
//! refused for every byte.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use caucus::{Refusal, Slot, UnitId};
    use ledger::{Command, Outcome, UnixMillis, View};
    use note::{SignatureLine, SignedNote};
    use proptest::prelude::*;
    use receipt::leaf::{Attest, Channel, Enrol, Place, Reason};
    use receipt::{Effect, Leaf};

    use crate::common::Night;
    use crate::common::election::{Election, command, node_line, photograph, voucher};

    fn refusal(outcome: Outcome) -> Refusal {
        match outcome {
            Outcome::Refused { refusal, .. } => refusal,
            Outcome::Recorded { .. }
            | Outcome::Corrected { .. }
            | Outcome::Rival { .. }
            | Outcome::Superseded { .. }
            | Outcome::Stray { .. }
            | Outcome::AlreadyRecorded { .. }
            | Outcome::Applied { .. } => panic!("not refused: {outcome:?}"),
        }
    }

    fn code(night: &mut Night, bytes: &[u8]) -> &'static str {
        refusal(night.apply_unchecked(&Command::note(UnixMillis::new(5), bytes))).code()
    }

    fn night() -> (Election, Night) {
        let election = Election::new("night");
        let night = Night::of(&election);
        (election, night)
    }

    /// One bit flipped anywhere: the signature no longer fits, or it is no note, or another key's,
    /// unit's or election's. In every case it is refused and nothing derived from leaves changes.
    #[test]
    fn a_report_with_one_flipped_bit_is_refused_wherever_it_is() {
        let (election, mut night) = night();
        let note = election.report("a", "P-1", &[50, 30, 20]);
        let mut seen = BTreeSet::new();
        for place in 0..note.bytes().len() {
            for bit in [0, 3, 7] {
                let mut bytes = note.bytes().to_vec();
                bytes[place] ^= 1 << bit;
                seen.insert(code(&mut night, &bytes));
            }
        }
        for expected in [
            "malformed",
            "bad_signature",
            "wrong_election",
            "unknown_key",
        ] {
            assert!(seen.contains(expected), "{expected} was not among {seen:?}");
        }
        let recorded = night.apply(&command(&note));
        assert_eq!(recorded.name(), "recorded");
    }

    #[test]
    fn a_report_for_another_election_or_a_rehearsal_is_refused() {
        let (_, mut night) = night();
        let other = Election::new("another-night");
        let note = other.report("a", "P-1", &[50, 30, 20]);
        assert_eq!(code(&mut night, note.bytes()), "wrong_election");
        let ours = Election::new("night");
        let mut submission = ours.submission("a", "P-1", &[50, 30, 20]);
        submission.header.genesis = Some(merkle::sha256(b"a rehearsal"));
        let note = ours.sign(&submission.into(), &["P-1/a"]);
        assert_eq!(code(&mut night, note.bytes()), "wrong_election");
        // The first manifest of the same name but another text makes no second election.
        let again = other.begin();
        assert_eq!(refusal(night.apply(&again)).code(), "wrong_election");
    }

    #[test]
    fn a_note_over_its_limit_is_refused_before_it_is_read() {
        let (election, mut night) = night();
        let mut bytes = election.report("a", "P-1", &[50, 30, 20]).bytes().to_vec();
        bytes.resize(8_193, b'x');
        let refused = refusal(night.apply(&Command::note(UnixMillis::new(5), bytes)));
        assert_eq!(
            refused,
            Refusal::TooLarge {
                bytes: 8_193,
                limit: 8_192
            }
        );
    }

    #[test]
    fn a_blank_line_trailing_bytes_and_other_spellings_are_malformed() {
        let (election, mut night) = night();
        let note = election.report("a", "P-1", &[50, 30, 20]);
        let text = String::from_utf8(note.bytes().to_vec()).unwrap();
        for wrong in [
            text.replacen("unit ", "\nunit ", 1),
            text.replacen("unit P-1\n", "unit P-1\n\n", 1),
            format!("\n{text}"),
            format!("{text}\n"),
            format!("{text}x"),
            text.trim_end().to_string(),
            text.replacen('\n', "\r\n", 1),
            text.replacen("seq 1", "seq 01", 1),
            text.replacen("seq 1\n", "", 1),
            String::new(),
        ] {
            assert_eq!(code(&mut night, wrong.as_bytes()), "malformed", "{wrong:?}");
        }
        assert_eq!(code(&mut night, &[0xff, 0xfe]), "malformed");
    }

    /// Each fault alone is refused for what it is; with an earlier one present, for that.
    #[test]
    fn refusals_come_in_their_order() {
        let (election, mut night) = night();
        let first = election.report("used", "P-1", &[50, 30, 20]);
        assert_eq!(night.apply(&command(&first)).name(), "recorded");

        // From the last fault to the first, each added to those before it.
        let mut submission = election.submission("fresh", "P-2", &[10, 20, 30]);
        submission.figures.worksheet.last = caucus::FinalAlignment::new([].into());
        let sign = |submission: &receipt::leaf::Submission, keys: &[&str]| {
            election.sign(&submission.clone().into(), keys)
        };
        let note = sign(&submission, &["P-2/a"]);
        assert_eq!(code(&mut night, note.bytes()), "wrong_groups");

        submission.voucher = Some(voucher(9));
        let note = sign(&submission, &["P-2/a"]);
        assert_eq!(code(&mut night, note.bytes()), "voucher_unknown");

        let forged = forge(&note);
        assert_eq!(code(&mut night, forged.bytes()), "bad_signature");

        let note = sign(&submission, &["P-1/a"]);
        assert_eq!(code(&mut night, forge(&note).bytes()), "wrong_role");
        let note = sign(&submission, &["P-1/a", "P-2/a/9"]);
        assert_eq!(code(&mut night, forge(&note).bytes()), "unknown_key");

        submission.unit = UnitId::parse("P-9").unwrap();
        let note = sign(&submission, &["P-2/a/9"]);
        assert_eq!(code(&mut night, forge(&note).bytes()), "unknown_unit");

        submission.header.genesis = Some(merkle::sha256(b"another"));
        let note = sign(&submission, &["P-2/a/9"]);
        assert_eq!(code(&mut night, forge(&note).bytes()), "wrong_election");
    }

    /// The same text with another signature: whatever became of the key, it is the leaf it was.
    #[test]
    fn a_known_text_is_its_leaf_whoever_signs_it() {
        let (election, mut night) = night();
        let note = election.report("a", "P-1", &[50, 30, 20]);
        let recorded = night.apply(&command(&note));
        let stranger = election.key("P-1/a/9").sign(note.text());
        let resigned = SignedNote::assemble(note.text(), vec![stranger]).unwrap();
        let known = night.apply(&command(&resigned));
        assert_eq!(known.name(), "already_recorded");
        assert_eq!(known.leaf(), recorded.leaf());
        assert_eq!(known.head(), recorded.head());
    }

    #[test]
    fn a_surplus_bad_signature_refuses_the_note_and_its_text_may_be_signed_anew() {
        let (election, mut night) = night();
        let mut submission = election.submission("a", "P-1", &[50, 30, 20]);
        submission.channel = Some(Channel::Paper);
        submission.figures.evidence = vec![photograph()];
        let leaf: Leaf = submission.into();
        let note = election.sign(&leaf, &["operator1", "operator2", "operator3"]);
        let bytes = String::from_utf8(note.bytes().to_vec()).unwrap();
        let (rest, last) = bytes.trim_end().rsplit_once('\n').unwrap();
        let mut forged = SignatureLine::parse(last).unwrap();
        forged.body[10] ^= 1;
        let forged = format!("{rest}\n{forged}\n");
        assert_eq!(code(&mut night, forged.as_bytes()), "bad_signature");
        let anew = election.sign(&leaf, &["operator1", "operator2"]);
        assert_eq!(night.apply(&command(&anew)).name(), "recorded");
    }

    /// An id belongs to its signer: another signer may happen to use the same, and a signer may
    /// not use it again, not even for another unit.
    #[test]
    fn an_id_is_used_once_by_a_signer() {
        let (election, mut night) = night();
        let first = election.report("same", "P-1", &[50, 30, 20]);
        let other = election.report("same", "P-2", &[10, 20, 30]);
        assert_eq!(night.apply(&command(&first)).name(), "recorded");
        assert_eq!(night.apply(&command(&other)).name(), "recorded");
        let by_operators = |unit: &str| {
            let mut submission = election.submission("operators'", unit, &[5, 5]);
            submission.channel = Some(Channel::Photo);
            submission.figures.evidence = vec![photograph()];
            election.sign(&submission.into(), &["operator1", "operator2"])
        };
        assert_eq!(
            night.apply(&command(&by_operators("P-4"))).name(),
            "recorded"
        );
        assert_eq!(code(&mut night, by_operators("P-5").bytes()), "id_reuse");
        // Two texts under one id say that a key is shared or stolen: the second is kept as evidence.
        let view = View::new(&night.state);
        assert_eq!(
            view.refused_counts().unwrap(),
            [("id_reuse".to_string(), 1)]
        );
        assert_eq!(night.state.rows(ledger::Table::Refused).count(), 1);
    }

    #[test]
    fn nothing_is_recorded_before_the_first_manifest() {
        let election = Election::new("night");
        let mut night = Night::empty();
        let note = election.report("a", "P-1", &[50, 30, 20]);
        assert_eq!(code(&mut night, note.bytes()), "no_manifest");
        let Command { act, .. } = election.begin();
        let ledger::Act::Manifest { note, mut files } = act else {
            panic!("an election begins with a manifest");
        };
        assert_eq!(code(&mut night, &note), "missing_file");
        files.pop();
        let command = Command::manifest(UnixMillis::new(5), note, files);
        assert_eq!(refusal(night.apply(&command)).code(), "missing_file");
        assert_eq!(View::new(&night.state).tree_size().unwrap().get(), 0);
        assert_eq!(night.apply(&election.begin()).name(), "applied");
        assert_eq!(night.apply(&election.begin()).name(), "already_recorded");
    }

    #[test]
    fn a_manifest_needs_its_authority_and_must_follow() {
        let (election, mut night) = night();
        let mut second = election.manifest.clone();
        second.version = 2;
        second.header.genesis = Some(election.genesis());
        second.previous = Some(election.genesis());
        second.header.id = crate::common::election::note_id("second");
        let answer = |night: &mut Night, manifest: &receipt::Manifest, signers: &[&str]| {
            refusal(night.apply(&election.manifest_command(manifest, signers))).code()
        };
        assert_eq!(answer(&mut night, &second, &["A1"]), "too_few_signers");
        assert_eq!(answer(&mut night, &second, &["A1", "A4"]), "unknown_key");

        let changed = |change: &dyn Fn(&mut receipt::Manifest)| {
            let mut manifest = second.clone();
            change(&mut manifest);
            manifest
        };
        for wrong in [
            changed(&|manifest| manifest.version = 3),
            changed(&|manifest| manifest.previous = Some(merkle::sha256(b"another"))),
            changed(&|manifest| manifest.kind = receipt::ElectionKind::Live),
            changed(&|manifest| manifest.roster = manifest.roll),
            changed(&|manifest| manifest.rules = manifest.roll.hash),
            changed(&|manifest| manifest.roll.count += 1),
            changed(&|manifest| manifest.receipt_policy = manifest.final_policy),
            changed(&|manifest| manifest.final_policy = manifest.receipt_policy),
            changed(&|manifest| {
                let mut line = node_line(&manifest.origin, 5);
                line.ordinal = 3;
                manifest.nodes[2] = line;
            }),
        ] {
            assert_eq!(answer(&mut night, &wrong, &["A1", "A3"]), "bad_manifest");
        }
        let missing = changed(&|manifest| manifest.roll.hash = merkle::sha256(b"not sent"));
        assert_eq!(answer(&mut night, &missing, &["A1", "A2"]), "missing_file");
        let successor = changed(&|manifest| manifest.effect = Effect::OnceActivated);
        assert_eq!(
            answer(&mut night, &successor, &["A1", "A2"]),
            "not_activated"
        );
        let outcome = night.apply(&election.manifest_command(&second, &["A2", "A3"]));
        assert_eq!(outcome.name(), "applied");
    }

    /// Whatever becomes of a note about a unit, the answer says what the unit's head is.
    #[test]
    fn every_answer_about_a_unit_carries_its_head() {
        let (election, mut night) = night();
        let attest = |id: &str, unit: &str| {
            let leaf = Leaf::Attest(Box::new(Attest {
                header: election.header(id),
                unit: UnitId::parse(unit).unwrap(),
                channel: Channel::Photo,
                figures: election
                    .submission(id, unit, &[50, 30, 20])
                    .figures
                    .attested(),
            }));
            command(&election.sign(&leaf, &["operator1"]))
        };
        let report = election.report("a", "P-1", &[50, 30, 20]);
        let head = night.apply(&command(&report)).head();
        assert!(head.is_some());
        assert_eq!(night.apply(&attest("b", "P-1")).head(), head);
        assert_eq!(night.apply(&attest("b", "P-1")).head(), head);
        assert_eq!(night.apply(&attest("c", "P-2")).head(), None);
        let enrol = Leaf::Enrol(Enrol {
            header: election.header("d"),
            place: Place::Slot {
                unit: UnitId::parse("P-1").unwrap(),
                slot: Slot::A,
            },
            key: election.key("P-1/a/2").verifier().clone(),
            replaces: None,
            reason: Reason::parse("the phone was lost").unwrap(),
        });
        let enrol = election.sign(&enrol, &["registrar1", "registrar2"]);
        assert_eq!(night.apply(&command(&enrol)).head(), head);
        let mut reused = election.submission("a", "P-1", &[50, 30, 21]);
        reused.seq = 2;
        let reused = election.sign(&reused.into(), &["P-1/a"]);
        let refused = night.apply(&command(&reused));
        assert_eq!((refused.name(), refused.head()), ("refused", head));
    }

    /// Authentic notes that were refused are kept and counted; junk is not.
    #[test]
    fn refused_authentic_notes_are_counted_by_reason() {
        let (election, mut night) = night();
        let note = election.report("a", "P-1", &[50, 30, 20]);
        assert_eq!(night.apply(&command(&note)).name(), "recorded");
        for attempt in 0..40_u64 {
            let mut again = election.submission(&format!("{attempt}"), "P-2", &[1]);
            again.voucher = Some(voucher(9));
            let note = election.sign(&again.into(), &["P-2/a"]);
            assert_eq!(code(&mut night, note.bytes()), "voucher_unknown");
            assert_eq!(code(&mut night, forge(&note).bytes()), "bad_signature");
        }
        let view = View::new(&night.state);
        assert_eq!(
            view.refused_counts().unwrap(),
            [("voucher_unknown".to_string(), 40)]
        );
        let kept = night.state.rows(ledger::Table::Refused).count();
        assert_eq!(u64::try_from(kept).unwrap(), ledger::KEPT_A_KEY);
    }

    /// The note with its first signature spoilt.
    fn forge(note: &SignedNote) -> SignedNote {
        let mut lines = note.signatures().to_vec();
        lines[0].body[20] ^= 1;
        SignedNote::assemble(note.text(), lines).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever bytes come, there is an answer, and only a note that somebody signed is recorded.
        #[test]
        fn bytes_that_nobody_signed_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let (_, mut night) = night();
            let outcome = night.apply_unchecked(&Command::note(UnixMillis::new(1), bytes));
            prop_assert_eq!(outcome.name(), "refused");
        }

        /// Lines swapped, doubled or dropped: never a report that nobody signed.
        #[test]
        fn a_note_with_its_lines_moved_is_refused(from in 0_usize..40, to in 0_usize..40) {
            let (election, mut night) = night();
            let note = election.report("a", "P-1", &[50, 30, 20]);
            let text = String::from_utf8(note.bytes().to_vec()).unwrap();
            let mut lines: Vec<&str> = text.lines().collect();
            let (from, to) = (from % lines.len(), to % lines.len());
            lines.swap(from, to);
            let moved = format!("{}\n", lines.join("\n"));
            prop_assume!(moved != text);
            let outcome = night.apply_unchecked(&Command::note(UnixMillis::new(1), moved));
            prop_assert_eq!(outcome.name(), "refused");
        }
    }
}
