//! Which signer used which id in which leaf: a row a leaf, which the rules look up for every leaf.
//! Kept by signer, it is found in a small table that lies together, however long the log is.

use std::collections::BTreeMap;

use ledger::{Row, Visit};

/// Bytes of an id, with which a row's key ends.
const ID: usize = 16;

/// The rows of `Table::SignerId`.
#[derive(Debug, Default)]
pub(super) struct Ids {
    by_signer: BTreeMap<Vec<u8>, BTreeMap<[u8; ID], u64>>,
}

impl Ids {
    /// Writes a row; one that is not of this form is given back.
    pub(super) fn put(&mut self, row: Row) -> Option<Row> {
        let Some((signer, id)) = row.key.split_last_chunk() else {
            return Some(row);
        };
        let leaf = match &row.value {
            None => None,
            Some(value) => match value.as_slice().try_into() {
                Ok(leaf) => Some(u64::from_be_bytes(leaf)),
                Err(_) => return Some(row),
            },
        };
        match (self.by_signer.get_mut(signer), leaf) {
            (Some(ids), Some(leaf)) => {
                ids.insert(*id, leaf);
            }
            (Some(ids), None) => {
                ids.remove(id);
            }
            (None, Some(leaf)) => {
                let ids = BTreeMap::from([(*id, leaf)]);
                self.by_signer.insert(signer.to_vec(), ids);
            }
            (None, None) => {}
        }
        None
    }

    /// A row's value.
    pub(super) fn read(&self, key: &[u8]) -> Option<Vec<u8>> {
        let (signer, id) = key.split_last_chunk()?;
        let leaf = self.by_signer.get(signer)?.get(id)?;
        Some(leaf.to_be_bytes().to_vec())
    }

    /// Shows the rows whose key begins with `prefix`, in the order of their keys: no signer's key
    /// begins with another's, so theirs is the order of signers.
    pub(super) fn scan(&self, prefix: &[u8], visit: Visit<'_>) {
        for (signer, ids) in &self.by_signer {
            if !signer.starts_with(prefix) && !prefix.starts_with(signer) {
                continue;
            }
            for (id, leaf) in ids {
                let key = [signer, id.as_slice()].concat();
                if key.starts_with(prefix) && visit(&key, &leaf.to_be_bytes()).is_break() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use ledger::{Memory, Table, Tables};

    use super::*;

    fn row(signer: &[u8], id: u8, leaf: Option<u64>) -> Row {
        Row {
            table: Table::SignerId,
            key: [signer, [id; ID].as_slice()].concat(),
            value: leaf.map(|leaf| leaf.to_be_bytes().to_vec()),
        }
    }

    /// What an ordered map would read and show, whichever the prefix.
    #[test]
    fn it_shows_what_an_ordered_table_shows() {
        let (mut ids, mut memory) = (Ids::default(), Memory::new());
        let signers: [&[u8]; 3] = [b"chair-1\0abcd", b"chair-10\0abcd", b"desk\0aaaa"];
        for (leaf, (signer, id)) in (0..).zip([(2, 1), (0, 9), (1, 5), (0, 3), (1, 4), (0, 9)]) {
            memory.write(row(signers[signer], id, Some(leaf)));
            assert_eq!(ids.put(row(signers[signer], id, Some(leaf))), None);
        }
        memory.write(row(signers[1], 4, None));
        assert_eq!(ids.put(row(signers[1], 4, None)), None);
        let longer = row(signers[0], 9, None).key;
        let prefixes: [&[u8]; 7] = [
            b"",
            b"chair-1",
            signers[0],
            signers[1],
            b"x",
            &longer,
            &longer[..20],
        ];
        for prefix in prefixes {
            let (mut seen, mut expected) = (Vec::new(), Vec::new());
            ids.scan(prefix, &mut |key, value| {
                seen.push((key.to_vec(), value.to_vec()));
                ControlFlow::Continue(())
            });
            let shown = memory.scan(Table::SignerId, prefix, &mut |key, value| {
                expected.push((key.to_vec(), value.to_vec()));
                ControlFlow::Continue(())
            });
            shown.unwrap();
            assert_eq!(seen, expected, "{prefix:?}");
            assert_eq!(
                ids.read(prefix),
                memory.read(Table::SignerId, prefix).unwrap()
            );
        }
    }

    #[test]
    fn a_row_of_another_form_is_given_back() {
        let mut ids = Ids::default();
        let mut odd = row(b"desk\0aaaa", 1, Some(1));
        odd.value = Some(vec![1]);
        assert_eq!(ids.put(odd.clone()), Some(odd.clone()));
        odd.key.truncate(ID - 1);
        assert_eq!(ids.put(odd.clone()), Some(odd));
    }
}
