//! Generated records and their ground truth, written as they are made: memory does not grow with
//! their number.

use std::io::{self, Write};

use chrono::NaiveDate;
use serde_json::json;

use super::operator::Operator;
use super::quality::{self, Truth};
use super::world::World;
use crate::domain::money::Currency;

/// What is to be generated.
#[derive(Debug, Clone)]
pub struct Order {
    pub seed: u64,
    pub accounts: usize,
    /// Open invoices of each account that nobody pays on purpose. Payments bring their own.
    pub invoices_per_account: usize,
    pub payments: usize,
    /// Charges, spread over the payments.
    pub charges: usize,
    /// Taken in turn.
    pub operators: Vec<Operator>,
    /// The day on which the bank books.
    pub booked_on: NaiveDate,
    /// What is invoiced, and the other one that some pay in.
    pub currencies: [Currency; 2],
}

/// Writes the records to `records` as `topup publish` reads them, and one line for each payment
/// to `truth`.
///
/// # Errors
/// When writing fails.
pub fn write(
    order: &Order,
    records: &mut dyn Write,
    mut truth: Option<&mut dyn Write>,
) -> io::Result<()> {
    let mut world = World::empty(order.seed, order.currencies[0], order.accounts.max(1));
    world.book_on(order.booked_on);
    for customer in 0..order.accounts {
        world.register(customer);
        take(&mut world, records)?;
    }
    for customer in 0..order.accounts {
        for _ in 0..order.invoices_per_account {
            let micros = world.amount();
            world.owe(customer, micros, true);
            take(&mut world, records)?;
        }
    }
    let (mut paid, mut charged) = (0_usize, 0_usize);
    let mut operators = order.operators.iter().copied().cycle();
    while paid < order.payments {
        let Some(operator) = operators.next() else { break };
        let case = quality::run(&mut world, operator, order.currencies[1]);
        // Twins are two.
        paid = paid.saturating_add(case.payments.len().max(1));
        take(&mut world, records)?;
        if let Some(truth) = truth.as_mut() {
            for line in case.truths(operator) {
                truth.write_all(line.to_ndjson().as_bytes())?;
            }
        }
        while share(charged, order.charges) < share(paid, order.payments) {
            world.charge();
            charged = charged.saturating_add(1);
            take(&mut world, records)?;
        }
    }
    while charged < order.charges {
        world.charge();
        charged = charged.saturating_add(1);
        take(&mut world, records)?;
    }
    records.flush()
}

/// How much of all is done, in millionths; all of nothing.
fn share(done: usize, all: usize) -> usize {
    done.saturating_mul(1_000_000).checked_div(all).map_or(1_000_000, |part| part.min(1_000_000))
}

fn take(world: &mut World, records: &mut dyn Write) -> io::Result<()> {
    if let Some(refused) = &world.refused {
        return Err(io::Error::other(format!("a record that is refused: {refused}")));
    }
    for line in world.lines.drain(..) {
        records.write_all(line.to_ndjson().as_bytes())?;
    }
    Ok(())
}

impl Truth {
    /// `{"payment_id", "operator", "account_id", "invoices"}`.
    pub fn to_ndjson(&self) -> String {
        let invoices: Vec<&str> = self.invoices.iter().map(|id| id.as_str()).collect();
        let line = json!({
            "payment_id": self.payment_id.as_str(),
            "operator": self.operator.name(),
            "account_id": self.account_id.as_str(),
            "invoices": invoices,
        });
        format!("{line}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::matching::Policy;
    use crate::domain::model::Model;

    fn order(seed: u64) -> Order {
        Order {
            seed,
            accounts: 5,
            invoices_per_account: 3,
            payments: 60,
            charges: 30,
            operators: Operator::ALL.to_vec(),
            booked_on: NaiveDate::from_ymd_opt(2026, 11, 2).expect("a day"),
            currencies: ["SGD", "USD"].map(|code| Currency::parse(code).expect("currency")),
        }
    }

    fn written(order: &Order) -> (String, String) {
        let (mut records, mut truth) = (Vec::new(), Vec::new());
        write(order, &mut records, Some(&mut truth)).expect("written");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (text(records), text(truth))
    }

    #[test]
    fn a_seed_determines_every_byte() {
        assert_eq!(written(&order(1)), written(&order(1)));
        assert_ne!(written(&order(1)).0, written(&order(2)).0);
    }

    #[test]
    fn the_order_is_filled() {
        let (records, truth) = written(&order(3));
        let count = |kind: &str| records.lines().filter(|line| line.contains(kind)).count();
        assert_eq!(count("topup.account.upsert.v1"), 5);
        assert_eq!(count("topup.usage.charge.v1"), 30);
        assert!(count("topup.invoice.create.v1") > 15 + 50);
        assert!((60..=61).contains(&truth.lines().count()), "{}", truth.lines().count());
        let one = Order { operators: vec![Operator::Number], ..order(3) };
        let (_, truth) = written(&one);
        assert_eq!(truth.lines().count(), 60);
        assert!(truth.lines().all(|line| line.contains(r#""operator":"number""#)));
    }

    #[test]
    fn payments_are_named_as_the_service_names_them() {
        let currencies = order(4).currencies;
        let named = |decided: bool| {
            let mut world = World::empty(4, currencies[0], 5);
            if decided {
                world.model = Some(Model::new(Policy::default()));
            }
            (0..5).for_each(|customer| world.register(customer));
            let operators = Operator::ALL.into_iter().cycle().take(100);
            let truths = operators.flat_map(|operator| {
                let case = quality::run(&mut world, operator, currencies[1]);
                case.truths(operator).collect::<Vec<_>>()
            });
            truths.collect::<Vec<_>>()
        };
        assert_eq!(named(false), named(true));
    }
}
