//! What was found out about a note beforehand spares work and no check: whoever examined it, with
//! whichever keys, the answer is that of `apply` on the bytes alone.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use caucus::Refusal;
    use ledger::{
        Act, Changes, Command, Examined, KnownKeys, Memory, Outcome, Replay, UnixMillis, apply,
        apply_examined,
    };
    use note::{KeyError, SignedNote, VerifierKey};
    use receipt::Leaf;
    use receipt::leaf::{Close, Reason};

    use crate::common::Night;
    use crate::common::election::{Election, command};

    /// The identity of the curve as a key: whatever is said to be signed by it verifies somewhere.
    const WEAK: &str = "night/P-1/a+0fa6edda+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const AT: UnixMillis = UnixMillis::new(1_000);

    fn night() -> (Election, Night) {
        let election = Election::new("night");
        let night = Night::of(&election);
        (election, night)
    }

    fn keys(election: &Election, words: &[&str]) -> KnownKeys {
        KnownKeys::examined(words.iter().map(|word| vkey(election, word)))
    }

    fn vkey(election: &Election, word: &str) -> String {
        election.key(word).verifier().to_string()
    }

    /// The answer with these keys known, which is the one without.
    fn answer(night: &Night, bytes: &[u8], known: &KnownKeys) -> (Outcome, Changes) {
        let examined = Examined::of(bytes, known);
        assert_eq!(examined.bytes(), bytes);
        assert_eq!(*examined.leaf_hash(), merkle::leaf_hash(bytes));
        let knowing = apply_examined(&night.state, AT, examined, &[]).unwrap();
        let alone = apply(&night.state, &Command::note(AT, bytes)).unwrap();
        assert_eq!(knowing, alone);
        knowing
    }

    fn code(night: &Night, bytes: &[u8], known: &KnownKeys) -> &'static str {
        let outcome = answer(night, bytes, known).0;
        let Outcome::Refused { refusal, .. } = outcome else {
            panic!("not refused: {outcome:?}");
        };
        refusal.code()
    }

    fn close(election: &Election, signers: &[&str]) -> SignedNote {
        let close = Close {
            header: election.header("close"),
            reason: Reason::parse("every unit has reported").unwrap(),
        };
        election.sign(&Leaf::Close(close), signers)
    }

    /// Two signers, of whom both, one or none are known. Every byte of the note is changed in turn:
    /// never does a signature count that was not made of these bytes.
    #[test]
    fn no_byte_of_a_note_can_change_whoever_is_known() {
        let (election, night) = night();
        let signers = ["publisher1", "publisher2"];
        let note = close(&election, &signers);
        for known in [&signers[..], &signers[..1], &signers[1..], &[]] {
            let known = keys(&election, known);
            let (outcome, _) = answer(&night, note.bytes(), &known);
            assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
            let mut seen = BTreeSet::new();
            for place in 0..note.bytes().len() {
                let mut bytes = note.bytes().to_vec();
                bytes[place] ^= 1;
                seen.insert(code(&night, &bytes, &known));
            }
            assert!(seen.contains("bad_signature"), "{seen:?}");
        }
    }

    /// One signature holds and the other is that of another text: the known signer does not vouch
    /// for the one beside.
    #[test]
    fn a_good_signature_does_not_cover_for_a_bad_one() {
        let (election, night) = night();
        let signers = ["publisher1", "publisher2"];
        let note = close(&election, &signers);
        let text = note.text();
        for bad in signers {
            let lines = signers.map(|word| {
                let signed = if word == bad { "another text\n" } else { text };
                election.key(word).sign(signed)
            });
            let note = SignedNote::assemble(text, lines.to_vec()).unwrap();
            let known = keys(&election, &signers);
            assert_eq!(code(&night, note.bytes(), &known), "bad_signature");
        }
    }

    /// A key that was found sound, and whose signature holds, may still not sign: the state says who
    /// may. Here it was never enrolled, is another role's, another unit's, or its note alone is not
    /// enough.
    #[test]
    fn a_known_key_may_sign_only_what_the_state_allows() {
        let (election, night) = night();
        let report = election.submission("a", "P-1", &[50, 30, 20]).into();
        for (leaf_of, signer, refusal) in [
            ("report", "P-1/a/2", "unknown_key"),
            ("report", "operator1", "wrong_role"),
            ("report", "P-2/a", "wrong_role"),
            ("close", "P-1/a", "wrong_role"),
            ("close", "publisher1", "too_few_signers"),
        ] {
            let note = match leaf_of {
                "report" => election.sign(&report, &[signer]),
                _ => close(&election, &[signer]),
            };
            let known = keys(&election, &[signer]);
            assert_eq!(code(&night, note.bytes(), &known), refusal, "{signer}");
        }
    }

    /// What was examined once is not authentic for good: by the time it is applied its text may be a
    /// leaf already.
    #[test]
    fn a_note_examined_before_it_was_recorded_is_recorded_once() {
        let (election, mut night) = night();
        let note = election.report("a", "P-1", &[50, 30, 20]);
        let early = Examined::of(note.bytes(), &keys(&election, &["P-1/a"]));
        night.apply(&command(&note));
        let (outcome, _) = apply_examined(&night.state, AT, early, &[]).unwrap();
        assert!(
            matches!(outcome, Outcome::AlreadyRecorded { .. }),
            "{outcome:?}"
        );
    }

    /// A key that verifiers disagree about becomes no known key, though it can be read from where
    /// only examined ones are kept.
    #[test]
    fn an_unsound_key_is_never_known() {
        let election = Election::new("night");
        let sound = vkey(&election, "P-1/a");
        let known = KnownKeys::examined([WEAK, sound.as_str(), "no key"]);
        assert!(known.named(WEAK).is_none());
        assert_eq!(known.named(&sound).unwrap().to_string(), sound);
        let stored = VerifierKey::parse_enrolled(WEAK).unwrap();
        assert_eq!(stored.to_string(), WEAK);
        assert_eq!(VerifierKey::parse(WEAK), Err(KeyError::Weak));
    }

    /// A replay that knows the signer takes no leaf whose signature was changed, and says why.
    #[test]
    fn a_replay_that_knows_the_signer_takes_no_changed_signature() {
        let (election, _) = night();
        let Command { act, .. } = election.begin();
        let Act::Manifest { note: manifest, .. } = act else {
            panic!("an election begins with its manifest")
        };
        let report = election.report("a", "P-1", &[50, 30, 20]);
        let mut changed = report.bytes().to_vec();
        let place = changed.len() - 20;
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let known = Arc::new(keys(&election, &["A1", "A2", "P-1/a"]));
        let replay = Replay::new(&election.files, Memory::new());
        let mut replay = replay.knowing(Arc::clone(&known));
        replay
            .push_examined(Examined::of(&manifest, &known))
            .unwrap();
        let refused = replay.push_examined(Examined::of(&changed, &known));
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(&Refusal::BadSignature.to_string()), "{said}");
    }
}
