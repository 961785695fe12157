//! Both judges from outside: an outsider's against requests of a real log and its own negative
//! ones, a node's over whole random histories.

#[cfg(test)]
mod history;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod litewitness;
