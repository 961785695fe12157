//! Both judges from outside: an outsider's against requests of a real log and its own negative
//! ones, a node's over whole random histories. And the gossip: what it remembers, and a leader that
//! shows two histories.

#[cfg(test)]
mod gossip;
#[cfg(test)]
mod history;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod litewitness;
#[cfg(test)]
mod split;
