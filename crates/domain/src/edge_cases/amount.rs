//! Cases 12 to 17 and 20 to 24: which amounts fit, and how much is provisioned.

use super::from;
use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::input::Command;
use crate::invoice::InvoiceStatus;
use crate::matching::policy::{PartialPolicy, Policy};
use crate::matching::subset::{Group, only_group};
use crate::money::{Currency, Money, MoneyError};
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

fn desk(invoices: &[(&str, &str, &str)]) -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, owner, amount) in invoices {
        desk.invoice(id, owner, amount);
    }
    desk
}

fn with_partial() -> Desk {
    Desk::with_customers(Policy { partial: PartialPolicy::Apply, ..Policy::default() })
}

/// Three open invoices of one customer over the same amount and one payment without a reference:
/// the first in the declared order is paid, in whatever order the invoices came.
#[test]
fn edge_12_of_equal_invoices_the_oldest_is_paid_in_any_order_of_arrival() {
    let invoices = [("INV-1", "2026-12-03"), ("INV-2", "2026-12-01"), ("INV-3", "2026-12-02")];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut desk = desk(&[]);
        for (id, due) in order.map(|place| invoices[place]) {
            let mut invoice = create(id, "A", "100");
            invoice.due_date = Some(day(due));
            desk.apply(Command::CreateInvoice(invoice));
        }
        let got = desk.receive(credit_from("1", "100", "PAYERA"));
        assert_eq!(got, (Rule::EqualAmounts, PaymentState::Allocated));
        assert_eq!(desk.pays("1"), ["INV-2 100.00 SGD"], "{order:?}");
    }
}

/// Two customers owe the same and the payer is unknown. It is parked, and the decision counts how
/// many invoices had the amount. It does not list them: who picks a stranger's invoice from a list
/// by the amount guesses.
#[test]
fn edge_13_the_amount_of_two_customers_from_an_unknown_payer_is_parked() {
    let mut desk = desk(&[("INV-1", "A", "100"), ("INV-2", "B", "100")]);
    let got = desk.receive(credit("1", "100"));
    assert_eq!(got, (Rule::NothingFound, parked(ParkReason::NoCandidate)));
    assert_eq!(desk.decision("1").explanation.same_amount_book, Some(2));
    assert_eq!((desk.owner("1"), desk.suggested("1").len()), (None, 0));
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("0"), money("0")));
}

/// 300 fits one invoice, and two others together. Of a known customer the single one is paid, and
/// the decision notes that a group fits as well. Of an unknown payer it is only suggested.
#[test]
fn edge_14_a_single_fit_comes_before_a_group_and_the_ambiguity_is_noted() {
    let invoices = [("INV-1", "A", "300"), ("INV-2", "A", "200"), ("INV-3", "A", "100")];
    let mut known = desk(&invoices);
    let got = known.receive(credit_from("1", "300", "PAYERA"));
    assert_eq!(got, (Rule::KnownPayer, PaymentState::Allocated));
    assert_eq!(known.pays("1"), ["INV-1 300.00 SGD"]);
    assert_eq!(known.decision("1").explanation.notes, ["a group of invoices fits as well"]);
    let mut unknown = desk(&[invoices[0], ("INV-2", "B", "200"), ("INV-3", "B", "100")]);
    let got = unknown.receive(credit("1", "300"));
    assert_eq!(got, (Rule::AmountOnly, parked(ParkReason::AmountOnly)));
    assert_eq!((unknown.suggested("1"), unknown.pays("1").len()), (vec!["INV-1"], 0));
}

/// A cent too much: what is due is paid, the cent stays on the payment, and no invoice is made up
/// for it.
#[test]
fn edge_15_a_cent_too_much_stays_on_the_payment() {
    let mut desk = desk(&[("INV-1", "A", "100")]);
    let reference = desk.reference("INV-1");
    let got = desk.receive(credit_saying("1", "100.01", &[&reference]));
    assert_eq!(got, (Rule::CheckedReference, PaymentState::PartlyAllocated));
    assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD"]);
    assert_eq!(desk.payment_now("1").unallocated(), Ok(money("0.01")));
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Provisioned);
    assert_eq!((desk.balance("A"), desk.model.set.invoices_here().len()), (money("100"), 1));
}

/// The bank keeps a fee of 15 of 500. Writing the difference off would give balance away: a
/// person is asked, or by the fee policy exactly what arrived is provisioned and 15 stay due.
#[test]
fn edge_16_a_bank_fee_never_gives_balance_away() {
    let short = |desk: &Desk| BankTransaction {
        charges: Some(money("15")),
        ..credit_saying("1", "485", &[&desk.reference("INV-1")])
    };
    let mut asking = desk(&[("INV-1", "A", "500")]);
    let bank = short(&asking);
    assert_eq!(asking.receive(bank), (Rule::BankCharges, parked(ParkReason::PartialPayment)));
    assert_eq!((asking.balance("A"), asking.suggested("1")), (money("0"), vec!["INV-1"]));
    let fee = Policy { fee: PartialPolicy::Apply, ..Policy::default() };
    let mut applying = Desk::with_customers(fee);
    applying.invoice("INV-1", "A", "500");
    let bank = short(&applying);
    assert_eq!(applying.receive(bank), (Rule::BankCharges, PaymentState::Allocated));
    assert_eq!(applying.balance("A"), money("485"));
    assert_eq!(applying.invoice_now("INV-1").due(), Ok(money("15")));
    assert_eq!(applying.invoice_now("INV-1").status, InvoiceStatus::AwaitingPayment);
}

/// A transfer limit splits 500 into 300 and 200. The first part does not spoil the invoice: both
/// parts are held for the customer with a suggestion. With the policy for partial payments each
/// part is provisioned as it comes, which is why we need no window in which parts are added up.
#[test]
fn edge_17_a_payment_in_two_parts_pays_one_invoice() {
    let parts = [("1", "300"), ("2", "200")];
    let mut asking = desk(&[("INV-1", "A", "500")]);
    let mut applying = with_partial();
    applying.invoice("INV-1", "A", "500");
    for (id, amount) in parts {
        let text = asking.reference("INV-1");
        let got = asking.receive(credit_saying(id, amount, &[&text]));
        assert_eq!(got, (Rule::CheckedReference, parked(ParkReason::PartialPayment)));
        assert_eq!((asking.suggested(id), asking.owner(id)), (vec!["INV-1"], Some("A")));
        assert_eq!(asking.invoice_now("INV-1").due(), Ok(money("500")));
        let text = applying.reference("INV-1");
        let got = applying.receive(credit_saying(id, amount, &[&text]));
        assert_eq!(got, (Rule::CheckedReference, PaymentState::Allocated));
        applying.pass_minute();
    }
    assert_eq!(applying.invoice_now("INV-1").status, InvoiceStatus::Provisioned);
    assert_eq!(applying.balance("A"), money("500"));
}

/// 0.10 and 0.20 are not 0.30 in binary floating point, and the invoice would stay open for ever.
/// Amounts are decimals: nothing is due.
#[test]
fn edge_20_ten_cents_and_twenty_cents_are_thirty() {
    let mut desk = with_partial();
    desk.invoice("INV-1", "A", "0.30");
    let reference = desk.reference("INV-1");
    for (id, amount) in [("1", "0.10"), ("2", "0.20")] {
        desk.receive(credit_saying(id, amount, &[&reference]));
    }
    assert_eq!(desk.invoice_now("INV-1").due(), Ok(money("0")));
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Provisioned);
    assert_eq!(desk.balance("A"), money("0.30"));
}

/// Twelve thousand million dong are an ordinary amount. Twelve digits fit; thirteen are refused,
/// not cut.
#[test]
fn edge_21_large_amounts_fit_or_are_refused() {
    for amount in ["12000000000", "999999999999"] {
        let dong = format!("{amount} VND");
        let mut desk = desk(&[("INV-1", "A", &dong)]);
        let reference = desk.reference("INV-1");
        desk.receive(credit_saying("1", &dong, &[&reference]));
        let balance = desk.model.set.balance(&account("A"), currency("VND"));
        assert_eq!(balance, money(&dong));
        assert_eq!(
            balance.to_micros().map(|micros| micros / 1_000_000),
            Ok(amount.parse().expect("digits"))
        );
    }
    assert_eq!(Money::parse("1000000000000", currency("VND")), Err(MoneyError::Malformed));
}

/// With credit notes among the invoices any group can be made to fit. A topup has none: an amount
/// cannot be negative, and the search for groups takes nothing that is not greater than zero.
#[test]
fn edge_22_nothing_negative_is_in_a_group() {
    assert_eq!(Money::parse("-40.00", currency("SGD")), Err(MoneyError::Malformed));
    assert_eq!(only_group(&[60, 60, -20, 0], 100), Group::None);
    assert_eq!(only_group(&[60, 40, -20, 0], 100), Group::Only(vec![0, 1]));
}

/// A hundred dollars for an invoice over a hundred Singapore dollars: the digits are equal, the
/// money is not. No currency at all is no currency, not any.
#[test]
fn edge_23_the_currency_is_part_of_the_amount() {
    let mut desk = desk(&[("INV-1", "A", "100")]);
    let reference = desk.reference("INV-1");
    desk.receive(credit_saying("1", "100 USD", &[&reference]));
    assert_eq!(desk.state("1"), parked(ParkReason::CurrencyMismatch));
    desk.receive(credit_from("2", "100 USD", "PAYERA"));
    assert_eq!(desk.state("2"), PaymentState::OnAccount);
    desk.receive(credit("3", "100 USD"));
    assert_eq!(desk.state("3"), parked(ParkReason::NoCandidate));
    assert_eq!(desk.invoice_now("INV-1").due(), Ok(money("100")));
    assert_eq!(Currency::parse(""), Err(MoneyError::UnknownCurrency));
}

/// Forty open invoices have more groups than anybody can search. The search has a fixed number of
/// steps, and a search that was not finished means "not unique": nothing is suggested from it.
#[test]
fn edge_24_forty_invoices_are_not_searched_for_ever() {
    let mut desk = desk(&[]);
    // All are even cents: no group can have an odd sum, but only the whole search would show it.
    let cents: Vec<i64> = (1..=40).map(|number| 10_000 + 2 * number).collect();
    for cents in &cents {
        let id = format!("INV-{cents}");
        desk.invoice(&id, "A", &format!("{}.{:02}", cents / 100, cents % 100));
    }
    assert_eq!(only_group(&cents, 50_201), Group::Unknown);
    let got = desk.receive(from("PAYERA", credit("1", "502.01")));
    assert_eq!(got, (Rule::NoFittingAmount, PaymentState::OnAccount));
    let notes = &desk.decision("1").explanation.notes;
    assert_eq!(notes, &["groups of invoices were not searched to the end"]);
    assert_eq!(desk.balance("A"), money("0"));
}
