//! The document as a reader sees it: the parts that we read, whoever wrote it.
//!
//! What may be absent is empty or none here. A number is kept as its digits.
#![expect(clippy::struct_field_names, reason = "the names are the standard's")]

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

type Word<'a> = Cow<'a, str>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct File<'a> {
    #[serde(borrow)]
    pub(super) generated_date: Word<'a>,
    #[serde(borrow)]
    pub(super) issuer: Word<'a>,
    #[serde(borrow)]
    pub(super) status: Word<'a>,
    #[serde(borrow)]
    pub(super) vendor_application_id: Word<'a>,
    pub(super) is_test: Option<bool>,
    #[serde(borrow, default)]
    pub(super) test_type: Word<'a>,
    #[serde(default)]
    pub(super) external_identifier: Vec<Identifier<'a>>,
    #[serde(default)]
    pub(super) gp_unit: Vec<GpUnit<'a>>,
    #[serde(default)]
    pub(super) election: Vec<Election<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Identifier<'a> {
    #[serde(borrow, default)]
    pub(super) r#type: Word<'a>,
    #[serde(borrow, default)]
    pub(super) other_type: Word<'a>,
    #[serde(borrow, default)]
    pub(super) value: Word<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Text<'a> {
    #[serde(default, borrow)]
    text: Vec<Words<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Words<'a> {
    #[serde(borrow)]
    content: Word<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GpUnit<'a> {
    #[serde(rename = "@id", borrow)]
    pub(super) id: Word<'a>,
    #[serde(borrow, default)]
    pub(super) r#type: Word<'a>,
    #[serde(borrow, default)]
    pub(super) other_type: Word<'a>,
    #[serde(default)]
    pub(super) name: Text<'a>,
    #[serde(default)]
    pub(super) composing_gp_unit_ids: Vec<Word<'a>>,
    pub(super) sub_units_reported: Option<u64>,
    pub(super) total_sub_units: Option<u64>,
    pub(super) voters_participated: Option<u64>,
    #[serde(default)]
    pub(super) count_status: Vec<Status<'a>>,
    #[serde(default)]
    pub(super) external_identifier: Vec<Identifier<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Status<'a> {
    #[serde(borrow, default)]
    pub(super) r#type: Word<'a>,
    #[serde(borrow, default)]
    pub(super) other_type: Word<'a>,
    #[serde(borrow, default)]
    pub(super) status: Word<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Election<'a> {
    #[serde(default)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) start_date: Word<'a>,
    #[serde(borrow)]
    pub(super) end_date: Word<'a>,
    #[serde(borrow, default)]
    pub(super) election_scope_id: Word<'a>,
    #[serde(default)]
    pub(super) external_identifier: Vec<Identifier<'a>>,
    #[serde(default)]
    pub(super) candidate: Vec<Candidate<'a>>,
    #[serde(default)]
    pub(super) ballot_counts: Vec<BallotCounts<'a>>,
    #[serde(default)]
    pub(super) contest: Vec<Contest<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Candidate<'a> {
    #[serde(rename = "@id", borrow)]
    pub(super) id: Word<'a>,
    #[serde(default)]
    pub(super) ballot_name: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BallotCounts<'a> {
    #[serde(borrow)]
    pub(super) gp_unit_id: Word<'a>,
    #[serde(borrow, default)]
    pub(super) r#type: Word<'a>,
    #[serde(borrow, default)]
    pub(super) other_type: Word<'a>,
    #[serde(borrow)]
    pub(super) ballots_cast: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Contest<'a> {
    #[serde(rename = "@id", borrow)]
    pub(super) id: Word<'a>,
    #[serde(borrow, default)]
    pub(super) election_district_id: Word<'a>,
    pub(super) sub_units_reported: Option<u64>,
    pub(super) total_sub_units: Option<u64>,
    #[serde(default)]
    pub(super) contest_selection: Vec<Selection<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Selection<'a> {
    #[serde(rename = "@id", borrow)]
    pub(super) id: Word<'a>,
    #[serde(default)]
    pub(super) candidate_ids: Vec<Word<'a>>,
    #[serde(default)]
    pub(super) vote_counts: Vec<VoteCounts<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VoteCounts<'a> {
    #[serde(borrow)]
    pub(super) gp_unit_id: Word<'a>,
    #[serde(borrow, default)]
    pub(super) r#type: Word<'a>,
    #[serde(borrow, default)]
    pub(super) other_type: Word<'a>,
    #[serde(borrow)]
    pub(super) count: &'a RawValue,
}

impl Text<'_> {
    /// The first wording.
    pub(super) fn content(&self) -> &str {
        self.text.first().map_or("", |words| words.content.as_ref())
    }
}

/// The value of the identifier with this `OtherType`.
pub(super) fn identified<'a>(list: &'a [Identifier<'_>], kind: &str) -> Option<&'a str> {
    list.iter()
        .find(|one| one.r#type == "other" && one.other_type == kind)
        .map(|one| one.value.as_ref())
}
