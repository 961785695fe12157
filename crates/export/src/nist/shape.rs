//! The objects of the document, as far as a caucus fills them, in the order in which they are written.
#![expect(clippy::struct_field_names, reason = "the names are the standard's")]

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::number::Decimal;

/// The last part of a class's name; the standard writes `ElectionResults.` in front of each.
pub(super) struct Class(pub(super) &'static str);

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("ElectionResults.{}", self.0))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Report<'a> {
    #[serde(rename = "@type")]
    pub(super) class: Class,
    pub(super) format: &'static str,
    pub(super) generated_date: String,
    pub(super) issuer: String,
    pub(super) issuer_abbreviation: &'a str,
    pub(super) sequence_start: u64,
    pub(super) sequence_end: u64,
    pub(super) status: &'static str,
    pub(super) vendor_application_id: String,
    pub(super) is_test: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) test_type: Option<&'static str>,
    pub(super) notes: String,
    pub(super) external_identifier: Vec<Identifier<'a>>,
    pub(super) gp_unit: Vec<GpUnit<'a>>,
    pub(super) party: [Party<'a>; 1],
    pub(super) election: [Election<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Identifier<'a> {
    #[serde(rename = "@type")]
    pub(super) class: Class,
    pub(super) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) other_type: Option<&'static str>,
    pub(super) value: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Text<'a> {
    #[serde(rename = "@type")]
    pub(super) class: Class,
    pub(super) text: [Words<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Words<'a> {
    #[serde(rename = "@type")]
    pub(super) class: Class,
    pub(super) content: &'a str,
    pub(super) language: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GpUnit<'a> {
    #[serde(rename = "@type")]
    pub(super) class: Class,
    #[serde(rename = "@id")]
    pub(super) id: String,
    pub(super) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) other_type: Option<&'static str>,
    pub(super) name: Text<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) composing_gp_unit_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sub_units_reported: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total_sub_units: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) voters_participated: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) count_status: Vec<Status>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) external_identifier: Vec<Identifier<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Status {
    #[serde(rename = "@type")]
    pub(super) class: Class,
    pub(super) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) other_type: Option<&'static str>,
    pub(super) status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Party<'a> {
    #[serde(rename = "@type")]
    pub(super) class: Class,
    #[serde(rename = "@id")]
    pub(super) id: &'static str,
    pub(super) name: Text<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Election<'a> {
    #[serde(rename = "@type")]
    pub(super) class: Class,
    pub(super) name: Text<'a>,
    pub(super) start_date: String,
    pub(super) end_date: String,
    pub(super) r#type: &'static str,
    pub(super) other_type: &'static str,
    pub(super) election_scope_id: &'static str,
    pub(super) external_identifier: [Identifier<'a>; 1],
    pub(super) candidate: Vec<Candidate<'a>>,
    pub(super) ballot_counts: Vec<BallotCounts>,
    pub(super) contest: [Contest<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Candidate<'a> {
    #[serde(rename = "@type")]
    pub(super) class: Class,
    #[serde(rename = "@id")]
    pub(super) id: String,
    pub(super) ballot_name: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) party_id: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BallotCounts {
    #[serde(rename = "@type")]
    pub(super) class: Class,
    pub(super) gp_unit_id: String,
    pub(super) r#type: &'static str,
    pub(super) other_type: &'static str,
    pub(super) ballots_cast: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Contest<'a> {
    #[serde(rename = "@type")]
    pub(super) class: Class,
    #[serde(rename = "@id")]
    pub(super) id: &'static str,
    pub(super) name: &'a str,
    pub(super) election_district_id: &'static str,
    pub(super) votes_allowed: u64,
    pub(super) vote_variation: &'static str,
    pub(super) other_vote_variation: &'static str,
    pub(super) primary_party_ids: [&'static str; 1],
    pub(super) sub_units_reported: u64,
    pub(super) total_sub_units: u64,
    pub(super) contest_selection: Vec<Selection>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Selection {
    #[serde(rename = "@type")]
    pub(super) class: Class,
    #[serde(rename = "@id")]
    pub(super) id: String,
    pub(super) candidate_ids: [String; 1],
    pub(super) vote_counts: Vec<VoteCounts>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VoteCounts {
    #[serde(rename = "@type")]
    pub(super) class: Class,
    pub(super) gp_unit_id: String,
    pub(super) r#type: &'static str,
    pub(super) other_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) round: Option<u64>,
    pub(super) count: Decimal,
}
