//! A whole evening, chair to press, read as a story.

#[cfg(test)]
mod evening;
#[cfg(test)]
mod headquarters;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod laptop;
#[cfg(test)]
mod recovery;
