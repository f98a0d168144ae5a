//! Payments that say nothing themselves, and advices that say what they are for.

use serde_json::{Value, json};

use super::operator::Operator;
use super::world::{CENT, Case, Owed, World, payer};
use crate::domain::bank::BankTransaction;

/// What is told before the money; `owed` is what it is meant for.
pub(super) fn before(
    world: &mut World,
    operator: Operator,
    first: &Owed,
    bank: &mut BankTransaction,
    owed: &mut Vec<Owed>,
) {
    let micros = first.micros;
    match operator {
        Operator::AdviceBefore | Operator::AdviceAfter => {
            let amount = world.amount();
            let second = world.owe(first.customer, amount, true);
            bank.amount = world.money(micros.saturating_add(second.micros));
            owed.push(second);
            if operator == Operator::AdviceBefore {
                let lines: Vec<(String, i64)> = owed.iter().map(by_id).collect();
                tell(world, bank, &lines);
            }
        }
        Operator::AdvicesAlike => {
            let other = world.other_than(first.customer);
            let rival = world.owe(other, micros, true);
            for advised in [first, &rival] {
                tell(world, bank, &[by_id(advised)]);
            }
        }
        Operator::AdviceOfAnother => {
            bank.debtor_account = Some(payer(first.customer));
            let other = world.other_than(first.customer);
            let foreign = world.owe(other, micros, true);
            tell(world, bank, &[by_id(&foreign)]);
        }
        Operator::AdviceWrongSum => {
            let wrong = (first.id.as_str().to_owned(), micros.saturating_add(CENT));
            let data = advice(world, bank, &[wrong]);
            world.refuse_advice(&data);
        }
        _ => {}
    }
}

/// What is told after the money.
pub(super) fn after(
    world: &mut World,
    operator: Operator,
    bank: &BankTransaction,
    owed: &[Owed],
    case: &mut Case,
) {
    let mut lines: Vec<(String, i64)> = owed.iter().map(by_id).collect();
    match operator {
        Operator::AdviceAfter => {}
        Operator::AdviceOfMatched => {
            case.miscounted |= !tell(world, bank, &lines);
            return;
        }
        _ => return,
    }
    // By its reference, as well.
    if let (Some(line), Some(owed)) = (lines.first_mut(), owed.first()) {
        line.0.clone_from(&owed.reference);
    }
    case.miscounted |= !tell(world, bank, &lines);
}

fn by_id(owed: &Owed) -> (String, i64) {
    (owed.id.as_str().to_owned(), owed.micros)
}

/// Sends an advice by the payer's account; whether it was taken.
fn tell(world: &mut World, bank: &BankTransaction, lines: &[(String, i64)]) -> bool {
    let data = advice(world, bank, lines);
    world.advise(bank.bank_account.as_str(), &data)
}

fn advice(world: &mut World, bank: &BankTransaction, lines: &[(String, i64)]) -> Value {
    let number = world.dice.roll();
    let line = |(name, micros): &(String, i64)| {
        let field = if name.starts_with("RF") { "reference" } else { "invoice_id" };
        json!({ field: name, "amount": world.money(*micros).number() })
    };
    json!({
        // In the order in which they are told.
        "advice_id": format!("ADV-{:08}-{number:016x}", world.told()),
        "bank_account": bank.bank_account.as_str(),
        "payer_account": bank.debtor_account,
        "amount": bank.amount.number(),
        "currency": bank.amount.code(),
        "invoices": lines.iter().map(line).collect::<Vec<_>>(),
    })
}
