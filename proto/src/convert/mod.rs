//! Wire to domain and back: the only place where the two meet. What was signed passes through as
//! bytes and is parsed by the crate that owns its format.

pub mod bundle;
pub mod refusal;
