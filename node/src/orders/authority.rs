//! Whether an order comes from somebody who may give it, now, for this election.

use std::sync::Arc;

use merkle::Hash;
use note::{SignedNote, UnixSeconds, VerifierKey};
use receipt::leaf::Role;
use receipt::{Election, Manifest, Order, OrderVerb};
use tonic::Status;

use super::Disobeyed;
use crate::core::Core;

/// An order is obeyed for at most this long after it was signed, in seconds: enough for a slow
/// line, too little to be found and used later.
const LONGEST: u64 = 300;

/// Reads an order and checks everything but what it wants.
pub(crate) async fn examine(
    core: &Arc<Core>,
    bytes: &[u8],
) -> Result<Result<(Order, SignedNote), Disobeyed>, Status> {
    let (order, note) = match read_in_time(core, bytes) {
        Ok(read) => read,
        Err(why) => return Ok(Err(why)),
    };
    let keys = core.read(|_, view| view.keys_of(Role::Admin)).await?;
    let keys: Vec<VerifierKey> = keys
        .iter()
        .filter_map(|key| VerifierKey::parse(key).ok())
        .collect();
    if !signed_by(&note, &keys) {
        return Ok(Err(nobody()));
    }
    let text = *note.text_hash().as_bytes();
    if !core
        .orders
        .first_time(text, order.until, core.clock.seconds())
    {
        return Ok(Err(Disobeyed::new(
            "order_seen",
            "this very order was given before",
            "look at the cluster's status and give a new one",
        )));
    }
    Ok(Ok((order, note)))
}

/// The order to found a cluster of the members of this hash, checked on nothing but the manifest: there
/// is no log yet that could say who is an administrator. It holds at any time, since it names directories
/// that were made for this and may begin once; so a wrong clock keeps no cluster from beginning.
pub(crate) fn examine_founding(
    core: &Core,
    bytes: &[u8],
    manifest: &Manifest,
    members: Hash,
) -> Result<(), Disobeyed> {
    if bytes.is_empty() {
        return Err(nobody());
    }
    let (order, note) = read(core, bytes)?;
    if order.verb != OrderVerb::Found(members) {
        return Err(Disobeyed::new(
            "other_members",
            "the order does not found a cluster of these members",
            "run `tally cluster init` again: a node may have another data directory by now",
        ));
    }
    let admins: Vec<VerifierKey> = manifest.keys_of(Role::Admin).cloned().collect();
    if signed_by(&note, &admins) {
        Ok(())
    } else {
        Err(nobody())
    }
}

/// The order by which this node's empty directory was added, checked on nothing but the versions
/// that come with it: the node has no state yet, only the pinned fingerprint.
pub(crate) fn examine_join(
    core: &Core,
    bytes: &[u8],
    election: &Election,
) -> Result<(), Disobeyed> {
    let (order, note) = read_in_time(core, bytes)?;
    let OrderVerb::Add {
        ordinal,
        incarnation,
        ..
    } = &order.verb
    else {
        return Err(Disobeyed::new(
            "no_join",
            "this order adds no node",
            "take the one that `tally cluster add` was answered",
        ));
    };
    let own = core.incarnation.to_string();
    if *ordinal != core.whoami.ordinal || *incarnation != own {
        return Err(Disobeyed::new(
            "other_directory",
            format!(
                "the order lets in node {ordinal} with data directory {incarnation}; this is node \
                 {} with {own}",
                core.whoami.ordinal
            ),
            "a directory is let in once; add the node as it is now",
        ));
    }
    let Some(version) = election.versions().last() else {
        return Err(nobody());
    };
    let manifest: &Manifest = version.manifest();
    let admins: Vec<VerifierKey> = manifest.keys_of(Role::Admin).cloned().collect();
    let leaders: Vec<VerifierKey> = manifest.nodes.iter().map(|line| line.log.clone()).collect();
    if !signed_by(&note, &admins) || !signed_by(&note, &leaders) {
        return Err(Disobeyed::new(
            "not_countersigned",
            "an administrator of the manifest and a node of it must both have signed the order",
            "sign with an administrator's key that the manifest names, and run `add` again",
        ));
    }
    crate::membership::check_own_line(&core.whoami, &core.keys(), manifest).map_err(|error| {
        Disobeyed::new(
            "no_line",
            error.to_string(),
            "start the node that the manifest names",
        )
    })
}

/// An order of this election that has not run out.
fn read_in_time(core: &Core, bytes: &[u8]) -> Result<(Order, SignedNote), Disobeyed> {
    let (order, note) = read(core, bytes)?;
    in_time(order.until, core.clock.seconds())?;
    Ok((order, note))
}

/// An order of this election.
fn read(core: &Core, bytes: &[u8]) -> Result<(Order, SignedNote), Disobeyed> {
    let malformed = |what: String| {
        Disobeyed::new(
            "malformed",
            what,
            "give the order with this version's `tally`",
        )
    };
    let note = SignedNote::parse(bytes).map_err(|error| malformed(error.to_string()))?;
    let order = Order::parse(note.text()).map_err(|error| malformed(error.to_string()))?;
    let election = order.header.election.to_string();
    if order.header.genesis != Some(core.whoami.genesis) || election != core.whoami.election {
        return Err(Disobeyed::new(
            "other_election",
            format!(
                "the order is for another election; this node belongs to {}",
                core.whoami.election
            ),
            "use the bundle and the keys of this election",
        ));
    }
    Ok((order, note))
}

fn in_time(until: UnixSeconds, now: UnixSeconds) -> Result<(), Disobeyed> {
    let left = until.get().checked_sub(now.get());
    match left {
        Some(left) if left <= LONGEST => Ok(()),
        Some(_) | None => Err(Disobeyed::new(
            "out_of_time",
            format!("the order holds until {until}, and here it is {now}"),
            "compare the clocks of the two machines and give the order again",
        )),
    }
}

/// Whether one of these keys signed.
fn signed_by(note: &SignedNote, keys: &[VerifierKey]) -> bool {
    let lines = note.signatures();
    keys.iter().any(|key| {
        let mut own = lines.iter().filter(|line| key.claims(line));
        own.any(|line| key.verifies(note.text(), line))
    })
}

fn nobody() -> Disobeyed {
    Disobeyed::new(
        "no_authority",
        "no administrator in force has signed the order",
        "sign with an administrator's key that was not revoked",
    )
}

#[cfg(test)]
mod tests {
    use note::{KeyName, SignerKey};

    use super::*;

    #[test]
    fn an_order_holds_for_its_time_and_no_order_holds_for_long() {
        let at = UnixSeconds::new;
        for (until, now, holds) in [
            (100, 99, true),
            (100, 100, true),
            (100, 101, false),
            (400, 100, true),
            (401, 100, false),
        ] {
            assert_eq!(in_time(at(until), at(now)).is_ok(), holds, "{until} {now}");
        }
    }

    #[test]
    fn only_a_signature_that_verifies_counts() {
        let key = |seed| SignerKey::from_seed(KeyName::parse("e/hq/admin-1").unwrap(), [seed; 32]);
        let (admin, other) = (key(1), key(2));
        let note = |line| SignedNote::assemble("one\n", vec![line]).unwrap();
        let keys = [admin.verifier().clone()];
        assert!(signed_by(&note(admin.sign("one\n")), &keys));
        assert!(!signed_by(&note(admin.sign("two\n")), &keys));
        assert!(!signed_by(&note(other.sign("one\n")), &keys));
        assert!(!signed_by(&note(admin.sign("one\n")), &[]));
    }
}
