//! At least one leaf of every type, and of every form that a type has.

use std::sync::LazyLock;

use caucus::{Chance, CountyId, Delegates, People, Slot, Tie, TieKind, Unit};
use merkle::{LeafHash, LeafIndex, sha256};
use receipt::leaf::{
    Activate, Amendment, Answer, Answered, Attest, AttestedFigures, Channel, ClaimedCell, Close,
    Column, CountAgain, Decision, DerivedTotals, Dispute, Earlier, Enrol, Evidence, Figures,
    FindingName, Gate, KeyReference, Leaf, MediaType, Place, Reason, Review, Revoke, Role,
    RosterChange, Scope, SdeText, Submission, TotalsRow, Void,
};
use receipt::{Header, VoucherCode};

use crate::fixture::{
    chair, genesis, groups, header, manifest, next, person, sheet, submission, unit,
};

pub(crate) fn own() -> Header {
    header(Some(genesis()))
}

fn some_leaf() -> LeafHash {
    merkle::leaf_hash(b"some leaf")
}

fn reason() -> Reason {
    Reason::parse("the clerk read the wrong line").unwrap()
}

fn figures() -> Figures {
    let mut worksheet = sheet();
    let [winner, _] = groups();
    worksheet.ties = vec![Tie::new(TieKind::Award, groups().into(), winner, Chance::Coin).unwrap()];
    let evidence = Evidence {
        hash: sha256(b"photo"),
        media_type: MediaType::parse("image/jpeg").unwrap(),
        bytes: 1_048_576,
    };
    Figures {
        worksheet,
        evidence: vec![evidence],
    }
}

fn count_again() -> CountAgain {
    CountAgain {
        header: own(),
        unit: unit("P-1"),
        figures: figures(),
        adopt: Answered::Yes,
        reason: reason(),
    }
}

fn gate(scope: Scope) -> Gate {
    Gate {
        header: own(),
        scope,
        reason: reason(),
    }
}

fn roster_change(amendment: Amendment) -> Leaf {
    Leaf::Roster(RosterChange {
        header: own(),
        amendment,
        reason: reason(),
    })
}

fn key_reference() -> KeyReference {
    let key = chair("P-1", "a");
    KeyReference {
        name: key.verifier().name().clone(),
        id: key.verifier().id(),
    }
}

/// At least one leaf of every type, and of every form that a type has.
static EVERY_LEAF: LazyLock<Vec<Leaf>> = LazyLock::new(|| {
    let mut leaves = reports();
    leaves.extend(opinions());
    leaves.extend(administration());
    leaves.extend(keys());
    leaves.extend(roster_changes());
    leaves.push(totals());
    leaves
});

pub(crate) fn every_leaf() -> &'static [Leaf] {
    &EVERY_LEAF
}

fn reports() -> Vec<Leaf> {
    let correction = Submission {
        seq: 2,
        supersedes: Some(some_leaf()),
        figures: figures(),
        ..submission("P-1")
    };
    let by_telephone = Submission {
        channel: Some(Channel::Phone),
        voucher: Some(VoucherCode::from_bytes([9; 10])),
        ..submission("P-2")
    };
    let by_photo = Submission {
        channel: Some(Channel::Photo),
        ..submission("P-2")
    };
    let mut unread = figures().attested();
    unread.attendees = None;
    for cell in unread.last.values_mut().take(1) {
        *cell = None;
    }
    let attest = |channel, figures: AttestedFigures| {
        Leaf::Attest(Box::new(Attest {
            header: own(),
            unit: unit("P-1"),
            channel,
            figures,
        }))
    };
    vec![
        submission("P-1").into(),
        correction.into(),
        by_telephone.into(),
        by_photo.into(),
        attest(Channel::Room, figures().attested()),
        attest(Channel::Paper, unread),
        Leaf::Recanvass(Box::new(count_again())),
        Leaf::Recount(Box::new(CountAgain {
            adopt: Answered::No,
            ..count_again()
        })),
    ]
}

fn opinions() -> Vec<Leaf> {
    let review = |decision, findings: &[&str]| {
        let findings = findings
            .iter()
            .map(|name| FindingName::parse(name).unwrap())
            .collect();
        Leaf::Review(Review {
            header: own(),
            unit: unit("P-1"),
            of: some_leaf(),
            decision,
            findings,
            reason: reason(),
        })
    };
    let cells = vec![
        ClaimedCell {
            column: Column::Attendees,
            group: None,
            claimed: 51,
        },
        ClaimedCell {
            column: Column::First,
            group: Some(groups()[0].clone()),
            claimed: 0,
        },
    ];
    let of = some_leaf();
    vec![
        review(Decision::Accept, &["E_final_gt_first", "W_rounding"]),
        review(Decision::Ask, &[]),
        review(Decision::Hold, &["E_final_gt_first"]),
        review(Decision::Take(merkle::leaf_hash(b"rival")), &[]),
        Leaf::Void(Void {
            header: own(),
            unit: unit("P-1"),
            of,
            reason: reason(),
        }),
        Leaf::Dispute(Dispute {
            header: own(),
            unit: unit("P-1"),
            of,
            cells,
            reason: reason(),
        }),
        Leaf::Answer(Answer {
            header: own(),
            to: of,
            upheld: Answered::Yes,
            reason: reason(),
        }),
    ]
}

fn administration() -> Vec<Leaf> {
    let mut successor = next(&manifest());
    successor.effect = receipt::Effect::OnceActivated;
    let mut recovered = next(&manifest());
    recovered.recovered = Some(receipt::Recovered {
        origin: note::Origin::parse_election("tally.example/before").unwrap(),
        size: merkle::TreeSize::new(9),
        root: sha256(b"root"),
    });
    recovered.lost = vec![sha256(b"lost")];
    vec![
        manifest().into(),
        next(&manifest()).into(),
        successor.into(),
        recovered.into(),
        Leaf::Activate(Activate {
            header: own(),
            manifest: sha256(b"m"),
            reason: reason(),
        }),
        Leaf::Publish(gate(Scope::All)),
        Leaf::Publish(gate(Scope::County(CountyId::parse("19").unwrap()))),
        Leaf::Hold(gate(Scope::Unit(unit("P-2")))),
        Leaf::Close(Close {
            header: own(),
            reason: reason(),
        }),
    ]
}

fn keys() -> Vec<Leaf> {
    let enrol = |place, key: &note::SignerKey, replaces| {
        let key = key.verifier().clone();
        Leaf::Enrol(Enrol {
            header: own(),
            place,
            key,
            replaces,
            reason: reason(),
        })
    };
    let slot = Place::Slot {
        unit: unit("P-1"),
        slot: Slot::A,
    };
    let earlier = Earlier::Doubt;
    vec![
        enrol(slot, &chair("P-1", "a"), Some(key_reference())),
        enrol(
            Place::Role(Role::Operator),
            &person(Role::Operator, 9),
            None,
        ),
        Leaf::Revoke(Revoke {
            header: own(),
            key: key_reference(),
            earlier,
            reason: reason(),
        }),
    ]
}

fn roster_changes() -> Vec<Leaf> {
    let delegates = Delegates::new(12).unwrap();
    let [group, _] = groups();
    [
        Amendment::Add(Unit::parse_line("unit P-3 precinct 19 2 Third hall").unwrap()),
        Amendment::Close(unit("P-2")),
        Amendment::Merge {
            from: unit("P-1"),
            into: unit("P-2"),
            delegates,
        },
        Amendment::Withdraw(group),
    ]
    .map(roster_change)
    .into()
}

fn totals() -> Leaf {
    let [group, _] = groups();
    Leaf::Totals(DerivedTotals {
        election: own().election,
        genesis: genesis(),
        of: LeafIndex::new(12),
        rows: vec![TotalsRow {
            group,
            first: People::new(30).unwrap(),
            last: People::new(31).unwrap(),
            delegates: Delegates::new(3).unwrap(),
            sde: SdeText::parse("1/3").unwrap(),
        }],
        results: sha256(b"results"),
    })
}
