//! Numbers in JSON, as the digits that were meant.
//!
//! `serde_json` writes a fraction by way of a float, and reads one so. A float is never near a count
//! here, so fractions are written and read as the text of the number itself (its `RawValue`). The
//! other way, the feature `arbitrary_precision`, changes what every crate of the program that uses
//! `serde_json` sees as a number; this one adds something and changes nothing.

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

/// A decimal number, written with exactly these digits.
pub(crate) struct Decimal(pub(crate) String);

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = RawValue::from_string(self.0.clone()).map_err(S::Error::custom)?;
        digits.serialize(serializer)
    }
}
