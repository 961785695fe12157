//! What holds for any sequence of commands, by name.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use caucus::{Basis, Slot};
    use ledger::{
        Changes, Command, Examined, KnownKeys, LeafRef, Memory, Origin, Outcome, Overlay, Replay,
        ReplayError, Table, UnixMillis, View, apply, check, replay,
    };
    use merkle::{Hash, LeafIndex, TreeSize};
    use proptest::prelude::*;
    use receipt::{Leaf, ShortCode};

    use crate::common::cast::{Cast, Deed, deeds};
    use crate::common::election::Election;
    use crate::common::{Night, leaf_rows};

    fn leaves(state: &Memory) -> Vec<Vec<u8>> {
        state
            .rows(Table::Leaf)
            .map(|(_, leaf)| leaf.to_vec())
            .collect()
    }

    /// The people of the manifest, and every chair of the roll.
    fn keys_of(election: &Election) -> KnownKeys {
        let people = election
            .manifest
            .keys
            .iter()
            .map(|person| person.key.to_string());
        let units = election.roster.units().flat_map(|unit| {
            let slots = Slot::ALL.iter();
            slots.map(|slot| format!("{}/{slot}", unit.id))
        });
        let chairs = units.map(|word| election.key(&word).verifier().to_string());
        KnownKeys::examined(people.chain(chairs))
    }

    fn replay_knowing(
        leaves: &[Vec<u8>],
        election: &Election,
        keys: &Arc<KnownKeys>,
    ) -> Result<Memory, ReplayError> {
        let replay = Replay::new(&election.files, Memory::new());
        let mut replay = replay.knowing(Arc::clone(keys));
        for leaf in leaves {
            replay.push_examined(Examined::of(leaf, keys))?;
        }
        replay.finish()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// After every command of any sequence all invariants hold, time does not go back, and
        /// what was a leaf stays that leaf.
        #[test]
        fn invariants_hold_after_every_command(deeds in deeds()) {
            let (_, commands) = Cast::new().play(&deeds);
            let mut night = Night::empty();
            for command in commands {
                let before = leaves(&night.state);
                let time = View::new(&night.state).last_time().unwrap();
                night.apply(&command);
                let after = leaves(&night.state);
                prop_assert_eq!(&after[..before.len()], &before[..]);
                prop_assert!(View::new(&night.state).last_time().unwrap() >= time);
            }
        }

        /// A batch over an overlay gives the rows that one command at a time gives.
        #[test]
        fn a_batch_is_its_commands_one_by_one(deeds in deeds(), split in 1_usize..8) {
            let (_, commands) = Cast::new().play(&deeds);
            let mut one_by_one = Memory::new();
            let mut told = Vec::new();
            for command in &commands {
                let (outcome, changes) = apply(&one_by_one, command).unwrap();
                one_by_one.absorb(changes);
                told.push(outcome);
            }
            let mut batched = Memory::new();
            let mut told_in_batches = Vec::new();
            for batch in commands.chunks(split) {
                let mut overlay = Overlay::new(&batched);
                for command in batch {
                    let (outcome, changes) = apply(&overlay, command).unwrap();
                    overlay.absorb(changes);
                    told_in_batches.push(outcome);
                }
                let changes = overlay.into_changes();
                prop_assert!(are_in_order(&changes));
                batched.absorb(changes);
            }
            prop_assert_eq!(told, told_in_batches);
            prop_assert_eq!(one_by_one, batched);
        }

        /// The leaves and the manifest's files alone give the same rows, digests and totals.
        #[test]
        fn replay_gives_the_same_state(deeds in deeds()) {
            let (election, commands) = Cast::new().play(&deeds);
            let mut night = Night::empty();
            for command in &commands {
                night.apply_unchecked(command);
            }
            let replayed = replay(leaves(&night.state), &election.files).unwrap();
            prop_assert_eq!(leaf_rows(&replayed), leaf_rows(&night.state));
            let (ours, theirs) = (View::new(&night.state), View::new(&replayed));
            let size = ours.tree_size().unwrap();
            prop_assert_eq!(ours.leaf_digest(size).unwrap(), theirs.leaf_digest(size).unwrap());
            for basis in Basis::ALL {
                prop_assert_eq!(ours.totals(basis).unwrap(), theirs.totals(basis).unwrap());
                prop_assert_eq!(ours.results(basis).unwrap(), theirs.results(basis).unwrap());
            }
        }

        /// Leaves that were examined beforehand, with all keys known, make the state that they make
        /// without; and of a leaf whose signature was changed, no known key makes an accepted one.
        #[test]
        fn what_is_known_beforehand_changes_nothing(
            deeds in deeds(),
            place in any::<prop::sample::Index>(),
        ) {
            let (election, commands) = Cast::new().play(&deeds);
            let mut night = Night::empty();
            for command in &commands {
                night.apply_unchecked(command);
            }
            let mut leaves = leaves(&night.state);
            let keys = Arc::new(keys_of(&election));
            let known = replay_knowing(&leaves, &election, &keys).unwrap();
            prop_assert_eq!(leaf_rows(&known), leaf_rows(&night.state));
            let changed = place.index(leaves.len());
            let base64 = leaves[changed].len() - 20;
            leaves[changed][base64] = if leaves[changed][base64] == b'A' { b'B' } else { b'A' };
            let refused = replay_knowing(&leaves, &election, &keys).unwrap_err();
            prop_assert_eq!(refused, replay(&leaves, &election.files).unwrap_err());
        }

        /// Every leaf is found by its spoken code, and every complete subtree by its level and
        /// place; beyond the tree there is neither.
        #[test]
        fn leaves_and_subtrees_are_found(deeds in deeds()) {
            let (_, commands) = Cast::new().play(&deeds);
            let mut night = Night::empty();
            for command in &commands {
                night.apply_unchecked(command);
            }
            let view = View::new(&night.state);
            let mut row: Vec<Hash> = Vec::new();
            for (index, leaf) in (0..).zip(leaves(&night.state)) {
                let hash = merkle::leaf_hash(&leaf);
                let found = view.leaves_by_code(&ShortCode::of_leaf(&hash)).unwrap();
                prop_assert_eq!(found, [LeafRef { index: LeafIndex::new(index), hash }]);
                row.push(*hash.as_hash());
            }
            let nobody = merkle::leaf_hash(b"nobody sent this");
            prop_assert_eq!(view.leaves_by_code(&ShortCode::of_leaf(&nobody)).unwrap(), []);
            for level in 0..8 {
                for (index, hash) in (0..).zip(&row) {
                    prop_assert_eq!(view.node(level, index).unwrap(), Some(*hash));
                }
                let beyond = u64::try_from(row.len()).unwrap();
                prop_assert_eq!(view.node(level, beyond).unwrap(), None);
                let (pairs, _) = row.as_chunks::<2>();
                row = pairs.iter().map(|[left, right]| merkle::node_hash(left, right)).collect();
            }
        }

        /// A leaf changed, dropped or moved is noticed by replay, or gives another root.
        #[test]
        fn replay_notices_another_history(deeds in deeds(), place in any::<prop::sample::Index>()) {
            let (election, commands) = Cast::new().play(&deeds);
            let mut night = Night::empty();
            for command in &commands {
                night.apply_unchecked(command);
            }
            let mut leaves = leaves(&night.state);
            prop_assume!(leaves.len() > 1);
            let place = 1 + place.index(leaves.len() - 1);
            leaves.remove(place);
            let root = View::new(&night.state).root().unwrap();
            if let Ok(other) = replay(&leaves, &election.files) {
                prop_assert_ne!(View::new(&other).root().unwrap(), root);
            }
        }

        /// Reports of different units do not disturb each other: in any order the heads, the
        /// standings and the totals are the same.
        #[test]
        fn order_of_units_is_irrelevant(deeds in deeds(), seed in any::<u64>()) {
            let only_reports: Vec<Deed> = deeds
                .into_iter()
                .filter(|deed| matches!(deed, Deed::Report { .. } | Deed::Attest { .. }))
                .collect();
            let (election, commands) = Cast::new().play(&only_reports);
            let unit_of = |command: &Command| {
                let ledger::Act::Note { bytes } = &command.act else { return None };
                Leaf::parse_entry(bytes).ok()?.0.unit().cloned()
            };
            // Stable by unit, units in another order: each unit's own order stays.
            let mut moved = commands.clone();
            moved.sort_by_key(|command| {
                unit_of(command).map(|unit| {
                    merkle::sha256(format!("{seed} {unit}").as_bytes())
                })
            });
            let (mut one, mut other) = (Night::empty(), Night::empty());
            for command in &commands {
                one.apply_unchecked(command);
            }
            for command in &moved {
                other.apply_unchecked(command);
            }
            let (one, other) = (View::new(&one.state), View::new(&other.state));
            for basis in Basis::ALL {
                prop_assert_eq!(one.totals(basis).unwrap(), other.totals(basis).unwrap());
            }
            prop_assert_eq!(one.counts().unwrap(), other.counts().unwrap());
            for unit in election.roster.units() {
                let (one, other) =
                    (one.unit(&unit.id).unwrap().unwrap(), other.unit(&unit.id).unwrap().unwrap());
                prop_assert_eq!(one.standing, other.standing);
                prop_assert_eq!(one.held_for, other.held_for);
                prop_assert_eq!(one.worksheet, other.worksheet);
                prop_assert_eq!(one.head.map(|head| head.hash), other.head.map(|head| head.hash));
            }
        }

        /// Every leaf is proven in every later tree, and every tree extends every earlier one.
        #[test]
        fn proofs_hold_at_every_size(deeds in deeds()) {
            let (_, commands) = Cast::new().play(&deeds);
            let mut night = Night::empty();
            for command in &commands {
                night.apply_unchecked(command);
            }
            let view = View::new(&night.state);
            let last = view.tree_size().unwrap();
            for size in (1..=last.get()).map(TreeSize::new) {
                let root = view.root_at(size).unwrap().unwrap();
                let consistency = view.consistency(size, last).unwrap();
                prop_assert!(consistency.verify(size, last, &root, &view.root().unwrap()).is_ok());
                for index in (0..size.get()).map(LeafIndex::new) {
                    let leaf = merkle::leaf_hash(&view.leaf(index).unwrap().unwrap());
                    let proof = view.inclusion(index, size).unwrap();
                    prop_assert!(proof.verify(index, size, leaf, &root).is_ok());
                }
            }
            prop_assert!(view.root_at(TreeSize::new(last.get() + 1)).unwrap().is_none());
        }

        /// A row of any table that is changed, added or taken away breaks an invariant.
        #[test]
        fn no_row_can_be_touched_unnoticed(
            deeds in deeds(),
            table in any::<prop::sample::Index>(),
            place in any::<prop::sample::Index>(),
            byte in any::<prop::sample::Index>(),
        ) {
            let (_, commands) = Cast::new().play(&deeds);
            let mut night = Night::empty();
            for command in &commands {
                night.apply_unchecked(command);
            }
            let tables: Vec<Table> = Table::ALL
                .iter()
                .copied()
                .filter(|table| table.origin() == Origin::Leaves)
                .filter(|table| night.state.rows(*table).next().is_some())
                .collect();
            let table = tables[table.index(tables.len())];
            let rows: Vec<_> = night.state.rows(table).collect();
            let (key, value) = rows[place.index(rows.len())];
            let (key, mut value) = (key.to_vec(), value.to_vec());
            let mut without = night.state.clone();
            without.absorb(row(table, key.clone(), None));
            prop_assert!(check(&without).is_err(), "a row of `{table}` is gone unnoticed");
            if !value.is_empty() {
                let byte = byte.index(value.len());
                value[byte] ^= 1;
                let mut touched = night.state.clone();
                touched.absorb(row(table, key, Some(value)));
                prop_assert!(check(&touched).is_err(), "a row of `{table}` changed unnoticed");
            }
        }
    }

    fn row(table: Table, key: Vec<u8>, value: Option<Vec<u8>>) -> Changes {
        Changes {
            rows: vec![ledger::Row { table, key, value }],
        }
    }

    fn are_in_order(changes: &Changes) -> bool {
        changes
            .rows
            .is_sorted_by(|a, b| (a.table, &a.key) < (b.table, &b.key))
    }

    /// The side digest follows time and refused notes, and nothing else does.
    #[test]
    fn the_side_digest_covers_what_has_no_leaf() {
        let election = Election::new("night");
        let note = election.report("a", "P-1", &[50, 30, 20]);
        let mut early = Night::of(&election);
        let mut late = Night::of(&election);
        let digest = |night: &Night| View::new(&night.state).side_digest().unwrap();
        assert_eq!(digest(&early), digest(&late));
        early.apply(&Command::note(UnixMillis::new(10), note.bytes()));
        late.apply(&Command::note(UnixMillis::new(20), note.bytes()));
        assert_ne!(digest(&early), digest(&late));
        assert_eq!(leaf_rows(&early.state), leaf_rows(&late.state));
        // Time that went back is not recorded.
        let before = digest(&late);
        let known = late.apply(&Command::note(UnixMillis::new(5), note.bytes()));
        assert!(matches!(known, Outcome::AlreadyRecorded { .. }));
        assert_eq!(digest(&late), before);
    }

    /// The bytes of a state are part of what nodes compare: they may not change unnoticed.
    #[test]
    fn the_digests_of_a_fixed_night_are_these() {
        let election = Election::new("night");
        let mut night = Night::of(&election);
        for (id, unit) in [("a", "P-1"), ("b", "S-1"), ("c", "P-4")] {
            night.apply(&Command::note(
                UnixMillis::new(9),
                election.report(id, unit, &[40, 40, 20]).bytes(),
            ));
        }
        let view = View::new(&night.state);
        let digest = view
            .leaf_digest(view.tree_size().unwrap())
            .unwrap()
            .unwrap();
        assert_eq!(
            (
                digest.to_hex().as_str(),
                view.side_digest().unwrap().to_hex().as_str()
            ),
            (
                "db9ed2251f850c8eb4b7414811e0ab203f92acc79e2cae8af43e4a3b14da152b",
                "cf2fc050039fa3e02e067aa8df8d5e7a3903b9347cc41613c10d1e5745bba57a"
            )
        );
    }
}
