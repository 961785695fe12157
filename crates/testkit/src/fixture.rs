//! placeholder
#[derive(Debug)]
pub struct Fixture;
#[derive(Debug)]
pub struct Person;
