//! Notes, keys, checkpoints and cosignatures from outside: the grammar's edges, tampering, and the
//! vectors of others.

#[cfg(test)]
mod ed25519;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod grammar;
#[cfg(test)]
mod interop;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod tampering;
