//! Real processes under faults, and at their doors. Each test has a cluster of its own and checks at its end
//! what a stranger could check.

#[cfg(test)]
mod callers;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod disaster;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod http_door;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod levels;
#[cfg(test)]
mod membership;
#[cfg(test)]
mod network;
#[cfg(test)]
mod over_http;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod public_log;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod wiped;
