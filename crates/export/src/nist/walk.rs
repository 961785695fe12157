//! One pass over a document of any shape: its ids, its references, and what says `other`.
//!
//! The official schema names the classes that a reference may point to, but no validator looks at
//! that, nor at whether the id exists, is used twice, or says what it is other than.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// What one pass finds.
#[derive(Default)]
pub(super) struct Walk<'a> {
    /// Ids with their classes, in the order of the document.
    pub(super) ids: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// References, in the order of the document.
    pub(super) references: Vec<Reference<'a>>,
    /// Objects whose `Other…` does not fit, by class and field.
    pub(super) others: Vec<(String, Other)>,
    /// Names that stand twice in one object.
    pub(super) doubles: Vec<String>,
}

/// One reference.
pub(super) struct Reference<'a> {
    /// The class it is in.
    pub(super) class: Cow<'a, str>,
    /// The field.
    pub(super) field: Cow<'a, str>,
    /// The id it names.
    pub(super) to: Cow<'a, str>,
}

/// How an `Other…` does not fit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Other {
    /// The field says `other`, and nothing says what.
    Missing,
    /// The field says something, and an `Other…` says something else.
    Unasked,
}

/// Fields beside which an `Other…` may stand.
const OTHERS: [(&str, &str); 2] = [
    ("Type", "OtherType"),
    ("VoteVariation", "OtherVoteVariation"),
];

/// The classes that a field of this name refers to; none where it is no reference.
pub(super) fn refers_to(field: &str) -> Option<&'static [&'static str]> {
    Some(match field {
        "ComposingGpUnitIds" | "GpUnitId" | "GpUnitIds" | "PartyScopeGpUnitIds" => {
            &["ReportingUnit", "ReportingDevice"]
        }
        "ElectionDistrictId" | "ElectionScopeId" => &["ReportingUnit"],
        "CandidateId" | "CandidateIds" => &["Candidate"],
        "ContestId" | "ContestIds" => &[
            "CandidateContest",
            "PartyContest",
            "BallotMeasureContest",
            "RetentionContest",
        ],
        "OrderedContestSelectionIds" => &[
            "CandidateSelection",
            "PartySelection",
            "BallotMeasureSelection",
        ],
        "EndorsementPartyIds" | "PartyId" | "PartyIds" | "PrimaryPartyIds" => {
            &["Party", "Coalition"]
        }
        "AuthorityIds"
        | "ElectionOfficialPersonIds"
        | "LeaderPersonIds"
        | "OfficeHolderPersonIds"
        | "PersonId" => &["Person"],
        "OfficeId" | "OfficeIds" => &["Office"],
        "HeaderId" => &["Header"],
        _ => return None,
    })
}

/// Walks a document.
pub(super) fn walk(bytes: &[u8]) -> Result<Walk<'_>, serde_json::Error> {
    let mut walk = Walk::default();
    let mut document = serde_json::Deserializer::from_slice(bytes);
    Node(&mut walk).deserialize(&mut document)?;
    document.end()?;
    Ok(walk)
}

/// What a value leaves with the object it is in.
enum Left<'a> {
    Nothing,
    Text(Cow<'a, str>),
    Texts(Vec<Cow<'a, str>>),
}

struct Node<'w, 'a>(&'w mut Walk<'a>);

impl<'a> DeserializeSeed<'a> for Node<'_, 'a> {
    type Value = Left<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Left<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Node<'_, 'a> {
    type Value = Left<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Left<'a>, E> {
        Ok(Left::Nothing)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Left<'a>, E> {
        Ok(Left::Nothing)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Left<'a>, E> {
        Ok(Left::Nothing)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Left<'a>, E> {
        Ok(Left::Nothing)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Left<'a>, E> {
        Ok(Left::Nothing)
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Left<'a>, E> {
        Ok(Left::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Left<'a>, E> {
        Ok(Left::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Left<'a>, A::Error> {
        let mut texts = Vec::new();
        while let Some(item) = list.next_element_seed(Node(self.0))? {
            match item {
                Left::Text(text) => texts.push(text),
                Left::Nothing | Left::Texts(_) => {}
            }
        }
        Ok(Left::Texts(texts))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Left<'a>, A::Error> {
        let mut fields: Vec<(Cow<'a, str>, Left<'a>)> = Vec::new();
        while let Some(Left::Text(name)) = map.next_key_seed(Node(self.0))? {
            let value = map.next_value_seed(Node(self.0))?;
            if fields.iter().any(|(other, _)| *other == name) {
                self.0.doubles.push(name.to_string());
            }
            fields.push((name, value));
        }
        self.0.object(fields);
        Ok(Left::Nothing)
    }
}

impl<'a> Walk<'a> {
    fn object(&mut self, fields: Vec<(Cow<'a, str>, Left<'a>)>) {
        let text = |name: &str| {
            fields.iter().find_map(|(field, value)| match value {
                Left::Text(text) if field == name => Some(text.clone()),
                Left::Text(_) | Left::Nothing | Left::Texts(_) => None,
            })
        };
        let class = text("@type").unwrap_or_default();
        let class = match class {
            Cow::Borrowed(class) => Cow::Borrowed(class.trim_start_matches("ElectionResults.")),
            Cow::Owned(class) => {
                Cow::Owned(class.trim_start_matches("ElectionResults.").to_owned())
            }
        };
        for (field, other) in OTHERS {
            let found = match (text(field).as_deref(), text(other)) {
                (Some("other"), None) => Some(Other::Missing),
                (Some("other"), Some(what)) if what.trim().is_empty() => Some(Other::Missing),
                (Some("other"), Some(_)) | (_, None) => None,
                (_, Some(_)) => Some(Other::Unasked),
            };
            self.others
                .extend(found.map(|found| (format!("{class}.{other}"), found)));
        }
        if let Some(id) = text("@id") {
            self.ids.push((id, class.clone()));
        }
        for (field, value) in fields {
            if refers_to(&field).is_none() {
                continue;
            }
            let targets = match value {
                Left::Nothing => Vec::new(),
                Left::Text(text) => vec![text],
                Left::Texts(texts) => texts,
            };
            self.references
                .extend(targets.into_iter().map(|to| Reference {
                    class: class.clone(),
                    field: field.clone(),
                    to,
                }));
        }
    }
}
