//! A later manifest version: only what differs takes effect, and what leaves have changed stays.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use caucus::{Slot, UnitId};
    use ledger::{Command, Outcome, ReplayError, Table, View, replay};
    use merkle::{LeafIndex, TreeSize};
    use receipt::leaf::{
        Activate, Close, Earlier, Enrol, KeyReference, Place, Reason, Revoke, Role,
    };
    use receipt::{CountedFile, Effect, Leaf, Manifest, Policy, Recovered};

    use crate::common::Night;
    use crate::common::election::{Election, command, node_line, note_id, voucher};

    fn reason() -> Reason {
        Reason::parse("for the test").unwrap()
    }

    /// A version after the first, with another id.
    fn next(election: &Election, before: &Manifest) -> Manifest {
        let mut manifest = before.clone();
        manifest.version = before.version + 1;
        manifest.previous = Some(merkle::sha256(before.text().as_bytes()));
        manifest.header.genesis = Some(election.genesis());
        manifest.header.id = note_id(&format!("version {}", manifest.version));
        manifest
    }

    fn bind(election: &mut Election, text: String) -> merkle::Hash {
        let hash = merkle::sha256(text.as_bytes());
        election.files.insert(hash, text.into_bytes());
        hash
    }

    fn policies(election: &mut Election, manifest: &mut Manifest) {
        manifest.receipt_policy = bind(election, Policy::receipt_for(manifest).to_string());
        manifest.final_policy = bind(election, Policy::final_file(manifest));
    }

    fn applied(night: &mut Night, command: &Command) {
        let outcome = night.apply(command);
        assert_eq!(outcome.name(), "applied", "{outcome:?}");
    }

    fn refused(night: &mut Night, command: &Command) -> &'static str {
        let outcome = night.apply(command);
        let Outcome::Refused { refusal, .. } = outcome else {
            panic!("not refused: {outcome:?}");
        };
        refusal.code()
    }

    fn revoke(election: &Election, key: &str) -> Command {
        let key = election.key(key);
        let leaf = Leaf::Revoke(Revoke {
            header: election.header(&format!("revoke {}", key.verifier())),
            key: KeyReference {
                name: key.verifier().name().clone(),
                id: key.verifier().id(),
            },
            earlier: Earlier::Stand,
            reason: reason(),
        });
        command(&election.sign(&leaf, &["registrar1", "registrar2"]))
    }

    /// The first version but for this: operator3 goes and operator4 comes, P-4 gets another
    /// chair's key and P-5 another first voucher.
    fn second_version(election: &mut Election) -> Manifest {
        let mut second = next(election, &election.manifest);
        let gone = election.key("operator3").verifier().clone();
        second.keys.retain(|person| person.key != gone);
        let key = election.key("operator4").verifier().clone();
        second.keys.push(receipt::PersonKey {
            role: Role::Operator,
            key,
        });
        second
            .keys
            .sort_by_key(|person| format!("{} {}", person.role, person.key));
        let roll = String::from_utf8(election.files[&second.roll.hash].clone()).unwrap();
        let (old, new) = (election.key("P-4/a"), election.key("P-4/a/2"));
        let unit = UnitId::parse("P-5").unwrap();
        let hash_of = |number| note::b64::encode_hash(&voucher(number).hash(&unit));
        let mut lines: Vec<String> = roll
            .replace(&old.verifier().to_string(), &new.verifier().to_string())
            .replace(&hash_of(1), &hash_of(5))
            .lines()
            .map(str::to_string)
            .collect();
        lines.sort();
        let hash = bind(election, lines.join("\n") + "\n");
        second.roll = CountedFile {
            count: second.roll.count,
            hash,
        };
        second
    }

    fn enrol(election: &Election, unit: &str, key: &str) -> Command {
        let leaf = Leaf::Enrol(Enrol {
            header: election.header(&format!("enrol {key}")),
            place: Place::Slot {
                unit: UnitId::parse(unit).unwrap(),
                slot: Slot::A,
            },
            key: election.key(key).verifier().clone(),
            replaces: None,
            reason: reason(),
        });
        command(&election.sign(&leaf, &["registrar1", "registrar2"]))
    }

    #[test]
    fn what_leaves_have_changed_persists_over_a_later_version() {
        let mut election = Election::new("night");
        let mut night = Night::of(&election);
        applied(&mut night, &revoke(&election, "P-1/a"));
        applied(&mut night, &revoke(&election, "operator1"));
        applied(&mut night, &enrol(&election, "P-2", "P-2/a/2"));
        let second = second_version(&mut election);
        applied(
            &mut night,
            &election.manifest_command(&second, &["A1", "A2"]),
        );
        let sent = |unit: &str, key: &str| {
            let submission = election.submission(key, unit, &[50, 30, 20]);
            command(&election.sign(&submission.into(), &[key]))
        };
        assert_eq!(refused(&mut night, &sent("P-1", "P-1/a")), "revoked_key");
        assert_eq!(night.apply(&sent("P-2", "P-2/a/2")).name(), "recorded");
        let view = View::new(&night.state);
        let leaf = view.manifests().unwrap()[1].index.get();
        let at = |size| {
            let manifest = view.manifest_at(TreeSize::new(size)).unwrap();
            manifest.map(|manifest| manifest.version)
        };
        assert_eq!(
            (at(0), at(1), at(leaf), at(leaf + 1)),
            (None, Some(1), Some(1), Some(2))
        );
    }

    #[test]
    fn what_differs_in_a_later_version_takes_effect() {
        let mut election = Election::new("night");
        let mut night = Night::of(&election);
        let second = second_version(&mut election);
        applied(
            &mut night,
            &election.manifest_command(&second, &["A1", "A2"]),
        );
        let sent = |key: &str| {
            let submission = election.submission(key, "P-4", &[50, 30, 20]);
            command(&election.sign(&submission.into(), &[key]))
        };
        assert_eq!(refused(&mut night, &sent("P-4/a")), "revoked_key");
        assert_eq!(night.apply(&sent("P-4/a/2")).name(), "recorded");
        let by_phone = |id: &str, number, operators: [&str; 2]| {
            let mut submission = election.submission(id, "P-5", &[5, 5]);
            submission.channel = Some(receipt::leaf::Channel::Phone);
            submission.voucher = Some(voucher(number));
            command(&election.sign(&submission.into(), &operators))
        };
        let gone = by_phone("a", 5, ["operator2", "operator3"]);
        assert_eq!(refused(&mut night, &gone), "revoked_key");
        let old_voucher = by_phone("b", 1, ["operator2", "operator4"]);
        assert_eq!(refused(&mut night, &old_voucher), "voucher_unknown");
        let new_voucher = by_phone("c", 5, ["operator2", "operator4"]);
        assert_eq!(night.apply(&new_voucher).name(), "recorded");
    }

    /// Whoever was enrolled on the night, or revoked, does not become a second signer because a later
    /// version lists the same key under another name.
    #[test]
    fn a_later_version_gives_no_second_name_to_a_key() {
        let election = Election::new("night");
        let mut night = Night::of(&election);
        let leaf = Leaf::Enrol(Enrol {
            header: election.header("enrol operator4"),
            place: Place::Role(Role::Operator),
            key: election.key("operator4").verifier().clone(),
            replaces: None,
            reason: reason(),
        });
        let by = ["registrar1", "registrar2"];
        applied(&mut night, &command(&election.sign(&leaf, &by)));
        applied(&mut night, &revoke(&election, "operator1"));
        let listing = |word: &str, name: &str| {
            let mut second = next(&election, &election.manifest);
            let gone = election.key("operator1").verifier().clone();
            second.keys.retain(|person| person.key != gone);
            let name = note::KeyName::parse(&format!("night/hq/{name}")).unwrap();
            let key = note::SignerKey::from_seed(name, election.key(word).seed());
            second.keys.push(receipt::PersonKey {
                role: Role::Operator,
                key: key.verifier().clone(),
            });
            second
                .keys
                .sort_by_key(|person| format!("{} {}", person.role, person.key));
            election.manifest_command(&second, &["A1", "A2"])
        };
        for word in ["operator1", "operator4"] {
            let renamed = listing(word, "another");
            assert_eq!(refused(&mut night, &renamed), "bad_manifest", "{word}");
        }
        applied(&mut night, &listing("operator4", "operator4"));
    }

    /// A voucher that was used stays used, also when one version leaves it out and the next lists
    /// it again.
    #[test]
    fn a_used_voucher_does_not_come_back_with_a_later_version() {
        let mut election = Election::new("night");
        let mut night = Night::of(&election);
        let by_phone = |election: &Election, id: &str| {
            let mut submission = election.submission(id, "P-5", &[5, 5]);
            submission.channel = Some(receipt::leaf::Channel::Phone);
            submission.voucher = Some(voucher(1));
            command(&election.sign(&submission.into(), &["operator1", "operator2"]))
        };
        assert_eq!(night.apply(&by_phone(&election, "a")).name(), "recorded");
        let second = second_version(&mut election);
        let mut third = next(&election, &second);
        third.roll = election.manifest.roll;
        for version in [&second, &third] {
            applied(
                &mut night,
                &election.manifest_command(version, &["A1", "A2"]),
            );
        }
        assert_eq!(
            refused(&mut night, &by_phone(&election, "b")),
            "voucher_used"
        );
    }

    #[test]
    fn a_successor_replaces_a_node_only_after_it_was_activated() {
        let mut election = Election::new("night");
        let mut night = Night::of(&election);
        let mut successor = next(&election, &election.manifest);
        successor.effect = Effect::OnceActivated;
        successor.nodes[2] = successor.spares.remove(0);
        policies(&mut election, &mut successor);
        let version = election.manifest_command(&successor, &["A1", "A2"]);
        assert_eq!(refused(&mut night, &version), "not_activated");
        let activate = Leaf::Activate(Activate {
            header: election.header("activate"),
            manifest: merkle::sha256(successor.text().as_bytes()),
            reason: reason(),
        });
        applied(
            &mut night,
            &command(&election.sign(&activate, &["admin1", "admin2"])),
        );
        applied(&mut night, &version);
        // The ordinal that went out never comes back for another node.
        let mut third = next(&election, &successor);
        third.effect = Effect::WithItsLeaf;
        let mut line = node_line(&third.origin, 9);
        line.ordinal = 3;
        third.spares = vec![line];
        assert_eq!(
            refused(
                &mut night,
                &election.manifest_command(&third, &["A1", "A2"])
            ),
            "bad_manifest"
        );
    }

    #[test]
    fn a_recovered_log_goes_on_where_its_manifest_says() {
        let mut election = Election::new("night");
        let mut night = Night::of(&election);
        night.apply(&command(&election.report("a", "P-1", &[50, 30, 20])));
        let (size, root) = {
            let view = View::new(&night.state);
            (view.tree_size().unwrap(), view.root().unwrap())
        };
        let mut version = next(&election, &election.manifest);
        let origin = version.origin.clone();
        version.origin = note::Origin::parse_election("tally.example/night/r2").unwrap();
        version.nodes = (5..=7)
            .map(|ordinal| node_line(&version.origin, ordinal))
            .collect();
        version.spares = Vec::new();
        policies(&mut election, &mut version);
        let recovered = |size: u64, root| {
            Some(Recovered {
                origin: origin.clone(),
                size: TreeSize::new(size),
                root,
            })
        };
        assert_eq!(
            refused(
                &mut night,
                &election.manifest_command(&version, &["A1", "A2"])
            ),
            "bad_manifest"
        );
        for wrong in [
            recovered(size.get() + 1, root),
            recovered(size.get(), merkle::sha256(b"another root")),
        ] {
            version.recovered = wrong;
            let command = election.manifest_command(&version, &["A1", "A2"]);
            assert_eq!(refused(&mut night, &command), "bad_manifest");
        }
        version.recovered = recovered(size.get(), root);
        applied(
            &mut night,
            &election.manifest_command(&version, &["A1", "A2"]),
        );
        // What chairs hold stays valid: the genesis is the same.
        let report = election.report("b", "P-2", &[10, 20, 30]);
        assert_eq!(night.apply(&command(&report)).name(), "recorded");
    }

    /// The totals leaf is derived, not believed: replay wants exactly the bytes it derives.
    #[test]
    fn replay_compares_derived_leaves_and_misses_files() {
        let election = Election::new("night");
        let mut night = Night::of(&election);
        night.apply(&command(&election.report("a", "P-1", &[50, 30, 20])));
        let close = Leaf::Close(Close {
            header: election.header("close"),
            reason: reason(),
        });
        applied(
            &mut night,
            &command(&election.sign(&close, &["publisher1", "publisher2"])),
        );
        let leaves: Vec<Vec<u8>> = night
            .state
            .rows(Table::Leaf)
            .map(|(_, leaf)| leaf.to_vec())
            .collect();
        assert_eq!(leaves.len(), 4);
        let failed_at = |leaves: &[Vec<u8>], files| match replay(leaves, files) {
            Err(ReplayError::Leaf { index, .. }) => Some(index),
            Ok(_) | Err(ReplayError::Fault(_)) => None,
        };
        assert_eq!(failed_at(&leaves, &election.files), None);
        let text = String::from_utf8(leaves[3].clone()).unwrap();
        let mut other = leaves.clone();
        other[3] = text.replacen(" 50 ", " 51 ", 1).into_bytes();
        assert_ne!(other, leaves, "the totals show the figures");
        assert_eq!(failed_at(&other, &election.files), Some(3));
        assert_eq!(failed_at(&leaves[..3], &election.files), Some(3));
        other = leaves.clone();
        other.remove(2);
        assert_eq!(failed_at(&other, &election.files), Some(2));
        let mut files = election.files.clone();
        files.remove(&election.manifest.roster.hash);
        assert_eq!(failed_at(&leaves, &files), Some(0));
        let view = View::new(&night.state);
        assert_eq!(view.closed().unwrap(), Some(LeafIndex::new(2)));
    }
}
