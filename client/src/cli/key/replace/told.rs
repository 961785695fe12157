//! What `tally key replace` did, for the registrar and for programs.

use note::VerifierKey;
use receipt::leaf::{KeyReference, Place};
use serde::Serialize;

use super::Leaves;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::output::Output;
use crate::cli::send::Sent;
use crate::cli::words;

/// A key that was replaced, or is about to be.
#[derive(Debug, Serialize)]
pub(super) struct Replaced {
    place: String,
    name: String,
    id: String,
    verifier: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
    stolen: bool,
    /// The file with the new secret, if it was made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_file: Option<String>,
    /// The PDF with its card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) card: Option<String>,
    /// Notes that wait for a second hand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    /// Who has signed them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) signers: Vec<String>,
    /// What became of the notes, the new key's way in first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) sent: Vec<Sent>,
    #[serde(skip)]
    reports_with: Option<&'static str>,
}

impl Replaced {
    pub(super) fn of(
        place: &Place,
        key: &VerifierKey,
        old: Option<&KeyReference>,
        leaves: &Leaves,
    ) -> Replaced {
        let (place, reports_with) = match place {
            Place::Slot { unit, slot } => (format!("slot {slot} of {unit}"), Some("tally submit")),
            Place::Role(role) => (format!("role {role}"), None),
        };
        Replaced {
            place,
            name: key.name().to_string(),
            id: key.id().to_string(),
            verifier: key.to_string(),
            replaces: old.map(|old| old.id.to_string()),
            stolen: leaves.revoke.is_some(),
            key_file: None,
            card: None,
            notes: Vec::new(),
            signers: Vec::new(),
            sent: Vec::new(),
            reports_with,
        }
    }

    pub(super) fn tell(&self, output: Output) -> Outcome {
        output.result("tally.key-replaced/v1", self, || self.words())?;
        let mut exits = self.sent.iter().map(|sent| sent.exit);
        let failed = exits.find(|exit| *exit != Exit::Done);
        Ok(failed.unwrap_or(Exit::Done))
    }

    fn words(&self) -> String {
        let mut lines = vec![self.verdict()];
        lines.push(words::row("new key", format!("{} {}", self.name, self.id)));
        let old = self.replaces.as_ref();
        lines.extend(old.map(|old| words::row("old key", old)));
        let file = self.key_file.as_ref();
        lines.extend(file.map(|file| words::row("secret", file)));
        let card = self.card.as_ref();
        lines.extend(card.map(|card| {
            words::row(
                "card",
                format!("{card}; print it, seal it, delete the file"),
            )
        }));
        if !self.notes.is_empty() {
            let notes = self.notes.join(" ");
            lines.push(words::row("signed by", self.signers.join(" and ")));
            let next = format!("`tally sign {notes} --key FILE` where the second registrar is");
            lines.push(words::row("next", next));
            return lines.join("\n");
        }
        for sent in &self.sent {
            lines.push(format!("{}: {}", sent.act, sent.words));
        }
        let report = self.reports_with.filter(|_| self.is_in_force());
        lines.extend(report.map(|verb| {
            let now = format!("the holder goes on with `{verb}`; the unit's vouchers stay good");
            words::row("next", now)
        }));
        lines.join("\n")
    }

    fn verdict(&self) -> String {
        let place = &self.place;
        if self.is_in_force() {
            format!("The new key counts for {place}; the old one counts no longer.")
        } else if self.notes.is_empty() {
            format!("The key for {place} is not replaced yet.")
        } else {
            format!(
                "Signed once; a second registrar has to sign. Until then the old key counts for \
                 {place}."
            )
        }
    }

    /// The enrolment is recorded and receipted.
    fn is_in_force(&self) -> bool {
        self.sent
            .first()
            .is_some_and(|sent| sent.exit == Exit::Done)
    }
}
