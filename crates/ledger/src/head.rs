//! How a head takes another's place: what is settled for the old one does not hold for the new.

use caucus::{FindingCode, Rules, Unit, Worksheet};
use merkle::LeafIndex;

use crate::assess;
use crate::draft::Draft;
use crate::gate;
use crate::intake::Stop;
use crate::rows::{self, HeadRow, SheetRow};
use crate::tables::{Fault, Table, Tables};
use crate::view::RivalStanding;

/// Which rivals are compared with the new head as if they had just come. The others hold the unit
/// if they ever differed from a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookedAt {
    /// Those that a reviewer has accepted the old head in spite of.
    Accepted,
    /// All: who made the new head had the records before them.
    All,
}

/// A change of heads.
#[derive(Debug)]
pub(crate) struct Change<'c> {
    pub(crate) unit: &'c Unit,
    pub(crate) rules: &'c Rules,
    /// What stands for the unit so far.
    pub(crate) before: SheetRow,
    /// The new head; none leaves the unit silent.
    pub(crate) head: Option<HeadRow>,
    /// The new head's figures, where the caller has them at hand.
    pub(crate) figures: Option<&'c Worksheet>,
    /// The leaf that does it.
    pub(crate) by: LeafIndex,
    pub(crate) looked_at: LookedAt,
}

impl Change<'_> {
    /// Puts the new head in the old one's place and settles the unit.
    pub(crate) fn apply<T: Tables>(self, draft: &mut Draft<'_, T>) -> Result<(), Stop> {
        self.compare_anew(draft)?;
        let before = self.before;
        // Only now is it known whether anybody saw the old figures; a first head costs no look.
        let shown = match before.head() {
            Some(old) => gate::was_shown(draft, self.unit, old.index)?,
            None => false,
        };
        let lifted = before.settled_by(FindingCode::HeldByReview);
        let after = SheetRow {
            head: self.head,
            // A question was asked about the old head, and ends with it; a hold ends when a
            // reviewer says so.
            kept: before
                .kept
                .filter(|kept| lifted.is_none_or(|by| by < *kept)),
            changed_after: if shown {
                Some(self.by)
            } else {
                before.changed_after
            },
            ..SheetRow::default()
        };
        assess::settle(draft, self.unit, self.rules, after, self.figures)
    }

    fn compare_anew<T: Tables>(&self, draft: &mut Draft<'_, T>) -> Result<(), Fault> {
        let until = match self.looked_at {
            LookedAt::All => Some(self.by),
            LookedAt::Accepted => self.before.settled_by(FindingCode::RivalDiffers),
        };
        let Some(until) = until else {
            return Ok(());
        };
        for (index, mut rival) in rows::rivals(draft, &self.unit.id)? {
            if index < until && rival.standing == RivalStanding::Differs {
                rival.standing = RivalStanding::Agrees;
                let key = rows::unit_number_key(&self.unit.id, index);
                draft.put(Table::Rival, key, rival.encode());
            }
        }
        Ok(())
    }
}
