//! The rule file that was asked for last, read once: every report is judged by it, at the door and
//! when it is applied, and reading it takes longer than the judgement.

use std::sync::{Arc, Mutex, PoisonError};

use caucus::Rules;
use ledger::{Fault, Table, Tables, read_rules};
use merkle::Hash;

/// It, by its hash, which says that it is the same file in whatever state.
#[derive(Debug, Default)]
pub(super) struct LastRules(Mutex<Option<(Hash, Arc<Rules>)>>);

impl LastRules {
    /// The rules of this hash, from memory or from `tables`.
    pub(super) fn of(
        &self,
        hash: &Hash,
        tables: &impl Tables,
    ) -> Result<Option<Arc<Rules>>, Fault> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, rules)) = last.as_ref()
            && of == hash
        {
            return Ok(Some(Arc::clone(rules)));
        }
        drop(last);
        let Some(bytes) = tables.read(Table::File, hash.as_bytes())? else {
            return Ok(None);
        };
        let rules = read_rules(&bytes)?;
        let read = Some((*hash, Arc::clone(&rules)));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(Some(rules))
    }
}

#[cfg(test)]
mod tests {
    use ledger::{Memory, Row};
    use testkit::Fixture;

    use super::*;

    #[test]
    fn only_the_file_of_that_hash_is_answered_with() {
        let fixture = Fixture::small();
        let files = fixture.files.iter();
        let mut found = files.filter(|file| read_rules(file).is_ok());
        let file = found.next().unwrap();
        let (hash, other) = (merkle::sha256(file), merkle::sha256(b"another"));
        let mut tables = Memory::new();
        tables.write(Row {
            table: Table::File,
            key: hash.as_bytes().to_vec(),
            value: Some(file.clone()),
        });
        let last = LastRules::default();
        let first = last.of(&hash, &tables).unwrap().unwrap();
        // Also where the file is not to be had any more.
        let again = last.of(&hash, &Memory::new()).unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(last.of(&other, &tables), Ok(None));
    }
}
