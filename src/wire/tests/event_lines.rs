//! Every event as the whole line that is sent: with all that it may say, and with the least.

use super::*;
use crate::domain::event::ByHand;
use crate::domain::event::Direction;
use crate::domain::ids::BankAccountId;

/// One event a line, in the order of [`all`].
const LINES: &str = include_str!("events.jsonl");

/// What JSON escapes, what we escape beyond it, and what stands as it is.
const HOSTILE: &str =
    "\"\\/\u{8}\u{c}\n\r\t\0\u{1f} ~\u{7f}\u{80}\u{9f}\u{a0}\u{2028}\u{2029}é充💸";

fn by_hand_facts() -> Vec<Fact> {
    let said = |reason: &str| Some(reason.to_owned());
    let refunded = |account_id| ByHand::PaymentRefunded {
        payment_id: payment(),
        account_id,
        amount: sgd("60.5"),
        unallocated: sgd("39.5"),
        reason: "by bank transfer".to_owned(),
    };
    let facts = [
        ByHand::AccountClosed { account_id: account(), reason: said("moved") },
        ByHand::AccountClosed { account_id: account(), reason: None },
        ByHand::AccountReopened { account_id: account(), reason: said("came back") },
        ByHand::AccountReopened { account_id: account(), reason: None },
        refunded(Some(account())),
        refunded(None),
        ByHand::PaymentDismissed {
            payment_id: payment(),
            amount: sgd("100"),
            reason: "a loan".to_owned(),
        },
        ByHand::CommandCancelled {
            account_id: account(),
            record: RecordId { source: Source::trusted("crm"), id: MessageId::trusted("r-9") },
            reason: "no feed".to_owned(),
        },
    ];
    facts.into_iter().map(Fact::ByHand).collect()
}

/// What the tables above have only in one of two forms.
fn other_forms() -> Vec<Fact> {
    let (account_id, invoice_id) = (account(), invoice());
    vec![
        Fact::AccountUpserted { account_id: account_id.clone(), name: HOSTILE.to_owned() },
        Fact::InvoiceCreated {
            invoice_id: invoice_id.clone(),
            account_id: account_id.clone(),
            name: String::new(),
            amount: Money::parse("1500", Currency::parse("JPY").expect("JPY")).expect("amount"),
            due_date: None,
            payment_reference: "RF18INV1001".into(),
        },
        Fact::InvoiceSent {
            invoice_id: invoice_id.clone(),
            account_id: account_id.clone(),
            amount_due: sgd("40"),
            due_date: Some(day()),
            payment_reference: "RF18INV1001".into(),
            payment_qr: None,
        },
        Fact::InvoiceVoided {
            invoice_id: invoice_id.clone(),
            account_id: account_id.clone(),
            amount: sgd("100"),
            reason: None,
        },
        Fact::VoidCandidateFlagged {
            invoice_id: invoice_id.clone(),
            account_id: account_id.clone(),
            amount_due: sgd("100"),
            due_date: None,
            stale_since: DateTime::from_timestamp(1_763_805_600, 0).expect("instant"),
            stale_after_days: 3_650,
        },
    ]
}

/// The same of payments and balances.
fn other_forms_of_money() -> Vec<Fact> {
    let (account_id, invoice_id, payment_id) = (account(), invoice(), payment());
    vec![
        Fact::PaymentRecorded {
            payment_id: payment_id.clone(),
            account_id: None,
            amount: sgd("100"),
            received_on: day(),
            origin: "manual",
            split_from: None,
        },
        Fact::PaymentDeallocated {
            payment_id: payment_id.clone(),
            invoice_id,
            account_id: account_id.clone(),
            allocation_id: AllocationId(12),
            amount: sgd("60.5"),
            reason: None,
            invoice_amount_due: sgd("100"),
            payment_unallocated: sgd("60.5"),
        },
        Fact::PaymentRemoved {
            payment_id: payment_id.clone(),
            account_id: account_id.clone(),
            amount: sgd("100"),
            reason: Some("typed twice".into()),
        },
        Fact::PaymentReturnUndone {
            payment_id,
            account_id: None,
            amount: sgd("60"),
            allocated_again: sgd("0"),
            removed: sgd("0"),
            returned_total: sgd("0"),
        },
        Fact::BalanceThreshold {
            account_id: account_id.clone(),
            level: sgd("0"),
            balance: Money::from_micros(-1, sgd("0").currency()),
            direction: Direction::Up,
        },
    ]
}

fn least_of_jobs() -> Vec<Fact> {
    let drift = DriftSubject {
        kind: "account_ledger".to_owned(),
        of: "ACC-1".to_owned(),
        subject: "SGD".to_owned(),
        currency: "SGD".to_owned(),
    };
    vec![
        Fact::ReturnEnded {
            account_id: account(),
            bank_account: BankAccountId::trusted("OURS"),
            bank_key: "reversal:R/1".to_owned(),
            amount: sgd("40"),
            reason: None,
        },
        Fact::CommandRejected {
            command_type: "topup.payment.record.v1",
            account_id: None,
            code: "payment_exists",
            message: String::new(),
        },
        Fact::DriftFound { drift, difference: None, detail: HOSTILE.to_owned() },
    ]
}

fn all() -> Vec<Event> {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let named = facts().into_iter().map(|(fact, _)| fact);
    let others = [by_hand_facts(), other_forms(), other_forms_of_money(), least_of_jobs()].concat();
    let mut events: Vec<Event> =
        named.chain(others).map(|fact| event(EventKey::Account(account()), None, fact)).collect();
    let named = |name: &str| Fact::AccountUpserted { account_id: account(), name: name.to_owned() };
    events.push(event(EventKey::Payment(payment()), Some(trace), named("a trace")));
    let bank = EventKey::Bank(BankAccountId::trusted("OURS"));
    events.push(Event { sequence: i64::MAX, ..event(bank, None, named("a long sequence")) });
    events
}

#[test]
fn each_event_is_the_line_that_it_was() {
    let events = all();
    let kinds: std::collections::BTreeSet<_> =
        events.iter().map(|event| event.fact.event_type()).collect();
    assert_eq!(kinds.len(), 31, "{kinds:?}");
    for (event, line) in events.iter().zip(LINES.lines()) {
        assert_eq!(encode_event(event, "/topup"), line);
    }
    assert_eq!(events.len(), LINES.lines().count());
}
