//! One content has one text, for every type of leaf.

use caucus::{
    Chance, Delegates, FinalAlignment, FirstAlignment, GroupId, People, Tie, TieKind, Worksheet,
};
use merkle::{Hash, sha256};
use note::SignedNote;
use proptest::prelude::*;
use receipt::leaf::{
    Attest, Channel, Evidence, Figures, Leaf, LeafKind, MediaType, Role, Submission,
};

use crate::fixture::{ELECTION, chair, genesis, groups, manifest, person, sign, submission, unit};
use crate::samples::{every_leaf, own};

#[test]
fn every_type_reads_back_what_it_writes() {
    for leaf in every_leaf() {
        let text = leaf.text();
        assert_eq!(Leaf::parse_text(&text).as_ref(), Ok(leaf), "{text}");
    }
}

#[test]
fn every_row_of_the_table_is_there() {
    let leaves = every_leaf();
    for kind in LeafKind::ALL {
        assert!(leaves.iter().any(|leaf| leaf.kind() == *kind), "{kind}");
    }
}

#[test]
fn a_leaf_knows_its_election() {
    for leaf in every_leaf() {
        assert!(leaf.is_of(&own().election, &genesis()), "{}", leaf.kind());
        assert!(
            !leaf.is_of(&own().election, &sha256(b"another")),
            "{}",
            leaf.kind()
        );
    }
}

#[test]
fn totals_are_an_entry_without_a_signature_and_all_else_with_one() {
    let signer = [chair("P-1", "a")];
    for leaf in every_leaf() {
        let text = leaf.text();
        let note = sign(&text, &signer);
        if leaf.kind() == LeafKind::Totals {
            assert_eq!(Leaf::parse_entry(text.as_bytes()), Ok((leaf.clone(), None)));
            assert!(Leaf::parse(&note).is_err());
            assert!(Leaf::parse_entry(note.bytes()).is_err());
        } else {
            assert_eq!(
                Leaf::parse_entry(note.bytes()),
                Ok((leaf.clone(), Some(note)))
            );
            assert!(Leaf::parse_entry(text.as_bytes()).is_err());
        }
    }
}

/// The lines of several signers ascend by name, so that they have one order.
#[test]
fn signature_lines_stand_in_one_order() {
    let operators = [1, 2].map(|number| person(Role::Operator, number));
    let mut report = submission("P-1");
    report.channel = Some(Channel::Photo);
    let leaf = Leaf::from(report);
    let note = sign(&leaf.text(), &operators);
    assert_eq!(Leaf::parse(&note).as_ref(), Ok(&leaf));
    let text = String::from_utf8(note.bytes().to_vec()).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let last = lines.len() - 1;
    lines.swap(last - 1, last);
    let swapped = format!("{}\n", lines.join("\n"));
    let swapped = SignedNote::parse(swapped.as_bytes()).unwrap();
    let refused = Leaf::parse(&swapped).unwrap_err();
    assert_eq!(usize::try_from(refused.line).unwrap(), last + 1);
}

/// The bytes of one report, written out, so that a change of format cannot go unnoticed.
#[test]
fn the_text_of_a_report() {
    let mut report = submission("P-1");
    report.header.genesis = Some(sha256(b"genesis"));
    let [_, loser] = groups();
    report.figures.worksheet.ties =
        vec![Tie::new(TieKind::Reduce, groups().into(), loser, Chance::Straws).unwrap()];
    let expected = format!(
        "precinct-tally/submission/v1\n\
         election {ELECTION}\n\
         genesis {}\n\
         id 07070707070707070707070707070707\n\
         time 1706576460\n\
         unit P-1\n\
         seq 1\n\
         supersedes -\n\
         attendees 50\n\
         votes 1 Biden 30\n\
         votes 1 Warren 20\n\
         votes 2 Biden 30\n\
         votes 2 Warren 20\n\
         delegates Biden 3\n\
         delegates Warren 2\n\
         tie reduce Biden,Warren Warren straws\n",
        note::b64::encode_hash(&sha256(b"genesis"))
    );
    assert_eq!(Leaf::from(report).text(), expected);
}

#[test]
fn the_largest_sheet_of_forty_groups_fits_a_note() {
    let groups: Vec<GroupId> = (0..40)
        .map(|n| GroupId::parse(&format!("group-with-a-long-name-{n:02}")).unwrap())
        .collect();
    let people = People::new(9_999_999).unwrap();
    let mut report = submission("P-1");
    report.figures.worksheet.first = groups.iter().map(|g| (g.clone(), people)).collect();
    report.figures.worksheet.last = groups.iter().map(|g| (g.clone(), people)).collect();
    report.figures.worksheet.reported = groups
        .iter()
        .map(|g| (g.clone(), Delegates::new(9_999).unwrap()))
        .collect();
    let note = sign(&Leaf::from(report.clone()).text(), &[chair("P-1", "a")]);
    assert!(note.bytes().len() <= LeafKind::limits(note.bytes()).bytes);
    assert_eq!(Leaf::parse(&note), Ok(report.into()));
}

#[test]
fn a_note_above_its_limit_is_refused_and_a_manifest_may_be_longer() {
    let mut report = submission("P-1");
    let long: FirstAlignment = (0..400)
        .map(|n| {
            (
                GroupId::parse(&format!("group-{n:03}")).unwrap(),
                People::ZERO,
            )
        })
        .collect();
    report.figures.worksheet.first = long;
    let note = sign(&Leaf::from(report).text(), &[chair("P-1", "a")]);
    assert!(note.bytes().len() > 8_192);
    assert_eq!(Leaf::parse(&note).unwrap_err().line, 1);
    assert!(Leaf::parse_entry(note.bytes()).is_err());

    let mut large = manifest();
    for number in 10..100 {
        let key = person(Role::Observer, number).verifier().clone();
        large.keys.push(receipt::PersonKey {
            role: Role::Observer,
            key,
        });
    }
    large
        .keys
        .sort_by_key(|person| format!("{} {}", person.role, person.key));
    let note = crate::fixture::endorse(&large);
    assert!(note.bytes().len() > 8_192);
    assert_eq!(Leaf::parse(&note), Ok(large.into()));
}

fn group() -> impl Strategy<Value = GroupId> {
    "[A-Za-z0-9._-]{1,32}".prop_map(|text| GroupId::parse(&text).unwrap())
}

fn people() -> impl Strategy<Value = People> {
    (0_u64..1 << 53).prop_map(|n| People::new(n).unwrap())
}

fn tie() -> impl Strategy<Value = Tie> {
    let kinds = prop::sample::select(TieKind::ALL.to_vec());
    let chances = prop::sample::select(Chance::ALL.to_vec());
    let groups = prop::collection::btree_set(group(), 2..5);
    (kinds, groups, any::<prop::sample::Index>(), chances).prop_map(|(kind, groups, one, by)| {
        let groups: Vec<GroupId> = groups.into_iter().collect();
        let settled_for = one.get(&groups).clone();
        Tie::new(kind, groups, settled_for, by).unwrap()
    })
}

fn evidence() -> impl Strategy<Value = Vec<Evidence>> {
    let one = (
        any::<[u8; 32]>(),
        "[a-z0-9.+-]{1,20}/[a-z0-9.+-]{1,20}",
        0_u64..1 << 53,
    );
    prop::collection::vec(one, 0..=16).prop_map(|all| {
        let mut evidence: Vec<Evidence> = all
            .into_iter()
            .map(|(hash, media_type, bytes)| Evidence {
                hash: Hash::from_bytes(hash),
                media_type: MediaType::parse(&media_type).unwrap(),
                bytes,
            })
            .collect();
        evidence.sort_by_key(|evidence| note::b64::encode_hash(&evidence.hash));
        evidence
    })
}

prop_compose! {
    fn arbitrary_figures()(
        attendees in people(),
        first in prop::collection::btree_map(group(), people(), 0..14),
        last in prop::collection::btree_map(group(), people(), 0..14),
        reported in prop::collection::btree_map(group(), people(), 0..14),
        ties in prop::collection::vec(tie(), 0..=16),
        evidence in evidence(),
    ) -> Figures {
        let delegates = |n: People| Delegates::new(n.get()).unwrap();
        Figures {
            worksheet: Worksheet {
                attendees,
                first: FirstAlignment::new(first),
                last: FinalAlignment::new(last),
                reported: reported.into_iter().map(|(group, n)| (group, delegates(n))).collect(),
                ties,
            },
            evidence,
        }
    }
}

proptest! {
    #[test]
    fn any_figures_read_back(figures in arbitrary_figures(), unreadable: u16) {
        let report = Submission { figures: figures.clone(), ..submission("P-1") };
        let leaf = Leaf::from(report);
        prop_assert_eq!(Leaf::parse_text(&leaf.text()), Ok(leaf));

        let mut attested = figures.attested();
        for (bit, cell) in attested.first.values_mut().enumerate() {
            if unreadable >> (bit % 16) & 1 == 1 {
                *cell = None;
            }
        }
        let attest =
            Attest { header: own(), unit: unit("P-1"), channel: Channel::Photo, figures: attested };
        let leaf = Leaf::Attest(Box::new(attest));
        prop_assert_eq!(Leaf::parse_text(&leaf.text()), Ok(leaf));
    }

    #[test]
    fn reading_a_leaf_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Leaf::parse_entry(&bytes);
        let _ = Leaf::parse_text(&String::from_utf8_lossy(&bytes));
    }

    /// A text with a few bytes changed is refused, or it is another content with its own text.
    #[test]
    fn a_changed_text_never_reads_as_the_same_leaf(
        which: prop::sample::Index,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0x0a_u8..0x7f), 1..3),
    ) {
        let leaves = every_leaf();
        let leaf = which.get(leaves);
        let mut bytes = leaf.text().into_bytes();
        for (place, byte) in changes {
            *place.get_mut(&mut bytes) = byte;
        }
        let changed = String::from_utf8(bytes).unwrap();
        prop_assume!(changed != leaf.text());
        if let Ok(other) = Leaf::parse_text(&changed) {
            prop_assert_ne!(&other, leaf);
            prop_assert_eq!(other.text(), changed);
        }
    }
}

/// Every single bit of a signed report matters: the note is refused, or its signature fails.
#[test]
fn no_flipped_bit_of_a_signed_report_passes() {
    let key = chair("P-1", "a");
    let entry = crate::fixture::report().bytes().to_vec();
    for position in 0..entry.len() * 8 {
        let mut flipped = entry.clone();
        flipped[position / 8] ^= 1 << (position % 8);
        let Ok(note) = SignedNote::parse(&flipped) else {
            continue;
        };
        let authentic = note.signatures().len() == 1
            && key.verifier().verifies(note.text(), &note.signatures()[0]);
        assert!(!authentic, "bit {position} of the report does not matter");
    }
}
