//! The three columns of a sheet and the one the rules put beside them, each its own type, so that one
//! cannot stand for another.
//!
//! A column maps groups to counts. Which groups a column must list is the rule file's business, and
//! the sheet as a whole is checked in `worksheet.rs`.

use alloc::collections::BTreeMap;

use crate::count::{Delegates, People};
use crate::id::GroupId;

macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident of $count:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name(BTreeMap<GroupId, $count>);

        impl $name {
            /// The column with these cells.
            pub const fn new(cells: BTreeMap<GroupId, $count>) -> Self {
                Self(cells)
            }

            /// The group's count; a group that is not listed has none.
            pub fn get(&self, group: &GroupId) -> $count {
                self.0.get(group).copied().unwrap_or_default()
            }

            /// The sum of the column.
            pub fn total(&self) -> $count {
                $count::sum(self.0.values().copied())
            }

            /// The cells, ascending by group.
            pub fn iter(&self) -> impl Iterator<Item = (&GroupId, $count)> {
                self.0.iter().map(|(group, count)| (group, *count))
            }

            /// The groups listed, ascending.
            pub fn groups(&self) -> impl Iterator<Item = &GroupId> {
                self.0.keys()
            }
        }

        impl FromIterator<(GroupId, $count)> for $name {
            fn from_iter<I: IntoIterator<Item = (GroupId, $count)>>(cells: I) -> Self {
                Self(cells.into_iter().collect())
            }
        }
    )*};
}

columns! {
    /// Group sizes before realigning.
    FirstAlignment of People;
    /// Group sizes after realigning.
    FinalAlignment of People;
    /// Delegates as the chair wrote them (R13: never altered).
    Reported of Delegates;
    /// Delegates as the rules give them, see [`crate::recomputed`].
    RecomputedAward of Delegates;
}
