//! The public log outside the cluster: archived, judged from files alone, and watched.

mod archive;
mod made;
mod monitor;
mod serve;
mod verify;
