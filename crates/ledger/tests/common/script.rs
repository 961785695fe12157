//! Night scripts: one command a line and what becomes of it at the line's end.
//!
//! ```text
//! # anything                                       a comment
//! <unit> submit <id> <counts…> <option…>           -> <outcome>      made, signed and sent
//! <unit> draft  <id> <counts…> <option…>                             made and kept
//! <unit> send   <id>                               -> <outcome>      a kept note, or one sent before
//! <unit> attest <id> <counts…, or - for a cell> <option…> -> <outcome>
//! <key>  revoke|enrol <id> <option…>               -> <outcome>
//! <unit> review <id> of=<id> accept=<codes>|take=<id>|ask|hold -> <outcome>
//! <unit> void|dispute|answer <id> of=<id> <option…> -> <outcome>
//! <unit> recanvass|recount <id> <counts…> [adopt]  -> <outcome>
//! <all, county:<id> or unit> publish|hold <id>     -> <outcome>
//! -      roster <id> add=|close=|merge=|withdraw=  -> <outcome>
//! -      close|activate <id>                       -> <outcome>
//! <unit> is                                        -> <standing> <facts…>
//! <unit> has                                       -> <records beside its head> <findings>
//! <unit> went                                      -> <leaf>:<what it did> …
//! night  is                                        -> <facts…>
//! ```
//! A sheet is the counts of the first four groups, in both alignments, with the delegates that the
//! rules award. Options: `of=<id>` the report it corrects, `seq=<n>`, `by=<key+key>`,
//! `channel=<word>`, `voucher=<n>`, `photo`, `fewer` (a group is left out), `attendees=<n>`,
//! `earlier=<word>`, `replaces=<key>`, `role=<word>`, `unit=<unit>`.

mod acts;
mod answers;

use std::collections::BTreeMap;

use note::SignedNote;
use receipt::Header;

use super::Night;
use super::election::{self, Election};
use answers::told;

/// Runs a script; the panic names the lines that did not come out as it says.
pub(crate) fn run(script: &str) {
    let election = Election::new("night");
    let mut stage = Stage {
        night: Night::of(&election),
        election,
        notes: BTreeMap::new(),
    };
    let mut wrong = Vec::new();
    for (number, line) in (1..).zip(script.lines()) {
        let line = line.split('#').next().unwrap().trim();
        if line.is_empty() {
            continue;
        }
        let (command, expected) = match line.split_once("->") {
            Some((command, expected)) => (command.trim(), Some(expected.trim())),
            None => (line, None),
        };
        let found = stage.play(command);
        if found.as_deref() != expected {
            let found = found.unwrap_or_default();
            wrong.push(format!("line {number}: {command}\n    -> {found}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "these lines came out otherwise:\n{}",
        wrong.join("\n")
    );
}

struct Stage {
    night: Night,
    election: Election,
    /// Notes by unit and id.
    notes: BTreeMap<(String, String), SignedNote>,
}

/// The words of a line behind subject and act.
struct Words<'s> {
    id: &'s str,
    counts: Vec<&'s str>,
    flags: Vec<&'s str>,
    options: BTreeMap<&'s str, &'s str>,
}

impl<'s> Words<'s> {
    fn of(words: &[&'s str]) -> Self {
        let (id, rest) = words
            .split_first()
            .map_or(("", words), |(id, rest)| (*id, rest));
        let is_count = |word: &&&str| **word == "-" || word.bytes().all(|b| b.is_ascii_digit());
        Self {
            id,
            counts: rest.iter().filter(is_count).copied().collect(),
            flags: rest
                .iter()
                .filter(|word| !word.contains('='))
                .copied()
                .collect(),
            options: rest
                .iter()
                .filter_map(|word| word.split_once('='))
                .collect(),
        }
    }

    fn option(&self, name: &str) -> Option<&'s str> {
        self.options.get(name).copied()
    }

    fn signers(&self, default: &str) -> Vec<String> {
        self.option("by")
            .unwrap_or(default)
            .split('+')
            .map(str::to_string)
            .collect()
    }
}

impl Stage {
    /// The header of a note: its id stands for the word and the subject together.
    fn header(&self, subject: &str, words: &Words<'_>) -> Header {
        self.election.header(&format!("{subject} {}", words.id))
    }

    fn play(&mut self, command: &str) -> Option<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let [subject, act, rest @ ..] = words.as_slice() else {
            panic!("a line needs a subject and an act: `{command}`");
        };
        let words = Words::of(rest);
        match *act {
            "is" if *subject == "night" => Some(self.night_is()),
            "is" => Some(self.unit_is(subject)),
            "has" => Some(self.unit_has(subject)),
            "went" => Some(self.unit_went(subject)),
            "send" => {
                let note = self.notes[&((*subject).to_string(), words.id.to_string())].clone();
                Some(self.send(&note))
            }
            act => {
                let note = self.note(subject, act, &words);
                let told = (act != "draft").then(|| self.send(&note));
                // A refused note is not what its id stands for.
                if !told
                    .as_ref()
                    .is_some_and(|told| told.starts_with("refused"))
                {
                    self.notes
                        .insert(((*subject).to_string(), words.id.to_string()), note);
                }
                told
            }
        }
    }

    fn send(&mut self, note: &SignedNote) -> String {
        let outcome = self.night.apply(&election::command(note));
        told(&outcome)
    }
}
