//! A whole evening, chair to press, read as a story.

#[cfg(test)]
mod evening;
