//! Worlds that do not share our assumptions: ids that are years or prices, payers without an
//! account number, texts and amounts at their limits, feeds with wrong clocks, records in any
//! order. Whatever happens in them, no money goes to another customer and every payment is recorded
//! once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use serde_json::json;

use super::kinds;
use super::quality::{Sample, Tally, judge, row, sound};
use super::world::{CENT, Case, Owed, World, account, payer};
use crate::domain::bank::{BankTransaction, CreditDebit, ReturnOf};
use crate::domain::effect::Outcome;
use crate::domain::ids::{AccountId, PaymentId};
use crate::domain::money::Currency;

/// Cases of one world: what waits in it is tried again with every record, so worlds are small.
const WORLD_CASES: usize = 96;
/// A customer of nobody's: what is paid by a stranger must stay with nobody.
const STRANGER: usize = usize::MAX;
/// In millionths: the largest amount that the contract knows in a currency with cents.
const LARGEST: i64 = 999_999_999_999_990_000;
/// Payments held for one customer in the longest of the cases.
const MANY: usize = 1_000;
/// So many payments in all make it worth while.
const LONG_RUN: u32 = 10_000;

kinds! {
    /// What makes a case hostile.
    Hostile:
    BareIds: "stranger: digits that are an id",
    Introduced: "customer: INVOICE and a bare number",
    YearIds: "stranger: a date whose year is an id",
    AmountIds: "stranger: a price that is an id",
    PostalIds: "stranger: a postal code that is an id",
    PhoneIds: "stranger: a phone or card number that is an id",
    PrefixIds: "stranger: an id that another id begins",
    GluedIds: "two customers' numbers glued together",
    PlaceholderPayer: "stranger: a placeholder that was confirmed twice",
    PlaceholderReturn: "customer: a return that names a placeholder",
    OnAccount: "1, 12 or 1,000 payments on account, then invoices",
    LongText: "stranger: texts at their limits",
    WrongClock: "customer: feeds with wrong clocks",
    AnyOrder: "customer: payment, invoice, customer, in any order",
    Extremes: "customer: smallest and largest of each field",
    Enriched: "no bank id, told again with more text",
    FoldedIds: "stranger: words that fold like an id",
    Houses: "stranger: a house, customer or contract number that is an id",
}

/// Per kind.
pub type HostileTallies = BTreeMap<Hostile, Tally>;

/// Generates at least `payments` payments in hostile worlds and decides them.
///
/// # Errors
/// When deciding stopped, or a record was refused: a bug.
pub fn measure(seed: u64, payments: u32, currency: Currency) -> Result<HostileTallies, String> {
    let mut report = HostileTallies::new();
    let (mut done, mut worlds) = (0_u32, seed);
    let mut many = payments >= LONG_RUN;
    while done < payments {
        let mut world = World::new(worlds, currency);
        worlds = worlds.wrapping_add(0x1_0000_0001);
        for kind in Hostile::ALL.into_iter().cycle().take(WORLD_CASES) {
            let held = if many && kind == Hostile::OnAccount { MANY } else { 0 };
            many &= held == 0;
            for case in run(&mut world, kind, held) {
                let tally = report.entry(kind).or_default();
                tally.miscounted = tally.miscounted.saturating_add(u32::from(case.miscounted));
                for payment in &case.payments {
                    judge(&world, payment, &case, tally);
                    done = done.saturating_add(1);
                }
            }
            world.lines.clear();
            sound(&world, kind)?;
        }
    }
    Ok(report)
}

/// Whose a payment is, for those who play the records elsewhere; none: a stranger's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub payment_id: PaymentId,
    pub kind: Hostile,
    pub account_id: Option<AccountId>,
}

/// One hostile world as it was generated, with the owners of its payments.
///
/// # Errors
/// When deciding stopped: a bug.
pub fn sample(seed: u64, cases: usize, currency: Currency) -> Result<(Sample, Vec<Owner>), String> {
    let mut world = World::new(seed, currency);
    let mut owners = Vec::new();
    for kind in Hostile::ALL.into_iter().cycle().take(cases) {
        for case in run(&mut world, kind, 0) {
            let own = (case.customer != STRANGER).then(|| account(case.customer));
            owners.extend(case.payments.into_iter().map(|payment_id| Owner {
                payment_id,
                kind,
                account_id: own.clone(),
            }));
        }
        sound(&world, kind)?;
    }
    let model = world.model.unwrap_or_default();
    Ok((Sample { lines: world.lines, model, truths: Vec::new() }, owners))
}

/// The rows of the table that `topup quality` prints, below those of ordinary worlds.
pub fn table(report: &HostileTallies) -> String {
    report.iter().map(|(kind, tally)| row(kind.words(), tally)).collect()
}

/// Which of the requirements do not hold, in words; none if all do.
pub fn failures(report: &HostileTallies) -> Vec<String> {
    let mut failures = Vec::new();
    for (kind, tally) in report {
        let words = kind.words();
        if tally.wrong > 0 {
            failures.push(format!("{words}: {} went to another customer", tally.wrong));
        }
        if tally.miscounted > 0 {
            failures
                .push(format!("{words}: {} were counted twice or not at all", tally.miscounted));
        }
    }
    failures
}

/// What one kind does in a world; `held` is a number of payments on account that is asked for.
fn run(world: &mut World, kind: Hostile, held: usize) -> Vec<Case> {
    match kind {
        Hostile::BareIds
        | Hostile::YearIds
        | Hostile::AmountIds
        | Hostile::PostalIds
        | Hostile::PhoneIds
        | Hostile::PrefixIds
        | Hostile::LongText => vec![stranger(world, kind)],
        Hostile::Introduced => vec![introduced(world)],
        Hostile::GluedIds => vec![glued(world)],
        Hostile::PlaceholderPayer => placeholder_payer(world),
        Hostile::PlaceholderReturn => vec![placeholder_return(world)],
        Hostile::OnAccount => vec![on_account(world, held)],
        Hostile::WrongClock => vec![wrong_clock(world)],
        Hostile::AnyOrder => vec![any_order(world)],
        Hostile::Extremes => vec![extremes(world)],
        Hostile::Enriched => vec![enriched(world)],
        Hostile::FoldedIds => vec![folded(world)],
        Hostile::Houses => vec![house(world)],
    }
}

/// Hands in a payment; it must become one of its own.
fn pay(world: &mut World, bank: &BankTransaction, customer: usize, meant: &[Owed]) -> Case {
    let (outcome, payment) = world.bank(bank);
    let applied = matches!(outcome, Outcome::Applied { .. });
    let meant: BTreeSet<_> = meant.iter().map(|owed| owed.id.clone()).collect();
    let miscounted = !applied || payment.is_none();
    Case { payments: payment.into_iter().collect(), customer, meant, each: 1, miscounted }
}

fn pick(world: &mut World, from: &[&'static str]) -> &'static str {
    world.dice.pick(from, "")
}

fn digits(world: &mut World, count: u32) -> String {
    let low = 10_usize.saturating_pow(count.saturating_sub(1));
    world.dice.below(low.saturating_mul(9)).saturating_add(low).to_string()
}

/// Somebody who is no customer pays exactly what another's invoice is for, and their text holds
/// that invoice's id without meaning it.
fn stranger(world: &mut World, kind: Hostile) -> Case {
    let (victim, micros) = (world.customer(), world.amount());
    let whole = (micros / 1_000_000).to_string();
    let (id, text) = match kind {
        Hostile::YearIds => {
            let year = world.dice.below(60).saturating_add(2_000).to_string();
            let form = pick(
                world,
                &[
                    "Topup Jan Y",
                    "topup 28/11/Y",
                    "Y-11-28",
                    "28.11.Y",
                    "top up Y",
                    "invoice Y",
                    "Nov 28, Y",
                    "for 11/Y",
                    "Y/01 prepaid",
                    "28NovY",
                ],
            );
            let text = form.replace('Y', &year);
            (year, text)
        }
        Hostile::AmountIds => {
            let form = pick(
                world,
                &["TOPUP A", "topup SGDA", "A.00", "SGD A.00", "$A", "invoice A", "A SGD", "A,00"],
            );
            let text = form.replace('A', &whole);
            (whole, text)
        }
        Hostile::PostalIds => {
            let code = digits(world, 6);
            let form = pick(world, &["Blk 12 Singapore P", "S(P)", "SP", "postal code P", "SG P"]);
            let text = form.replace('P', &code);
            (if form == "SP" { text.clone() } else { code }, text)
        }
        Hostile::PhoneIds => {
            let number = pick(world, &["91234567", "4111111111111111", "6598765432"]);
            let form = pick(world, &["topup N", "N", "tel N", "+N", "invoice for hp no. N"]);
            (number.to_owned(), form.replace('N', number))
        }
        Hostile::PrefixIds => {
            let id = format!("TI-{}", digits(world, 5));
            let form = pick(world, &["I-1", "I.2026", "I-11", "7-I", "I0", "XI"]);
            let text = form.replace('I', "\u{1}").replace('\u{1}', &id);
            (id, text)
        }
        Hostile::LongText => long_text(world),
        _ => {
            let id = digits(world, 5);
            let form = pick(world, &["topup N", "N", "ref N", "unit N", "UPI/N/topup", "N N"]);
            let text = form.replace('N', &id);
            (id, text)
        }
    };
    world.owe_as(&id, victim, micros, true);
    let mut bank = world.credit(micros, vec![text]);
    bank.debtor_name = Some("Somebody Else Entirely".to_owned());
    pay(world, &bank, STRANGER, &[])
}

/// What a stranger writes is like the id of another's invoice once marks, spaces and zeros are
/// gone, or stands where nobody means an invoice.
fn folded(world: &mut World) -> Case {
    let (victim, micros) = (world.customer(), world.amount());
    let number = digits(world, 5);
    let (id, text) = match world.dice.below(7) {
        0 => (format!("ST-{number}"), format!("12 Main St {number}")),
        1 => (format!("UNIT-{number}"), format!("Unit {number}")),
        2 => (format!("AB-000{number}"), format!("AB-{number}")),
        3 => (format!("AB-{number}"), format!("ab 00{number}")),
        4 => (format!("INV-{number}2"), format!("INV-{number}-2")),
        5 => (format!("INV-{number}"), format!("Invoice {number}")),
        _ => (number.clone(), String::new()),
    };
    world.owe_as(&id, victim, micros, true);
    let mut bank = world.credit(micros, vec![text]);
    bank.debtor_name = Some("Somebody Else Entirely".to_owned());
    if id == number {
        bank.unstructured = Vec::new();
        bank.debtor_name = Some(format!("{number} Somebody Else"));
        bank.end_to_end_id = Some(format!("77{number}"));
    }
    pay(world, &bank, STRANGER, &[])
}

/// A stranger's text says of the number what it is, and it is no invoice.
fn house(world: &mut World) -> Case {
    const FORMS: [&str; 32] = [
        "No. {} Orchard Road",
        "#{}",
        "Blk {} #05-12",
        "Apt. #{}",
        "Unit {}",
        "Room {}",
        "P.O. Box {}",
        "Hausnr. {}",
        "Hauptstr. {}",
        "{} Rue de la Paix",
        "Calle Mayor nº {}",
        "Via Roma n. {}",
        "huisnr {}",
        "中山路{}号",
        "1丁目{}番地",
        "customer no. {}",
        "Kundennr. {}",
        "n° client {}",
        "cliente nº {}",
        "klantnr. {}",
        "клиент № {}",
        "лицевой счет № {}",
        "お客様番号{}",
        "A/C No. {}",
        "tel no {}",
        "VAT no. {}",
        "order no. {}",
        "contract no. {}",
        "meter no. {}",
        "voucher {}",
        "ticket #{}",
        "receipt no. {}",
    ];
    let (victim, micros) = (world.customer(), world.amount());
    let count = world.dice.pick(&[4, 5, 6, 7, 9], 5);
    let number = digits(world, count);
    let text = pick(world, &FORMS).replace("{}", &number);
    world.owe_as(&number, victim, micros, true);
    let mut bank = world.credit(micros, vec![text]);
    bank.debtor_name = Some("Somebody Else Entirely".to_owned());
    pay(world, &bank, STRANGER, &[])
}

/// As many words as a text holds, one of them the digits of the invoice.
fn long_text(world: &mut World) -> (String, String) {
    let id = digits(world, 5);
    let mut text = String::new();
    while text.len() < 3_900 {
        let word = digits(world, 5);
        text.push_str(if word == id { "00000" } else { &word });
        text.push(if text.len().is_multiple_of(7) { '-' } else { ' ' });
    }
    text.push_str(&id);
    (id, text)
}

/// The customer says what the number is.
fn introduced(world: &mut World) -> Case {
    let (customer, micros) = (world.customer(), world.amount());
    let id = format!("9{}", digits(world, 6));
    let owed = world.owe_as(&id, customer, micros, true);
    let form = pick(
        world,
        &["INVOICE Q", "Inv. Q", "inv no. Q", "Rechnung Nr. Q", "facture n° Q", "发票号Q"],
    );
    let bank = world.credit(micros, vec![form.replace('Q', &id)]);
    pay(world, &bank, customer, &[owed])
}

/// The first customer's account pays for itself and for another.
fn glued(world: &mut World) -> Case {
    let (first, second) = (world.owe_anything(), world.owe_anything());
    let glue = pick(world, &["-", ",", "/", "+", ".", ":", " "]);
    let text = format!("{}{glue}{}", first.id, second.id);
    let mut bank = world.credit(first.micros.saturating_add(second.micros), vec![text]);
    bank.debtor_account = Some(payer(first.customer));
    let same = first.customer == second.customer;
    let owner = if same { first.customer } else { STRANGER };
    pay(world, &bank, owner, &[first, second])
}

/// A person confirms two payments of a payer whose bank tells no account; the third is another's.
fn placeholder_payer(world: &mut World) -> Vec<Case> {
    let nobody = pick(
        world,
        &["XXXXXX1234", "N/A", "UNKNOWN", "****9876", "0000000000", "123456789", "Not provided"],
    );
    let (customer, micros) = (world.customer(), world.amount());
    let mut cases = Vec::new();
    for _ in 0..2 {
        let mut bank = world.credit(micros, Vec::new());
        bank.debtor_account = Some(nobody.to_owned());
        let case = pay(world, &bank, customer, &[]);
        for payment in &case.payments {
            let data = json!({
                "payment_id": payment.as_str(),
                "account_id": account(customer).as_str(),
            });
            world.command("topup.payment.assign.v1", &account(customer), &data);
        }
        cases.push(case);
    }
    world.owe(customer, micros, true);
    let mut bank = world.credit(micros, Vec::new());
    bank.debtor_account = Some(nobody.to_owned());
    cases.push(pay(world, &bank, STRANGER, &[]));
    cases
}

/// The bank returns a transfer of somebody else whose end-to-end id is a word that others use.
fn placeholder_return(world: &mut World) -> Case {
    let word = pick(world, &["TOPUP", "N/A", "NOTPROVIDED", "NONREF", "Top up 2026", "1500"]);
    let owed = world.owe_anything();
    let mut bank = world.credit(owed.micros, vec![owed.reference.clone()]);
    bank.end_to_end_id = Some(word.to_owned());
    let mut case = pay(world, &bank, owed.customer, std::slice::from_ref(&owed));
    let mut back = world.credit(1_000 * CENT, Vec::new());
    back.credit_debit = CreditDebit::Debit;
    back.return_of = Some(ReturnOf {
        bank_transaction_id: None,
        end_to_end_id: Some(word.to_owned()),
        reason: None,
    });
    world.bank(&back);
    let taken = case.payments.iter().any(|payment| {
        let stands = world.model.as_ref().and_then(|model| model.set.payment(payment));
        stands.is_some_and(|payment| !payment.returned.is_zero())
    });
    case.miscounted |= taken;
    case
}

/// A customer pays ahead, in amounts that no invoice has; then invoices are sent.
fn on_account(world: &mut World, held: usize) -> Case {
    let customer = world.customer();
    let held = if held > 0 { held } else { world.dice.pick(&[1, 12], 1) };
    let mut all =
        Case { payments: Vec::new(), customer, meant: BTreeSet::new(), each: 1, miscounted: false };
    for number in 0..held {
        let odd = i64::try_from(number).unwrap_or(0).saturating_mul(CENT);
        let mut bank = world.credit(7_770_000_000_i64.saturating_add(odd), Vec::new());
        bank.debtor_account = Some(payer(customer));
        let case = pay(world, &bank, customer, &[]);
        all.miscounted |= case.miscounted;
        all.payments.extend(case.payments);
    }
    for number in 0..held.min(3) {
        let odd = i64::try_from(number).unwrap_or(0).saturating_mul(CENT);
        let owed = world.owe(customer, 7_770_000_000_i64.saturating_add(odd), true);
        all.meant.insert(owed.id);
    }
    all
}

/// Value dates and instants of feeds whose clocks are years off.
fn wrong_clock(world: &mut World) -> Case {
    let owed = world.owe_anything();
    let text = vec![owed.reference.clone()];
    let mut bank = world.credit(owed.micros, text);
    let year = world.dice.pick(&[1_970, 2_025, 2_099, 9_998], 2_025);
    bank.value_date = NaiveDate::from_ymd_opt(year, 12, 31);
    bank.booking_date = bank.booking_date.with_year(year).unwrap_or(bank.booking_date);
    let usual = world.time;
    world.time = pick(world, &["2000-01-01T00:00:00Z", "2099-12-31T23:59:59Z"]);
    let case = pay(world, &bank, owed.customer, &[owed]);
    world.time = usual;
    case
}

/// The invoice comes after its payment, and is named by its number.
fn any_order(world: &mut World) -> Case {
    let (customer, micros) = (world.customer(), world.amount());
    let id = format!("LATE-{}", digits(world, 6));
    let mut bank = world.credit(micros, vec![format!("topup {id}")]);
    bank.debtor_account = Some(payer(customer));
    if world.dice.below(2) == 0 {
        world.register(customer);
    }
    let mut case = pay(world, &bank, customer, &[]);
    let send = world.dice.below(2) == 0;
    let owed = world.owe_as(&id, customer, micros, send);
    if !send {
        world.send(&owed);
    }
    world.register(customer);
    case.meant.insert(owed.id);
    case
}

/// The smallest and the largest of amounts, ids, names and texts.
fn extremes(world: &mut World) -> Case {
    let customer = world.customer();
    // A few of the largest fill what one world's books can hold.
    let micros = if world.dice.below(25) == 0 { LARGEST } else { CENT };
    let tail = digits(world, 9);
    let id = format!("{}{tail}", "I".repeat(64_usize.saturating_sub(tail.len())));
    let owed = world.owe_as(&id, customer, micros, true);
    let mut text = vec!["x".repeat(30); 99];
    text.push(owed.reference.clone());
    let mut bank = world.credit(micros, text);
    bank.debtor_name = Some("名".repeat(170));
    bank.debtor_account = Some(format!("DE{}", digits(world, 9).repeat(7)));
    bank.end_to_end_id = Some("~".repeat(128));
    pay(world, &bank, customer, &[owed])
}

/// The same money again, with more text, from a bank that gives no ids.
fn enriched(world: &mut World) -> Case {
    let first = world.owe_anything();
    let second = world.owe(first.customer, first.micros, true);
    let mut bank = world.credit(first.micros, vec!["Topup".to_owned()]);
    bank.bank_transaction_id = None;
    bank.debtor_account = Some(payer(first.customer));
    // No other payment of the day is alike.
    bank.end_to_end_id = Some(format!("E2E{}", digits(world, 9)));
    let mut case = pay(world, &bank, first.customer, &[first.clone(), second]);
    bank.unstructured = vec!["Topup *1728888 Aut. 4989889".to_owned()];
    let again = pay(world, &bank, first.customer, &[]);
    let model = world.model.as_ref();
    let credited = again.payments.iter().any(|payment| {
        model.is_some_and(|model| model.allocations().any(|part| part.payment_id == *payment))
    });
    case.miscounted |= again.miscounted || credited;
    case
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_hostile_worlds_no_money_goes_to_another_customer() {
        let currency = Currency::parse("SGD").expect("a currency");
        let report = measure(1, 500, currency).expect("decided");
        assert_eq!(failures(&report), Vec::<String>::new(), "\n{}", table(&report));
        assert_eq!(report.len(), Hostile::ALL.len());
        // What a stranger pays is nobody's; what a customer names is paid.
        let right = |kind| report.get(&kind).map(|tally| (tally.right, tally.payments));
        let (paid, all) = right(Hostile::Introduced).expect("measured");
        assert_eq!(paid, all, "\n{}", table(&report));
        assert_eq!(right(Hostile::BareIds).map(|(paid, _)| paid), Some(0));
    }
}
