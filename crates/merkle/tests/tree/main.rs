//! The tree from outside: by its properties, against a second implementation, and by the vectors of
//! others.

#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tiles;
#[cfg(test)]
mod vectors;
