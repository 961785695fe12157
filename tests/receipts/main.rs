//! Receipts by the numbers: what a flipped bit does to each kind of file, how large receipts are, and what
//! checking one costs. Each test prints its figures; `./ops/test --only receipts` shows them.

#[cfg(test)]
mod cost;
#[cfg(test)]
mod flips;
#[cfg(test)]
mod log;
#[cfg(test)]
mod sizes;
