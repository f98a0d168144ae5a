//! How well matching does on generated payments, per operator.

use std::collections::{BTreeMap, BTreeSet};

use super::operator::Operator;
use super::record::Line;
use super::text;
use super::world::{CENT, Case, Owed, World, account, payer};
use super::{advised, listed};
use crate::domain::bank::{BankTransaction, CreditDebit, EntryStatus, ReturnOf};
use crate::domain::effect::Outcome;
use crate::domain::ids::{AccountId, BankAccountId, InvoiceId, PaymentId};
use crate::domain::model::Model;
use crate::domain::money::{Currency, Money};

/// Cases of one world; then a fresh one, so that look-ups in memory stay short.
const WORLD_CASES: usize = 400;
/// Invoices of a payment for many.
const MANY: u32 = 25;
/// Lines of a long remittance, of 80 characters each.
const ADDENDA: usize = 60;

/// How the payments of one operator ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub payments: u32,
    /// On the invoices that were meant.
    pub right: u32,
    /// On another invoice of the same customer: the balance is right, the document is not.
    pub other_document: u32,
    /// Money of one customer given to another.
    pub wrong: u32,
    pub suggested_right: u32,
    pub suggested_other: u32,
    pub parked: u32,
    /// Invoices that were meant to be paid, and those of them that were.
    pub invoices: u32,
    pub invoices_paid: u32,
    /// Counted twice, not at all, or although nothing was booked.
    pub miscounted: u32,
}

/// Per operator, in the order of [`Operator::ALL`].
pub type OperatorTallies = BTreeMap<Operator, Tally>;

/// Generates at least `payments` payments from `seed` and decides them.
///
/// # Errors
/// When deciding stopped: a bug.
pub fn measure(
    seed: u64,
    payments: u32,
    currencies: [Currency; 2],
) -> Result<OperatorTallies, String> {
    let mut report = OperatorTallies::new();
    let mut done = 0_u32;
    let mut worlds = seed;
    while done < payments {
        let mut world = World::new(worlds, currencies[0]);
        worlds = worlds.wrapping_add(0x1_0000_0001);
        for operator in Operator::ALL.into_iter().cycle().take(WORLD_CASES) {
            let case = run(&mut world, operator, currencies[1]);
            world.lines.clear();
            let tally = report.entry(operator).or_default();
            tally.miscounted = tally.miscounted.saturating_add(u32::from(case.miscounted));
            for payment in &case.payments {
                judge(&world, payment, &case, tally);
                done = done.saturating_add(1);
            }
            sound(&world, operator)?;
        }
    }
    Ok(report)
}

pub(super) fn sound(world: &World, operator: impl std::fmt::Debug) -> Result<(), String> {
    let stopped = world.model.as_ref().and_then(|model| model.stopped.as_ref());
    match (&world.refused, stopped) {
        (None, None) => Ok(()),
        (Some(refused), _) => Err(format!("{operator:?}: a record that is refused: {refused}")),
        (None, Some(stop)) => Err(format!("deciding stopped at {operator:?}: {stop:?}")),
    }
}

/// One world as it was generated, for those who want to play it elsewhere.
#[derive(Debug)]
pub struct Sample {
    pub lines: Vec<Line>,
    /// Where it ended, decided record by record at the instant [`super::NOW`].
    pub model: Model,
    pub truths: Vec<Truth>,
}

/// What a payment was meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    pub payment_id: PaymentId,
    pub operator: Operator,
    pub account_id: AccountId,
    /// Any of them is right.
    pub invoices: BTreeSet<InvoiceId>,
}

impl Case {
    pub(super) fn truths(&self, operator: Operator) -> impl Iterator<Item = Truth> {
        self.payments.iter().map(move |payment_id| Truth {
            payment_id: payment_id.clone(),
            operator,
            account_id: account(self.customer),
            invoices: self.meant.clone(),
        })
    }
}

/// The world that [`measure`] begins with, with its records.
///
/// # Errors
/// When deciding stopped: a bug.
pub fn sample(seed: u64, cases: usize, currencies: [Currency; 2]) -> Result<Sample, String> {
    let mut world = World::new(seed, currencies[0]);
    let mut truths = Vec::new();
    for operator in Operator::ALL.into_iter().cycle().take(cases) {
        let case = run(&mut world, operator, currencies[1]);
        truths.extend(case.truths(operator));
        sound(&world, operator)?;
    }
    let model = world.model.unwrap_or_default();
    Ok(Sample { lines: world.lines, model, truths })
}

pub(super) fn judge(world: &World, payment: &PaymentId, case: &Case, tally: &mut Tally) {
    let Some(model) = &world.model else { return };
    let own = account(case.customer);
    let parts = model.allocations().filter(|part| part.payment_id == *payment);
    let parts: Vec<_> = parts.collect();
    let suggested = model.last_decision(payment).and_then(|decision| {
        let together = decision.together.first().map(|together| &together.invoice);
        together.or(decision.suggestions.first())
    });
    let counter = if parts.iter().any(|part| part.account_id != own) {
        &mut tally.wrong
    } else if parts.iter().any(|part| !case.meant.contains(&part.invoice_id)) {
        &mut tally.other_document
    } else if !parts.is_empty() {
        &mut tally.right
    } else {
        match suggested {
            Some(first) if case.meant.contains(&first.invoice_id) => &mut tally.suggested_right,
            Some(_) => &mut tally.suggested_other,
            None => &mut tally.parked,
        }
    };
    *counter = counter.saturating_add(1);
    tally.payments = tally.payments.saturating_add(1);
    let paid = parts.iter().filter(|part| case.meant.contains(&part.invoice_id)).count();
    let paid = u32::try_from(paid).unwrap_or(u32::MAX).min(case.each);
    tally.invoices = tally.invoices.saturating_add(case.each);
    tally.invoices_paid = tally.invoices_paid.saturating_add(paid);
}

/// A payment of `owed` with `text`; half of them from the customer's known account.
fn paying(world: &mut World, owed: &Owed, text: Vec<String>) -> BankTransaction {
    let mut bank = world.credit(owed.micros, text);
    bank.debtor_name = world.name(owed.customer);
    if world.dice.below(2) == 0 {
        bank.debtor_account = Some(payer(owed.customer));
    }
    bank
}

/// Generates what happens to one payment, its invoices included.
pub(super) fn run(world: &mut World, operator: Operator, other: Currency) -> Case {
    let first = match (listed::owed(world, operator), operator) {
        (Some(special), _) => special,
        (None, Operator::BeforeSend) => {
            let (customer, micros) = (world.customer(), world.amount());
            world.owe(customer, micros, false)
        }
        (None, _) => world.owe_anything(),
    };
    let mut owed = vec![first.clone()];
    let text = words(world, operator, &first);
    let mut bank = paying(world, &first, text);
    change(world, operator, other, &first, &mut bank, &mut owed);
    let (outcome, payment) = world.bank(&bank);
    let mut case = Case {
        payments: payment.into_iter().collect(),
        customer: first.customer,
        meant: BTreeSet::new(),
        each: each(operator),
        miscounted: !matches!(outcome, Outcome::Applied { .. }),
    };
    follow(world, operator, &bank, &first, &mut case);
    advised::after(world, operator, &bank, &owed, &mut case);
    if operator == Operator::LastMonths {
        owed.remove(0);
    }
    case.meant = owed.into_iter().map(|owed| owed.id).collect();
    case
}

/// How many invoices a payment is for.
fn each(operator: Operator) -> u32 {
    match operator {
        Operator::TwoReferences
        | Operator::NumberList
        | Operator::NumbersInARow
        | Operator::AdviceBefore
        | Operator::AdviceAfter => 2,
        Operator::ManyNumbers => MANY,
        Operator::NumberRange | Operator::NumberShortList => listed::LISTED,
        _ => 1,
    }
}

/// What the payer writes.
fn words(world: &mut World, operator: Operator, owed: &Owed) -> Vec<String> {
    let (reference, number) = (owed.reference.as_str(), owed.id.as_str());
    let dice = &mut world.dice;
    let one = |text: String| vec![format!("Topup {text}")];
    match operator {
        Operator::Number => one(number.to_owned()),
        Operator::WrongDigit => one(text::wrong_digit(reference, 2, dice)),
        Operator::SwappedDigits => one(text::swapped(reference, 2, false, dice)),
        Operator::NumberWrongDigit => one(text::wrong_digit(number, 6, dice)),
        Operator::NumberSwappedDigits => one(text::swapped(number, 6, true, dice)),
        Operator::ZerosDropped => one(number.replacen("-0", "-", 2).replacen("-0", "-", 1)),
        Operator::OForZero => one(reference.replace('0', "O")),
        Operator::CutAt35 => {
            let filler = "Payment for prepaid telephone topup thanks";
            let kept = 20_usize.saturating_add(dice.below(14));
            let filler = filler.get(..kept).unwrap_or(filler).trim_end();
            text::cut(&format!("{filler} {reference}"))
        }
        Operator::Glued => one(format!("INVOICE{reference}THANKS")),
        Operator::FullWidth => one(text::full_width(reference)),
        Operator::PayerUnknown | Operator::Twins => Vec::new(),
        Operator::EqualAcross | Operator::EqualWithin => Vec::new(),
        Operator::NumberEndToEnd | Operator::NameOtherwise => Vec::new(),
        Operator::AdviceBefore | Operator::AdviceAfter => Vec::new(),
        Operator::AdvicesAlike | Operator::AdviceOfAnother => Vec::new(),
        Operator::Halves
        | Operator::UpstreamReference
        | Operator::UpstreamWrongDigit
        | Operator::NumberRange
        | Operator::NumberShortList
        | Operator::NumberOfYear
        | Operator::NumbersInARow => listed::words(world, operator, owed),
        _ => otherwise(world, operator, owed),
    }
}

/// The number as people and software write it.
fn otherwise(world: &mut World, operator: Operator, owed: &Owed) -> Vec<String> {
    let (reference, number) = (owed.reference.as_str(), owed.id.as_str());
    let dice = &mut world.dice;
    let one = |text: String| vec![format!("Topup {text}")];
    let marked = |mark: &str| number.replacen('-', mark, 1);
    match operator {
        Operator::NumberSpaced => one(marked(" ")),
        Operator::NumberSlashes => one(marked("/")),
        Operator::NumberGlued => one(marked("")),
        Operator::NumberDash => one(marked("\u{2013}")),
        Operator::NumberInside => vec![format!("\u{8bf7}\u{4ed8}{number}\u{8c22}\u{8c22}")],
        Operator::NumberSign => vec![format!("\u{441}\u{447}\u{435}\u{442} \u{2116}{number}")],
        Operator::NumberDigits => one(text::arabic(number)),
        Operator::NumberMissing => one(text::digit_missing(number, 4, dice)),
        Operator::NumberExtra => one(text::digit_added(number, 4, dice)),
        Operator::NumberPrefix => {
            let at = dice.below(3);
            one(text::wrong_letter(number, at, dice))
        }
        Operator::NearWithin => one(text::wrong_digit(number, 6, dice)),
        Operator::NumberPadded => one(marked("-000")),
        Operator::NumberList | Operator::ManyNumbers => one(number.to_owned()),
        Operator::ReferenceBare => one(reference.replacen("RF", "", 1)),
        Operator::LongRemittance => {
            let at = dice.below(ADDENDA);
            let line = |line: usize| match line == at {
                true => format!("{:.<80}", format!("RMR*IV*{number}")),
                false => format!("{:.<80}", format!("REF*ZZ*LINE {line:04}")),
            };
            (0..ADDENDA).map(line).collect()
        }
        _ => one(reference.to_owned()),
    }
}

/// What makes the payment differ beside its text; `owed` is what it is meant for.
fn change(
    world: &mut World,
    operator: Operator,
    other: Currency,
    first: &Owed,
    bank: &mut BankTransaction,
    owed: &mut Vec<Owed>,
) {
    let micros = first.micros;
    match operator {
        Operator::TwoReferences => {
            let amount = world.amount();
            let second = world.owe(first.customer, amount, true);
            bank.unstructured.push(second.reference.clone());
            bank.amount = world.money(micros.saturating_add(second.micros));
            owed.push(second);
        }
        Operator::LastMonths => {
            let plain = world.credit(micros, vec![first.reference.clone()]);
            world.bank(&plain);
            owed.push(world.owe(first.customer, micros, true));
        }
        Operator::ShortByCharges => {
            bank.amount = world.money(micros.saturating_sub(500 * CENT));
            bank.charges = Some(world.money(500 * CENT));
        }
        Operator::OverpaidByCent => bank.amount = world.money(micros.saturating_add(CENT)),
        Operator::Agent => {
            bank.debtor_account = Some("AGENT0001".to_owned());
            bank.debtor_name = Some("Payment Agents Pte Ltd".to_owned());
        }
        Operator::Twins | Operator::EqualWithin => {
            bank.debtor_account = Some(payer(first.customer));
            owed.push(world.owe(first.customer, micros, true));
            if operator == Operator::Twins {
                // A bank that gives no ids gives none: where one account has both kinds, equal
                // money of one payer and day is a person's to tell apart.
                bank.bank_account = BankAccountId::trusted("OURS-2");
                bank.bank_transaction_id = None;
            }
        }
        Operator::EqualAcross => {
            bank.debtor_account = Some(payer(first.customer));
            let customer = world.customer();
            world.owe(customer, micros, true);
        }
        Operator::OtherCurrency => bank.amount = Money::from_micros(micros, other),
        Operator::PendingThenBooked => bank.status = EntryStatus::Pending,
        _ => change_number(world, operator, first, bank, owed),
    }
}

/// The same where it is about numbers and names.
fn change_number(
    world: &mut World,
    operator: Operator,
    first: &Owed,
    bank: &mut BankTransaction,
    owed: &mut Vec<Owed>,
) {
    let micros = first.micros;
    match operator {
        Operator::NumberList => {
            let amount = world.amount();
            let second = world.owe(first.customer, amount, true);
            let digits = second.id.as_str().replacen("INV-", "", 1);
            bank.unstructured = vec![format!("Topup {}, {digits}", first.id)];
            bank.amount = world.money(micros.saturating_add(second.micros));
            owed.push(second);
        }
        Operator::ManyNumbers => {
            let mut sum = micros;
            for _ in 1..MANY {
                let amount = world.amount();
                let next = world.owe(first.customer, amount, true);
                bank.unstructured.push(next.id.as_str().to_owned());
                sum = sum.saturating_add(next.micros);
                owed.push(next);
            }
            bank.amount = world.money(sum);
        }
        Operator::NumberEndToEnd => bank.end_to_end_id = Some(first.id.as_str().to_owned()),
        Operator::NameOtherwise => {
            let name = bank.debtor_name.take().unwrap_or_default();
            bank.debtor_name = Some(text::other_name(&name, &mut world.dice));
            bank.debtor_account = Some(format!("XX{:016x}", world.dice.roll()));
        }
        Operator::NearWithin => {
            bank.debtor_account = Some(payer(first.customer));
            // Of other years: a mistake in one of the numbers is none of the others.
            for year in ["2024", "2025"] {
                let id = first.id.as_str().replacen("INV-", &format!("INV-{year}-"), 1);
                world.owe_as(&id, first.customer, micros, true);
            }
        }
        Operator::RestOfAnother => {
            let rest = world.amount().saturating_add(7 * CENT);
            world.owe(first.customer, rest, true);
            bank.amount = world.money(micros.saturating_add(rest).saturating_sub(3 * CENT));
        }
        _ => {
            listed::change(world, operator, first, bank, owed);
            advised::before(world, operator, first, bank, owed);
        }
    }
}

/// What comes after the payment.
fn follow(
    world: &mut World,
    operator: Operator,
    bank: &BankTransaction,
    first: &Owed,
    case: &mut Case,
) {
    match operator {
        Operator::Twins => {
            let (_, second) = world.bank(bank);
            let same = case.payments.first() == second.as_ref();
            case.miscounted |= same || second.is_none();
            case.payments.extend(second);
        }
        Operator::SecondFeed => {
            let mut again = bank.clone();
            again.statement_id = Some("S-2".to_owned());
            let (outcome, payment) = world.bank(&again);
            case.miscounted |= outcome != Outcome::Duplicate || payment.is_some();
        }
        Operator::PendingThenBooked => {
            case.miscounted |= !case.payments.is_empty();
            let booked = BankTransaction { status: EntryStatus::Booked, ..bank.clone() };
            let (_, payment) = world.bank(&booked);
            case.miscounted |= payment.is_none();
            case.payments.extend(payment);
        }
        Operator::Reversed => {
            let mut reversal = world.credit(first.micros, Vec::new());
            reversal.credit_debit = CreditDebit::Debit;
            reversal.reversal = true;
            reversal.return_of = Some(ReturnOf {
                bank_transaction_id: bank.bank_transaction_id.clone(),
                end_to_end_id: None,
                reason: None,
            });
            let (_, payment) = world.bank(&reversal);
            case.miscounted |= payment.is_some();
        }
        Operator::BeforeSend => world.send(first),
        Operator::Halves => listed::after(world, bank, first, case),
        _ => {}
    }
}

/// The report as a table for `docs/MATCHING.md`.
pub fn table(report: &OperatorTallies) -> String {
    let head = "| Payments | number | automatic, right | automatic, other invoice of the customer \
                | automatic, **wrong customer** | suggested, right first \
                | suggested, other first | parked | miscounted | payments right, % \
                | invoices paid, % |\n\
                |---|---|---|---|---|---|---|---|---|---|---|\n";
    report.iter().fold(head.to_owned(), |table, (operator, t)| table + &row(operator.words(), t))
}

/// In tenths of a hundredth; nothing of nothing is a dash.
fn share(part: u32, whole: u32) -> String {
    let tenths = u64::from(part).saturating_mul(1_000).checked_div(u64::from(whole));
    tenths.map_or("-".to_owned(), |tenths| format!("{}.{}", tenths / 10, tenths % 10))
}

/// One row of the table.
pub(super) fn row(words: &str, t: &Tally) -> String {
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        words,
        t.payments,
        t.right,
        t.other_document,
        t.wrong,
        t.suggested_right,
        t.suggested_other,
        t.parked,
        t.miscounted,
        share(t.right, t.payments),
        share(t.invoices_paid, t.invoices)
    )
}

/// Which of the requirements do not hold, in words; none if all do.
pub fn failures(report: &OperatorTallies) -> Vec<String> {
    let mut failures = Vec::new();
    let sum = |count: &dyn Fn(&Tally) -> u32, of: &dyn Fn(Operator) -> bool| {
        let tallies = report.iter().filter(|(operator, _)| of(**operator));
        tallies.map(|(_, tally)| u64::from(count(tally))).sum::<u64>()
    };
    let all = |_: Operator| true;
    for (count, words) in [
        (sum(&|t| t.wrong, &all), "went to another customer"),
        (sum(&|t| t.miscounted, &all), "were counted twice or not at all"),
    ] {
        if count > 0 {
            failures.push(format!("{count} payments {words}"));
        }
    }
    let clean = (sum(&|t| t.right, &Operator::is_clean), sum(&|t| t.payments, &Operator::is_clean));
    if clean.0 * 1_000 < clean.1 * 999 {
        failures.push(format!("only {} of {} plain references were automatic", clean.0, clean.1));
    }
    let good = sum(&|t| t.right.saturating_add(t.suggested_right), &Operator::is_single_typo);
    let typos = sum(&|t| t.payments, &Operator::is_single_typo);
    if good * 100 < typos * 95 {
        failures.push(format!("only {good} of {typos} mistyped references were found"));
    }
    let said = sum(&|t| t.right.saturating_add(t.suggested_right), &Operator::is_other_writing);
    let written = sum(&|t| t.payments, &Operator::is_other_writing);
    if said * 100 < written * 95 {
        failures.push(format!("only {said} of {written} numbers written otherwise were found"));
    }
    // Each kind for itself.
    for (operator, tally) in report.iter().filter(|(operator, _)| operator.is_mistyped_number()) {
        if u64::from(tally.other_document) * 100 > u64::from(tally.payments) {
            let (other, of) = (tally.other_document, tally.payments);
            let words = operator.words();
            failures.push(format!("{words}: {other} of {of} paid another of their invoices"));
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_thousand_payments_meet_the_requirements() {
        let currencies = ["SGD", "USD"].map(|code| Currency::parse(code).expect("currency"));
        let report = measure(1, 5_000, currencies).expect("decided");
        assert_eq!(failures(&report), Vec::<String>::new(), "\n{}", table(&report));
        assert_eq!(report.len(), Operator::ALL.len());
        let few = |seed| measure(seed, 400, currencies).expect("decided");
        assert_eq!(few(7), few(7), "the same seed gives the same payments");
    }
}
