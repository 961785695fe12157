//! Making an election as people do it: at several machines, some of them offline.

#[cfg(test)]
mod ceremony;
