//! Payments for several invoices in one text, in halves, by references of upstream, and with
//! numbers of a year.

use super::operator::Operator;
use super::text;
use super::world::{Case, Owed, World, payer};
use crate::domain::bank::BankTransaction;
use crate::domain::matching::upstream::Scheme;

/// Digits of a QR reference before its check digit.
const QRR: usize = 26;
/// Invoices of one range, or one list.
pub(super) const LISTED: u32 = 3;

/// The invoice that the payment is for, where it is none like the others.
pub(super) fn owed(world: &mut World, operator: Operator) -> Option<Owed> {
    let (customer, micros) = (world.customer(), world.amount());
    match operator {
        Operator::UpstreamReference | Operator::UpstreamWrongDigit => {
            let digits: String = (0..QRR).map(|_| world.dice.below(10).to_string()).collect();
            let checked = |check: &String| Scheme::Qrr.verifies(check);
            let with = |check: u8| format!("{digits}{check}");
            let reference = (0..10).map(with).find(checked)?;
            Some(world.owe_quoting(customer, micros, &reference))
        }
        Operator::NumberOfYear => {
            let id = format!("INV-2026-{:05}", world.told() % 100_000);
            Some(world.owe_as(&id, customer, micros, true))
        }
        _ => None,
    }
}

/// What the payer writes.
pub(super) fn words(world: &mut World, operator: Operator, owed: &Owed) -> Vec<String> {
    let dice = &mut world.dice;
    let number = owed.id.as_str();
    match operator {
        Operator::UpstreamReference => {
            let groups = [0..2, 2..7, 7..12, 12..17, 17..22, 22..27];
            let groups = groups.into_iter().filter_map(|group| owed.reference.get(group));
            vec![groups.collect::<Vec<_>>().join(" ")]
        }
        Operator::UpstreamWrongDigit => vec![text::wrong_digit(&owed.reference, 0, dice)],
        Operator::NumberOfYear => {
            let number = number.rsplit('-').next().unwrap_or_default().trim_start_matches('0');
            let forms = ["Invoice 2026-N", "2026-0N", "0N/2026", "Rechnung N aus 2026", "26/0N"];
            vec![dice.pick(&forms, "2026-N").replacen('N', number, 1).replace("0N", number)]
        }
        _ => Vec::new(),
    }
}

/// What makes the payment one for several, or half of one.
pub(super) fn change(
    world: &mut World,
    operator: Operator,
    first: &Owed,
    bank: &mut BankTransaction,
    owed: &mut Vec<Owed>,
) {
    if operator == Operator::Halves {
        bank.debtor_account = Some(payer(first.customer));
        bank.amount = world.money(half(first.micros));
        return;
    }
    let more = match operator {
        Operator::NumberRange | Operator::NumberShortList => 2,
        Operator::NumbersInARow => 1,
        _ => return,
    };
    // Numbers are consecutive, so the first is a new one as well.
    owed.clear();
    let mut sum = 0_i64;
    for at in 0..=more {
        let micros = if at == 0 { first.micros } else { world.amount() };
        let next = world.owe(first.customer, micros, true);
        sum = sum.saturating_add(next.micros);
        owed.push(next);
    }
    bank.amount = world.money(sum);
    let ids: Vec<&str> = owed.iter().map(|owed| owed.id.as_str()).collect();
    let digits = |id: &str| id.trim_start_matches(|c: char| !c.is_ascii_digit()).to_owned();
    let tail = |id: &str| id.get(id.len().saturating_sub(3)..).unwrap_or_default().to_owned();
    let (Some(low), Some(high)) = (ids.first(), ids.last()) else { return };
    let text = match (operator, world.dice.below(3)) {
        (Operator::NumberRange, 0) => format!("{low} - {high}"),
        (Operator::NumberRange, 1) => format!("{low}..{}", digits(high)),
        (Operator::NumberRange, _) => format!("invoices {} to {}", digits(low), digits(high)),
        (Operator::NumberShortList, _) => {
            let tails: Vec<String> = ids.iter().skip(1).map(|id| tail(id)).collect();
            format!("inv#s {},{}", digits(low), tails.join(" & "))
        }
        _ => ids.concat(),
    };
    bank.unstructured = vec![text];
}

/// The smaller half, in whole cents, less a few: half of a round amount is another round amount,
/// and would pay a later invoice of the customer.
fn half(micros: i64) -> i64 {
    let cents = micros / super::world::CENT;
    (cents / 2).saturating_sub(7).saturating_mul(super::world::CENT)
}

/// The second half.
pub(super) fn after(world: &mut World, bank: &BankTransaction, first: &Owed, case: &mut Case) {
    let mut second = world.credit(first.micros.saturating_sub(half(first.micros)), Vec::new());
    second.debtor_account.clone_from(&bank.debtor_account);
    second.debtor_name.clone_from(&bank.debtor_name);
    let (_, payment) = world.bank(&second);
    case.miscounted |= payment.is_none();
    case.payments.extend(payment);
}
