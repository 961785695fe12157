//! The files that operations run with, held against the programs.

#[cfg(test)]
mod alerts;
