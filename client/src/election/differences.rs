//! What one version of a manifest changes of the one before it, in words: only that takes effect,
//! so that is what whoever signs it has to read.

use receipt::{Effect, Manifest, NodeLine, PersonKey, WitnessLine};

/// One line for each difference of two versions; none where the texts say the same.
pub fn differences(before: &Manifest, after: &Manifest) -> Vec<String> {
    let mut lines = Vec::new();
    if after.effect == Effect::OnceActivated {
        lines.push("takes effect only after two admins activate it".to_owned());
    }
    if let Some(recovered) = &after.recovered {
        lines.push(format!(
            "recovers {} at {} leaves",
            recovered.origin, recovered.size
        ));
    }
    fields(before, after, &mut lines);
    lists(&before.keys, &after.keys, person, &mut lines);
    machines(before, after, &mut lines);
    lists(&before.witnesses, &after.witnesses, witness, &mut lines);
    lines
}

fn fields(before: &Manifest, after: &Manifest, lines: &mut Vec<String>) {
    let mut changed = |what: &str, old: String, new: String| {
        if old != new {
            lines.push(format!("{what}: {old} becomes {new}"));
        }
    };
    changed(
        "origin",
        before.origin.to_string(),
        after.origin.to_string(),
    );
    changed("kind", before.kind.to_string(), after.kind.to_string());
    let authority = |manifest: &Manifest| {
        let all = manifest.authority.names.len();
        format!("{} of {all}", manifest.authority.threshold)
    };
    changed("authority", authority(before), authority(after));
    changed("opens", before.opens.to_string(), after.opens.to_string());
    changed(
        "closes",
        before.closes.to_string(),
        after.closes.to_string(),
    );
    let quorums = |manifest: &Manifest| {
        let all = manifest.nodes.len();
        format!(
            "{} of {all} for a receipt, {} of {all} for final level",
            manifest.receipt_quorum(),
            manifest.final_quorum()
        )
    };
    changed("quorums", quorums(before), quorums(after));
    for (what, old, new) in [
        ("roll", before.roll, after.roll),
        ("roster", before.roster, after.roster),
    ] {
        if old.hash != new.hash {
            lines.push(format!(
                "{what}: another file, {} lines become {}",
                old.count, new.count
            ));
        }
    }
    if before.rules != after.rules {
        lines.push("rules: another file".to_owned());
    }
}

/// A node that was a spare is said to come in, not to be added and taken away.
fn machines(before: &Manifest, after: &Manifest, lines: &mut Vec<String>) {
    let named = |node: &NodeLine| format!("{} (ordinal {})", node.id, node.ordinal);
    for node in &after.nodes {
        if before.spares.contains(node) {
            lines.push(format!("spare {} becomes a node", named(node)));
        } else if !before.nodes.contains(node) {
            lines.push(format!("node {} is added", named(node)));
        }
    }
    for node in &before.nodes {
        if !after.nodes.contains(node) {
            lines.push(format!("node {} goes, for good", named(node)));
        }
    }
    for spare in &after.spares {
        if !before.spares.contains(spare) {
            lines.push(format!("spare {} is added", named(spare)));
        }
    }
    for spare in &before.spares {
        if !after.spares.contains(spare) && !after.nodes.contains(spare) {
            lines.push(format!("spare {} goes, for good", named(spare)));
        }
    }
}

fn person(person: &PersonKey) -> String {
    let key = &person.key;
    format!("{} {} (key id {})", person.role, key.name(), key.id())
}

fn witness(witness: &WitnessLine) -> String {
    format!("witness {} (key id {})", witness.id, witness.key.id())
}

fn lists<T: PartialEq>(before: &[T], after: &[T], say: fn(&T) -> String, lines: &mut Vec<String>) {
    let gone = before.iter().filter(|old| !after.contains(old));
    let come = after.iter().filter(|new| !before.contains(new));
    lines.extend(gone.map(|old| format!("{} goes", say(old))));
    lines.extend(come.map(|new| format!("{} is added", say(new))));
}
