//! What a party published about a unit, beside what a chair reported.

use std::collections::BTreeMap;

use caucus::GroupId;

/// One unit's published figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The id in the party's feed.
    pub precinct_id: String,
    /// The stamp of the batch that first showed the unit, as published.
    pub batch_utc: String,
    /// By group, every group of the rules.
    pub cells: BTreeMap<GroupId, PublishedCell>,
}

/// One group's published figures in one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedCell {
    /// First alignment.
    pub first: u64,
    /// Final alignment.
    pub last: u64,
    /// State delegate equivalents with four decimals, as [`caucus::Sde::decimal`] writes them.
    pub sde: String,
}
