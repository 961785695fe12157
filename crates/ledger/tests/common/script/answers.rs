//! What a script is told: outcomes, and how units and the night stand, in its own words.

use caucus::{Refusal, UnitId};
use ledger::{FindingState, LeafChange, Marks, Membership, Outcome, Release, View};

use super::Stage;

impl Stage {
    /// How a unit stands.
    pub(super) fn unit_is(&self, unit: &str) -> String {
        let unit = UnitId::parse(unit).unwrap();
        let view = View::new(&self.night.state).unit(&unit).unwrap().unwrap();
        let mut words = vec![view.standing.to_string()];
        match &view.membership {
            Membership::InForce => {}
            Membership::Closed { .. } => words.push("closed".to_string()),
            Membership::Merged { into, .. } => words.push(format!("into={into}")),
        }
        if let Some(head) = view.head {
            words.push(format!("head={} seq={}", head.index.get(), head.seq));
        }
        if !view.held_for.is_empty() {
            let codes: Vec<_> = view.held_for.iter().map(ToString::to_string).collect();
            words.push(format!("for={}", codes.join(",")));
        }
        if !view.witnesses.is_empty() {
            let witnesses: Vec<_> = view.witnesses.iter().map(|i| i.get().to_string()).collect();
            words.push(format!("witnesses={}", witnesses.join(",")));
        }
        if let Some(review) = view.accepted {
            words.push(format!("accepted={}", review.get()));
        }
        let Marks {
            corrected: _,
            disputed,
            recanvassed,
            recounted,
            late,
        } = view.marks;
        for (mark, word) in [
            (disputed, "disputed"),
            (recanvassed, "recanvassed"),
            (recounted, "recounted"),
            (late, "late"),
        ] {
            if mark.is_set() {
                words.push(word.to_string());
            }
        }
        if view.release == Release::Released {
            words.push("released".to_string());
        }
        words.join(" ")
    }

    /// What else is recorded of a unit: notes beside its head, by leaf.
    pub(super) fn unit_has(&self, unit: &str) -> String {
        let unit = UnitId::parse(unit).unwrap();
        let view = View::new(&self.night.state).unit(&unit).unwrap().unwrap();
        let beside = view.rivals.iter().map(|rival| {
            let standing = format!("{:?}", rival.standing).to_lowercase();
            format!("{standing}={}", rival.leaf.index.get())
        });
        let attests = view.attests.iter().map(|attest| {
            let standing = format!("{:?}", attest.standing).to_lowercase();
            format!("attest-{standing}={}", attest.leaf.get())
        });
        let findings = view.findings.iter().map(|finding| match finding.state {
            FindingState::Open => format!("{}!", finding.finding.code),
            FindingState::Noted => finding.finding.code.to_string(),
            FindingState::Settled(by) => format!("{}={}", finding.finding.code, by.get()),
        });
        beside
            .chain(attests)
            .chain(findings)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The leaves about a unit and what each did to it.
    pub(super) fn unit_went(&self, unit: &str) -> String {
        let unit = UnitId::parse(unit).unwrap();
        let trail = View::new(&self.night.state).trail(&unit).unwrap();
        let step = |change: &LeafChange| {
            let deeds = change.units.iter().flat_map(|change| &change.deeds);
            let deeds: Vec<_> = deeds.map(|deed| deed.as_str()).collect();
            let deeds = if deeds.is_empty() {
                change.kind.to_string()
            } else {
                deeds.join("+")
            };
            format!("{}:{deeds}", change.leaf.index.get())
        };
        trail.iter().map(step).collect::<Vec<_>>().join(" ")
    }

    /// How the night stands.
    pub(super) fn night_is(&self) -> String {
        let view = View::new(&self.night.state);
        let counts = view.counts().unwrap();
        let disputed = match counts.disputed {
            0 => String::new(),
            disputed => format!(" disputed={disputed}"),
        };
        format!(
            "size={} reported={} verified={} held={}{disputed}",
            view.tree_size().unwrap().get(),
            counts.reported,
            counts.verified,
            counts.held
        )
    }
}

/// An outcome in a script's words.
pub(super) fn told(outcome: &Outcome) -> String {
    let mut words = vec![outcome.name().to_string()];
    if let Some(leaf) = outcome.leaf() {
        words.push(format!("leaf={}", leaf.index.get()));
    }
    match outcome {
        Outcome::Recorded { head, .. } | Outcome::Corrected { head, .. } => {
            words.push(format!("seq={}", head.seq));
        }
        Outcome::Rival { head, .. } => {
            words.push(format!(
                "head={}",
                head.map_or("-".into(), |h| h.index.get().to_string())
            ));
        }
        Outcome::Superseded { head, .. } => words.push(format!("head={}", head.index.get())),
        Outcome::AlreadyRecorded { .. } | Outcome::Applied { .. } | Outcome::Stray { .. } => {}
        Outcome::Refused { refusal, head } => {
            words.push(refusal.code().to_string());
            if let Refusal::VoucherUsed { leaf } = refusal {
                words.push(format!("leaf={leaf}"));
            }
            if let Refusal::Stale = refusal {
                words.push(format!(
                    "head={}",
                    head.map_or("-".into(), |head| head.index.get().to_string())
                ));
            }
        }
    }
    words.join(" ")
}
