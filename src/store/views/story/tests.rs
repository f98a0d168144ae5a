//! Who acted and why, and what a later act overtakes.

use super::*;

#[test]
fn who_and_why_are_read_from_what_is_kept() {
    let of = |text: Option<&str>| by_whom(text);
    assert_eq!(of(Some("by alice: other")), ("alice".to_owned(), Some("other".to_owned())));
    assert_eq!(of(Some("by alice")), ("alice".to_owned(), None));
    assert_eq!(of(Some("AC04")), (SOMEBODY.to_owned(), Some("AC04".to_owned())));
    assert_eq!(of(None), (SOMEBODY.to_owned(), None));
}

#[test]
fn a_decision_before_a_persons_act_does_not_hold() {
    let at = |second| At(chrono::DateTime::from_timestamp(second, 0).expect("instant"));
    // What a payer writes is never taken for what happened.
    let said = "5.00 SGD booked on 2026-11-22 from …e, text: asked to put it: applied";
    let mut steps = vec![
        step(at(1), StepKind::Came, "the bank", said.to_owned()),
        step(at(1), StepKind::Decision, "rule R15", "nothing".to_owned()),
        step(at(2), StepKind::Request, "bob", "asked to assign it: rejected, x".to_owned()),
    ];
    overtaken(&mut steps);
    assert!(steps.iter().all(|step| step.current));
    steps.push(step(at(3), StepKind::Command, "bob", "assigned it to a customer".to_owned()));
    overtaken(&mut steps);
    assert!(!steps[1].current && steps[0].current);
}
