//! The crate from outside: what is written reads back, what is outside the grammar is refused,
//! and a receipt holds for exactly one report in one log.

#[cfg(test)]
mod compact;
#[cfg(test)]
mod elections;
#[cfg(test)]
mod files;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod leaves;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod published;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod samples;
