//! The questions answered by a script.

use std::collections::VecDeque;

use caucus::TieKind;

use super::*;

/// Answers by the beginning of the question; a number that is not scripted is 0.
#[derive(Default)]
struct Script {
    numbers: Vec<(&'static str, i64)>,
    choices: VecDeque<usize>,
    asked: Vec<String>,
    said: Vec<String>,
}

impl Questions for Script {
    fn number(&mut self, question: &str, before: Option<i64>) -> Outcome<i64> {
        self.asked.push(question.to_owned());
        let scripted = self
            .numbers
            .iter()
            .find(|(start, _)| question.starts_with(start));
        Ok(scripted.map_or_else(|| before.unwrap_or(0), |(_, answer)| *answer))
    }

    fn cell(&mut self, question: &str) -> Outcome<Cell> {
        Ok(match self.number(question, None)? {
            -1 => Cell::Unreadable(Dash::Dash),
            number => Cell::Number(number),
        })
    }

    fn choose(&mut self, question: &str, choices: &[String]) -> Outcome<usize> {
        self.asked.push(format!("{question} {}", choices.join("/")));
        self.choices
            .pop_front()
            .ok_or_else(|| Failure::new(Exit::Interrupted, "stopped"))
    }

    fn say(&mut self, text: &str) {
        self.said.push(text.to_owned());
    }
}

fn unit(delegates: u64) -> Unit {
    Unit::parse_line(&format!("unit P-1 precinct C {delegates} One")).unwrap()
}

/// 50 people and 5 delegates: two groups of 25 have 2.5 each, both round up to 3, and one gives up.
fn tied() -> Script {
    Script {
        numbers: vec![
            ("people present", 50),
            ("first alignment, Joe Biden", 25),
            ("first alignment, Elizabeth Warren", 25),
            ("final alignment, Joe Biden", 25),
            ("final alignment, Elizabeth Warren", 25),
            ("delegates, Joe Biden", 3),
            ("delegates, Elizabeth Warren", 2),
        ],
        ..Script::default()
    }
}

fn ask(script: &mut Script, typed: RawWorksheet) -> (Outcome<RawWorksheet>, Vec<RawWorksheet>) {
    let mut kept = Vec::new();
    let rules = Rules::iowa_2020();
    let sheet = sheet(script, &unit(5), &rules, typed, |raw| {
        kept.push(raw.clone());
        Ok(())
    });
    (sheet, kept)
}

#[test]
fn a_game_of_chance_is_asked_for_when_the_rules_say_that_one_is_due() {
    let mut script = tied();
    script.choices = VecDeque::from([0, 1]);
    let (sheet, _) = ask(&mut script, RawWorksheet::default());
    let sheet = sheet.unwrap();
    let [game] = sheet.ties.as_slice() else {
        panic!("one game: {:?}", sheet.ties)
    };
    assert_eq!(game.kind, TieKind::Reduce);
    assert_eq!(
        (game.by, game.settled_for.as_str()),
        (Chance::Coin, "warren")
    );
    let worksheet = sheet.check(&unit(5), &Rules::iowa_2020()).unwrap();
    let award = caucus::award(&Rules::iowa_2020(), &unit(5), &worksheet);
    assert!(matches!(award, Award::Settled { .. }), "{award:?}");
    let heard = script.said.join("\n");
    assert!(heard.contains("a game of chance is due"), "{heard}");
    assert!(heard.contains("the award: biden 3, warren 2"), "{heard}");
}

#[test]
fn a_game_that_nobody_remembers_stays_open() {
    let mut script = tied();
    script.choices = VecDeque::from([2]);
    let (sheet, _) = ask(&mut script, RawWorksheet::default());
    assert_eq!(sheet.unwrap().ties, []);
}

#[test]
fn no_game_is_asked_for_where_none_is_due() {
    let mut script = tied();
    script.numbers = vec![
        ("people present", 50),
        ("first alignment, Joe Biden", 50),
        ("final alignment, Joe Biden", 50),
        ("delegates, Joe Biden", 5),
    ];
    let (sheet, _) = ask(&mut script, RawWorksheet::default());
    assert_eq!(sheet.unwrap().ties, []);
    assert!(
        !script
            .asked
            .iter()
            .any(|question| question.contains("settled"))
    );
}

/// The room is empty at the third question from the end: everything before is kept.
#[test]
fn every_answer_is_kept_before_the_next_question() {
    let mut script = tied();
    let (sheet, kept) = ask(&mut script, RawWorksheet::default());
    assert!(sheet.is_err(), "the script has no answer to the game");
    let last = kept.last().unwrap();
    assert_eq!(last.attendees, Some(50));
    assert_eq!(last.groups["warren"].last, Some(25));
    let groups = Rules::iowa_2020().groups().len();
    assert_eq!(kept.len(), 1 + 2 * groups);
}

#[test]
fn what_was_typed_before_is_offered_again() {
    let mut first = tied();
    first.choices = VecDeque::from([0, 1]);
    let (typed, _) = ask(&mut first, RawWorksheet::default());
    let typed = typed.unwrap();
    // Enter at every question, and the game is not asked for again.
    let mut second = Script::default();
    let (again, _) = ask(&mut second, typed.clone());
    assert_eq!(again.unwrap(), typed);
}

#[test]
fn a_game_of_other_counts_is_asked_for_anew() {
    let mut first = tied();
    first.choices = VecDeque::from([0, 1]);
    let (typed, _) = ask(&mut first, RawWorksheet::default());
    let mut second = Script {
        numbers: vec![("final alignment, Elizabeth Warren", 20)],
        ..Script::default()
    };
    let (again, _) = ask(&mut second, typed.unwrap());
    assert_eq!(again.unwrap().ties, []);
}

#[test]
fn a_second_record_is_asked_for_without_any_comparison() {
    let mut script = Script {
        numbers: vec![("people present", -1), ("delegates, Joe Biden", 3)],
        ..Script::default()
    };
    let sheet = attested(&mut script, &unit(5), &Rules::iowa_2020()).unwrap();
    assert_eq!(sheet.attendees, Some(Cell::Unreadable(Dash::Dash)));
    assert_eq!(sheet.groups["biden"].delegates, Some(Cell::Number(3)));
    assert_eq!(script.said.len(), 1);
}
