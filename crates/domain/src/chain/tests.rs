//! What is told of the statements of one day, of several, and of none.

use proptest::prelude::*;

use super::*;

/// A statement that ends on a day of November at an hour: opening, closing, entries.
fn stated(
    id: &str,
    (opening, closing): (i128, i128),
    entries: i64,
    (day, hour): (u32, u32),
) -> Stated {
    let end = NaiveDate::from_ymd_opt(2026, 11, day).expect("a day");
    let through = end.and_hms_opt(hour, 0, 0).expect("a time").and_utc();
    let (id, subject) = (id.to_owned(), id.to_owned());
    Stated { id, subject, opening, closing, entries, through, end }
}

/// An entry of a day, with the statements that name it.
fn entry(amount: i128, day: u32, names: &[&str]) -> Booked {
    let day = NaiveDate::from_ymd_opt(2026, 11, day).expect("a day");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let own = !names.is_empty();
    Booked { names, own, day, entries: 1, total: amount }
}

/// What is told: the statement, entries and money too many, and what it does not follow.
fn told(chain: &Chain) -> Vec<String> {
    let id = |at: usize| chain.stated[at].id.clone();
    let mut told = Vec::new();
    for placed in &chain.placed {
        let own = placed.own();
        if own != Count::default() {
            told.push(format!("{} {} {}", id(placed.at), own.entries, own.total));
        }
        if let Some(before) = placed.gap_to {
            told.push(format!("{} gap to {}", id(placed.at), id(before)));
        }
    }
    told.extend(
        chain
            .missing()
            .into_iter()
            .map(|(name, (count, _))| format!("{name} missing {} {}", count.entries, count.total)),
    );
    told.extend(chain.copies.keys().map(|copy| format!("{} double", id(*copy))));
    told
}

fn none() -> Vec<String> {
    Vec::new()
}

/// The day's statement names what the intraday report names, and more.
fn day(with: &[usize]) -> Vec<Booked> {
    let all = [
        entry(10, 26, &["052-1", "052-2", "053-1"]),
        entry(20, 26, &["052-2", "053-1"]),
        entry(5, 26, &["053-1"]),
        entry(-3, 27, &["053-2"]),
    ];
    with.iter().map(|at| all[*at].clone()).collect()
}

fn reports() -> Vec<Stated> {
    vec![
        stated("053-0", (0, 100), 0, (25, 23)),
        stated("052-1", (100, 110), 1, (26, 10)),
        stated("052-2", (100, 130), 2, (26, 12)),
        stated("053-1", (100, 135), 3, (26, 23)),
        stated("053-2", (135, 132), 1, (27, 23)),
    ]
}

/// What stands before, which nothing is held against.
fn opened(mut booked: Vec<Booked>) -> Vec<Booked> {
    booked.push(Booked { entries: 0, ..entry(100, 25, &["053-0"]) });
    booked
}

#[test]
fn reports_that_grow_over_the_day_are_no_difference() {
    let all = opened(day(&[0, 1, 2, 3]));
    assert_eq!(told(&Chain::of(reports(), all.clone())), none());
    // Whichever of them never came.
    for missing in ["052-1", "052-2", "053-1"] {
        let mut some = reports();
        some.retain(|one| one.id != missing);
        let told = told(&Chain::of(some, all.clone()));
        let gone = missing == "053-1";
        // What only that named is told of as well.
        let expected = if gone { vec!["053-2 gap to 052-2", "053-1 missing 1 5"] } else { vec![] };
        assert_eq!(told, expected, "without {missing}");
    }
}

#[test]
fn what_is_missing_is_told_once() {
    for (missing, expected) in [
        (0, vec!["052-1 -1 -10"]),
        (1, vec!["052-2 -1 -20"]),
        (2, vec!["053-1 -1 -5"]),
        (3, vec!["053-2 -1 3"]),
    ] {
        let rest: Vec<usize> = (0..4).filter(|at| *at != missing).collect();
        assert_eq!(told(&Chain::of(reports(), opened(day(&rest)))), expected, "{missing}");
    }
    let two = told(&Chain::of(reports(), opened(day(&[1, 3]))));
    assert_eq!(two, ["052-1 -1 -10", "053-1 -1 -5"]);
}

#[test]
fn reports_that_continue_each_other_are_no_difference() {
    let all = vec![
        entry(10, 26, &["i1", "053"]),
        entry(20, 26, &["i2", "053"]),
        entry(0, 26, &["i2", "053"]),
        entry(5, 26, &["053"]),
    ];
    let reports = vec![
        stated("i1", (100, 110), 1, (26, 10)),
        stated("i2", (110, 130), 2, (26, 12)),
        stated("053", (100, 135), 4, (26, 23)),
        stated("next", (135, 135), 0, (27, 23)),
    ];
    assert_eq!(told(&Chain::of(reports.clone(), all.clone())), none());
    for (missing, expected) in [
        (0, vec!["i1 -1 -10"]),
        (1, vec!["i2 -1 -20"]),
        (2, vec!["i2 -1 0"]),
        (3, vec!["053 -1 -5"]),
    ] {
        let mut rest = all.clone();
        rest.remove(missing);
        assert_eq!(told(&Chain::of(reports.clone(), rest)), expected);
    }
}

/// An entry of an intraday report that the day's statement does not have, though what it says adds
/// up by itself.
#[test]
fn what_only_the_report_has_is_told() {
    let booked = vec![entry(10, 26, &["052", "053"]), entry(20, 26, &["052"])];
    let mut reports =
        vec![stated("052", (100, 130), 2, (26, 12)), stated("053", (100, 110), 1, (26, 23))];
    reports.push(stated("next", (110, 110), 0, (27, 23)));
    assert_eq!(told(&Chain::of(reports.clone(), booked.clone())), ["053 1 20"]);
    // Where only new entries are delivered with the day's statement, it has the others all the
    // same.
    let booked = vec![entry(10, 26, &["052"]), entry(20, 26, &["052"]), entry(5, 26, &["053"])];
    reports[1] = stated("053", (100, 135), 3, (26, 23));
    reports[2] = stated("next", (135, 135), 0, (27, 23));
    assert_eq!(told(&Chain::of(reports, booked)), none());
}

/// A report that is written after the statement of its day, and one that says the same.
#[test]
fn a_report_after_the_statement_lies_inside_it() {
    let booked = vec![
        entry(10, 26, &["053", "052"]),
        entry(20, 26, &["053", "052"]),
        entry(5, 26, &["053"]),
    ];
    let next = stated("next", (135, 135), 0, (27, 23));
    for (hour, last) in [(22, true), (22, false), (23, true), (23, false)] {
        let mut reports =
            vec![stated("053", (100, 135), 3, (26, 22)), stated("052", (100, 130), 2, (26, hour))];
        reports.extend(last.then(|| next.clone()));
        assert_eq!(told(&Chain::of(reports, booked.clone())), none(), "{hour} {last}");
    }
    let all = vec![entry(10, 26, &["053", "052"]), entry(25, 26, &["052", "053"])];
    let same = vec![
        stated("052", (100, 135), 2, (26, 23)),
        stated("053", (100, 135), 2, (26, 23)),
        next.clone(),
    ];
    assert_eq!(told(&Chain::of(same.clone(), all)), none());
    // Nothing names the second: it was sent twice.
    let all = vec![entry(10, 26, &["052"]), entry(25, 26, &["052"])];
    assert_eq!(told(&Chain::of(same, all)), ["053 double"]);
}

/// Entries that name no statement are of the day, whichever of its reports has them.
#[test]
fn what_names_no_statement_is_held_against_the_last_of_its_day() {
    let all = vec![entry(10, 26, &[]), entry(20, 26, &[]), entry(5, 26, &[]), entry(7, 27, &[])];
    let next = stated("next", (135, 142), 1, (27, 23));
    let grow =
        vec![stated("052-1", (100, 110), 1, (26, 10)), stated("052-2", (100, 130), 2, (26, 12))];
    let go_on = vec![stated("i1", (100, 110), 1, (26, 10)), stated("i2", (110, 130), 2, (26, 12))];
    let whole = || stated("053", (100, 135), 3, (26, 23));
    let rest = || stated("i3", (130, 135), 0, (26, 23));
    for (mut reports, last, name) in [(grow, whole(), "053"), (go_on.clone(), whole(), "053")] {
        reports.extend([last, next.clone()]);
        let mut all = all.clone();
        if name == "053" && reports[0].id == "i1" {
            reports[1].entries = 1;
        }
        assert_eq!(told(&Chain::of(reports.clone(), all.clone())), none());
        all.remove(1);
        assert_eq!(told(&Chain::of(reports, all)), [format!("{name} -1 -20")]);
    }
    let mut reports = go_on;
    reports.extend([rest(), next]);
    assert_eq!(told(&Chain::of(reports.clone(), all.clone())), none());
    let mut some = all;
    some.remove(0);
    assert_eq!(told(&Chain::of(reports, some)), ["i3 -1 -10"]);
}

/// A balance that comes again is no sign by itself: an account that is swept each day opens with
/// nothing each day.
#[test]
fn a_balance_that_comes_again_covers_nothing_by_itself() {
    let swept = |id: &str, day| stated(id, (0, 0), 2, (day, 23));
    let of = |id: &'static str, day| [entry(9, day, &[id]), entry(-9, day, &[id])];
    let all: Vec<Booked> = [of("D1", 2), of("D2", 3), of("D3", 4)].concat();
    let days = vec![swept("D1", 2), swept("D2", 3), swept("D3", 4)];
    assert_eq!(told(&Chain::of(days.clone(), all.clone())), none());
    let mut month = days.clone();
    month.push(stated("M", (0, 0), 6, (4, 23)));
    assert_eq!(told(&Chain::of(month, all.clone())), none());
    let mut some = all;
    some.remove(3);
    assert_eq!(told(&Chain::of(days, some)), ["D2 -1 9"]);
    // A statement is missing, and the balance is one of before.
    let booked = vec![entry(50, 2, &["A"]), entry(50, 3, &["B"]), entry(-30, 6, &["D"])];
    let gone = vec![
        stated("A", (50, 100), 1, (2, 23)),
        stated("B", (100, 150), 1, (3, 23)),
        stated("D", (100, 70), 1, (6, 23)),
    ];
    assert_eq!(told(&Chain::of(gone, booked)), ["D gap to B"]);
}

proptest! {
    /// Days of entries with reports that grow or go on, each entry named by all that have it: no
    /// difference. Without any one entry there is exactly that one, in number and in money.
    #[test]
    fn one_missing_entry_is_one_difference(
        days in prop::collection::vec(
            (prop::collection::vec((-50_i128..50, prop::bool::weighted(0.8)), 0..6), any::<bool>()),
            1..8,
        ),
        month in any::<bool>(),
        pick in any::<prop::sample::Index>(),
    ) {
        let (mut reports, mut all, mut balance) = (Vec::new(), Vec::new(), 1_000_000);
        let opening = balance;
        for (number, (entries, grows)) in days.iter().enumerate() {
            let day = u32::try_from(number).expect("few") + 1;
            // No balance comes again: such are tried above.
            let entries: Vec<i128> =
                entries.iter().map(|(amount, up)| if *up { 1000 + amount } else { 999 }).collect();
            let (whole, opens) = (format!("D{day}"), balance);
            for (at, amount) in entries.iter().enumerate() {
                let closes = balance + amount;
                let report = format!("R{day}-{at}");
                let hour = u32::try_from(at).expect("few") + 8;
                let count = i64::try_from(at).expect("few") + 1;
                let sums = if *grows { (opens, closes) } else { (balance, closes) };
                let count = if *grows { count } else { 1 };
                reports.push(stated(&report, sums, count, (day, hour)));
                let last = if *grows { entries.len() } else { at + 1 };
                let named = (at..last).map(|at| format!("R{day}-{at}"));
                let named: Vec<String> = named.chain([whole.clone()]).collect();
                let named: Vec<&str> = named.iter().map(String::as_str).collect();
                all.push(entry(*amount, day, &named));
                balance = closes;
            }
            let count = i64::try_from(entries.len()).expect("few");
            reports.push(stated(&whole, (opens, balance), count, (day, 23)));
        }
        if month && days.len() > 1 {
            let count = i64::try_from(all.len()).expect("few");
            let day = u32::try_from(days.len()).expect("few");
            // One that says what the last day says would be that one, sent twice.
            let whole = stated("M", (opening, balance), count, (day, 23));
            let of = |one: &Stated| (one.opening, one.closing, one.entries);
            let last = reports.last().map(of);
            reports.extend((last != Some(of(&whole))).then_some(whole));
        }
        prop_assert_eq!(told(&Chain::of(reports.clone(), all.clone())), none());
        if !all.is_empty() {
            let gone = all.remove(pick.index(all.len()));
            let chain = Chain::of(reports, all);
            let own: Vec<Count> = chain.placed.iter().map(Placed::own).collect();
            let sum = own.iter().copied().fold(Count::default(), Count::plus);
            prop_assert_eq!(sum, Count::default().minus(Count::of(&gone)), "{:?}", told(&chain));
            prop_assert_eq!(told(&chain).len(), 1, "{:?}", told(&chain));
        }
    }
}
