//! The exact form of each event.

use std::sync::Arc;

use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::domain::event::{Cause, DriftSubject, EventKey, PartFact};
use crate::domain::ids::{
    AccountId, AllocationId, HoldId, InvoiceId, MessageId, PaymentId, RecordId, Source,
    SuggestionId,
};
use crate::domain::money::Currency;
use crate::domain::reversal::ReversalKind;

#[path = "event_jobs.rs"]
mod jobs;
#[path = "event_lines.rs"]
mod lines;

fn account() -> AccountId {
    AccountId::trusted("ACC-1")
}

fn invoice() -> InvoiceId {
    InvoiceId::trusted("INV-1001")
}

fn payment() -> PaymentId {
    PaymentId::trusted("PAY-1")
}

fn sgd(text: &str) -> Money {
    Money::parse(text, Currency::parse("SGD").expect("SGD")).expect("amount")
}

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 30).expect("date")
}

fn event(key: EventKey, traceparent: Option<&str>, fact: Fact) -> Event {
    let cause = Cause {
        record: RecordId { source: Source::trusted("bank-gateway"), id: MessageId::trusted("r-1") },
        traceparent: traceparent.map(str::to_owned),
        as_of: DateTime::from_timestamp(1_763_805_600, 5_999_999).expect("instant"),
    };
    Event { key, sequence: 7, cause: Arc::new(cause), fact }
}

/// Each fact and its `data`, exactly.
fn facts() -> Vec<(Fact, &'static str)> {
    let account_id = account();
    let mut facts = invoice_facts();
    facts.extend(jobs::candidate_facts());
    facts.extend(jobs::drift_facts());
    facts.extend(payment_facts());
    facts.extend(parked_facts());
    facts.extend(balance_facts());
    facts.extend(step_back_facts());
    facts.extend(return_facts());
    facts.extend(split_facts());
    facts.extend(proof_facts());
    facts.extend([
        (
            Fact::AccountUpserted { account_id: account_id.clone(), name: "ACME \"é\"".into() },
            r#"{"sequence":7,"account_id":"ACC-1","name":"ACME \"é\""}"#,
        ),
        (
            Fact::CommandRejected {
                command_type: "topup.invoice.void.v1",
                account_id: Some(account_id),
                code: "invoice_provisioned",
                message: "Line one\nline two".into(),
            },
            concat!(
                r#"{"sequence":7,"command_id":"r-1","command_type":"topup.invoice.void.v1""#,
                r#","account_id":"ACC-1","code":"invoice_provisioned""#,
                r#","message":"Line one\nline two"}"#
            ),
        ),
    ]);
    facts
}

fn balance_facts() -> Vec<(Fact, &'static str)> {
    let account_id = account();
    vec![
        (
            Fact::BalanceChanged {
                account_id: account_id.clone(),
                delta: sgd("1.5").negated(),
                balance: Money::from_micros(4_000, sgd("0").currency()),
                cause: BalanceCause::Allocation(AllocationId(12)),
            },
            concat!(
                r#"{"sequence":7,"account_id":"ACC-1","delta":"-1.50","balance":"0.004""#,
                r#","currency":"SGD","allocation_id":"12"}"#
            ),
        ),
        (
            Fact::BalanceChanged {
                account_id: account_id.clone(),
                delta: sgd("1.5").negated(),
                balance: sgd("8.5"),
                cause: BalanceCause::Usage { charges: 3, refunds: 1 },
            },
            concat!(
                r#"{"sequence":7,"account_id":"ACC-1","delta":"-1.50","balance":"8.50""#,
                r#","currency":"SGD","charges":3,"refunds":1}"#
            ),
        ),
        (
            Fact::BalanceOverdrawn {
                account_id: account_id.clone(),
                balance: sgd("60").negated(),
                credit_limit: sgd("50"),
                exceeded_by: sgd("10"),
            },
            concat!(
                r#"{"sequence":7,"account_id":"ACC-1","balance":"-60.00","credit_limit":"50.00""#,
                r#","exceeded_by":"10.00","currency":"SGD"}"#
            ),
        ),
        (
            Fact::BalanceThreshold {
                account_id: account_id.clone(),
                level: sgd("5"),
                balance: sgd("4.95"),
                direction: crate::domain::event::Direction::Down,
            },
            concat!(
                r#"{"sequence":7,"account_id":"ACC-1","direction":"down","level":"5.00""#,
                r#","balance":"4.95","currency":"SGD"}"#
            ),
        ),
        (
            Fact::HoldExpired {
                account_id: account_id.clone(),
                hold_id: HoldId::trusted("H-1"),
                amount: sgd("2"),
            },
            r#"{"sequence":7,"account_id":"ACC-1","hold_id":"H-1","amount":"2.00","currency":"SGD"}"#,
        ),
    ]
}

fn step_back_facts() -> Vec<(Fact, &'static str)> {
    let (account_id, invoice_id, payment_id) = (account(), invoice(), payment());
    vec![
        (
            Fact::PaymentDeallocated {
                payment_id: payment_id.clone(),
                invoice_id: invoice_id.clone(),
                account_id: account_id.clone(),
                allocation_id: AllocationId(12),
                amount: sgd("60.5"),
                reason: Some("wrong invoice".into()),
                invoice_amount_due: sgd("100"),
                payment_unallocated: sgd("60.5"),
            },
            concat!(
                r#"{"sequence":7,"payment_id":"PAY-1","invoice_id":"INV-1001""#,
                r#","account_id":"ACC-1","allocation_id":"12","amount":"60.50""#,
                r#","currency":"SGD","reason":"wrong invoice","invoice_amount_due":"100.00""#,
                r#","payment_unallocated":"60.50"}"#
            ),
        ),
        (
            Fact::PaymentDueRestored {
                invoice_id,
                account_id: account_id.clone(),
                amount: sgd("60.5"),
                amount_due: sgd("100"),
                cause: ReversalKind::Returned,
            },
            concat!(
                r#"{"sequence":7,"invoice_id":"INV-1001","account_id":"ACC-1""#,
                r#","amount":"60.50","currency":"SGD","amount_due":"100.00""#,
                r#","cause":"returned"}"#
            ),
        ),
        (
            Fact::PaymentRemoved {
                payment_id,
                account_id: account_id.clone(),
                amount: sgd("100"),
                reason: None,
            },
            concat!(
                r#"{"sequence":7,"payment_id":"PAY-1","account_id":"ACC-1""#,
                r#","amount":"100.00","currency":"SGD"}"#
            ),
        ),
        (
            Fact::BalanceChanged {
                account_id,
                delta: sgd("60.5").negated(),
                balance: sgd("9.5"),
                cause: BalanceCause::Reversal(AllocationId(12), ReversalKind::Deallocated),
            },
            concat!(
                r#"{"sequence":7,"account_id":"ACC-1","delta":"-60.50","balance":"9.50""#,
                r#","currency":"SGD","allocation_id":"12","cause":"deallocated"}"#
            ),
        ),
    ]
}

fn return_facts() -> Vec<(Fact, &'static str)> {
    vec![
        (
            Fact::PaymentReturned {
                payment_id: payment(),
                account_id: Some(account()),
                amount: sgd("60"),
                from_unallocated: sgd("10"),
                from_unspent: sgd("45.5"),
                clawed_back: Money::from_micros(4_500_000, sgd("0").currency()),
                removed: sgd("0"),
                returned_total: sgd("70"),
                reason: Some("AC04".into()),
            },
            concat!(
                r#"{"sequence":7,"payment_id":"PAY-1","account_id":"ACC-1","amount":"60.00""#,
                r#","currency":"SGD","from_unallocated":"10.00","from_unspent":"45.50""#,
                r#","clawed_back":"4.50","returned_total":"70.00","reason":"AC04"}"#
            ),
        ),
        (
            Fact::PaymentReturned {
                payment_id: payment(),
                account_id: None,
                amount: sgd("60"),
                from_unallocated: sgd("0"),
                from_unspent: sgd("0"),
                clawed_back: sgd("0"),
                removed: sgd("60"),
                returned_total: sgd("60"),
                reason: None,
            },
            concat!(
                r#"{"sequence":7,"payment_id":"PAY-1","amount":"60.00","currency":"SGD""#,
                r#","from_unallocated":"0.00","from_unspent":"0.00","clawed_back":"0.00""#,
                r#","removed":"60.00","returned_total":"60.00"}"#
            ),
        ),
        (
            Fact::PaymentReturnUndone {
                payment_id: payment(),
                account_id: Some(account()),
                amount: sgd("60"),
                allocated_again: sgd("45.5"),
                removed: sgd("4.5"),
                returned_total: sgd("0"),
            },
            concat!(
                r#"{"sequence":7,"payment_id":"PAY-1","account_id":"ACC-1","amount":"60.00""#,
                r#","currency":"SGD","allocated_again":"45.50","removed":"4.50""#,
                r#","returned_total":"0.00"}"#
            ),
        ),
    ]
}

fn split_facts() -> Vec<(Fact, &'static str)> {
    let part = |id, owner, amount| PartFact {
        payment_id: PaymentId::trusted(id),
        account_id: AccountId::trusted(owner),
        amount: sgd(amount),
    };
    vec![
        (
            Fact::PaymentSplit {
                payment_id: payment(),
                account_id: None,
                amount: sgd("100.5"),
                unallocated: sgd("0.5"),
                parts: vec![part("SPLIT:a:1", "ACC-1", "60.5"), part("SPLIT:a:2", "ACC-2", "40")],
                reason: Some("a settlement".into()),
            },
            concat!(
                r#"{"sequence":7,"payment_id":"PAY-1","amount":"100.50","currency":"SGD""#,
                r#","unallocated":"0.50","parts":[{"payment_id":"SPLIT:a:1","account_id":"ACC-1""#,
                r#","amount":"60.50"},{"payment_id":"SPLIT:a:2","account_id":"ACC-2""#,
                r#","amount":"40.00"}],"reason":"a settlement"}"#
            ),
        ),
        (
            Fact::PaymentSplitUndone {
                payment_id: payment(),
                account_id: Some(account()),
                amount: sgd("40"),
                unallocated: sgd("40"),
                parts: vec![part("SPLIT:a:2", "ACC-2", "40")],
                reason: None,
            },
            concat!(
                r#"{"sequence":7,"payment_id":"PAY-1","account_id":"ACC-1","amount":"40.00""#,
                r#","currency":"SGD","unallocated":"40.00","parts":[{"payment_id":"SPLIT:a:2""#,
                r#","account_id":"ACC-2","amount":"40.00"}]}"#
            ),
        ),
        (
            Fact::ReturnEnded {
                account_id: account(),
                bank_account: crate::domain::ids::BankAccountId::trusted("OURS"),
                bank_key: "reversal:R/1".to_owned(),
                amount: sgd("40"),
                reason: Some("paid back by card".to_owned()),
            },
            concat!(
                r#"{"sequence":7,"account_id":"ACC-1","bank_account":"OURS""#,
                r#","bank_key":"reversal:R/1","amount":"40.00","currency":"SGD""#,
                r#","reason":"paid back by card"}"#
            ),
        ),
        (
            Fact::PaymentRecorded {
                payment_id: PaymentId::trusted("SPLIT:a:1"),
                account_id: Some(account()),
                amount: sgd("60.5"),
                received_on: day(),
                origin: "split",
                split_from: Some(payment()),
            },
            concat!(
                r#"{"sequence":7,"payment_id":"SPLIT:a:1","account_id":"ACC-1","amount":"60.50""#,
                r#","currency":"SGD","received_on":"2026-11-30","origin":"split""#,
                r#","split_from":"PAY-1"}"#
            ),
        ),
    ]
}

fn proof_facts() -> Vec<(Fact, &'static str)> {
    let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("instant");
    let pending = |known| Fact::CommandPendingProof {
        command_type: "topup.payment.deallocate.v1",
        account_id: account(),
        payment_id: payment(),
        needs_usage_through: at(1_763_805_600),
        usage_complete_through: known,
    };
    vec![
        (
            pending(Some(at(1_763_802_000))),
            concat!(
                r#"{"sequence":7,"command_id":"r-1""#,
                r#","command_type":"topup.payment.deallocate.v1","account_id":"ACC-1""#,
                r#","payment_id":"PAY-1","needs_usage_through":"2025-11-22T10:00:00.000Z""#,
                r#","usage_complete_through":"2025-11-22T09:00:00.000Z"}"#
            ),
        ),
        (
            pending(None),
            concat!(
                r#"{"sequence":7,"command_id":"r-1""#,
                r#","command_type":"topup.payment.deallocate.v1","account_id":"ACC-1""#,
                r#","payment_id":"PAY-1","needs_usage_through":"2025-11-22T10:00:00.000Z"}"#
            ),
        ),
    ]
}

fn payment_facts() -> Vec<(Fact, &'static str)> {
    let (account_id, invoice_id, payment_id) = (account(), invoice(), payment());
    vec![
        (
            Fact::PaymentRecorded {
                payment_id: payment_id.clone(),
                account_id: Some(account_id.clone()),
                amount: sgd("100"),
                received_on: day(),
                origin: "bank",
                split_from: None,
            },
            concat!(
                r#"{"sequence":7,"payment_id":"PAY-1","account_id":"ACC-1""#,
                r#","amount":"100.00","currency":"SGD","received_on":"2026-11-30""#,
                r#","origin":"bank"}"#
            ),
        ),
        (
            Fact::PaymentAllocated {
                payment_id: payment_id.clone(),
                invoice_id: invoice_id.clone(),
                account_id: account_id.clone(),
                allocation_id: AllocationId(9_007_199_254_740_993),
                amount: sgd("60.5"),
                rule: "R1",
                invoice_amount_due: sgd("0"),
                payment_unallocated: sgd("39.5"),
            },
            concat!(
                r#"{"sequence":7,"payment_id":"PAY-1","invoice_id":"INV-1001""#,
                r#","account_id":"ACC-1","allocation_id":"9007199254740993""#,
                r#","amount":"60.50","currency":"SGD","rule":"R1""#,
                r#","invoice_amount_due":"0.00","payment_unallocated":"39.50"}"#
            ),
        ),
    ]
}

fn parked_facts() -> Vec<(Fact, &'static str)> {
    let (account_id, invoice_id, payment_id) = (account(), invoice(), payment());
    vec![
        (
            Fact::PaymentParked {
                payment_id: payment_id.clone(),
                account_id: None,
                unallocated: sgd("100"),
                reason: "ambiguous",
                suggestions: vec![
                    SuggestedInvoice {
                        suggestion_id: Some(SuggestionId::trusted("7-1")),
                        invoice_id,
                        account_id: account_id.clone(),
                        amount_due: sgd("100"),
                        with: vec![(PaymentId::trusted("PAY-2"), sgd("40"))],
                    },
                    SuggestedInvoice {
                        suggestion_id: None,
                        invoice_id: InvoiceId::trusted("INV-2"),
                        account_id: account_id.clone(),
                        amount_due: sgd("1"),
                        with: Vec::new(),
                    },
                ],
            },
            concat!(
                r#"{"sequence":7,"payment_id":"PAY-1","unallocated":"100.00""#,
                r#","currency":"SGD","reason":"ambiguous""#,
                r#","suggestions":[{"suggestion_id":"7-1","invoice_id":"INV-1001""#,
                r#","account_id":"ACC-1""#,
                r#","amount_due":"100.00","currency":"SGD""#,
                r#","with_payments":[{"payment_id":"PAY-2","amount":"40.00"}]}"#,
                r#",{"invoice_id":"INV-2""#,
                r#","account_id":"ACC-1","amount_due":"1.00","currency":"SGD"}]}"#
            ),
        ),
        (
            Fact::PaymentParked {
                payment_id,
                account_id: Some(account_id.clone()),
                unallocated: sgd("100"),
                reason: "not_sent",
                suggestions: Vec::new(),
            },
            concat!(
                r#"{"sequence":7,"payment_id":"PAY-1","account_id":"ACC-1""#,
                r#","unallocated":"100.00","currency":"SGD","reason":"not_sent""#,
                r#","suggestions":[]}"#
            ),
        ),
    ]
}

fn invoice_facts() -> Vec<(Fact, &'static str)> {
    let (account_id, invoice_id) = (account(), invoice());
    vec![
        (
            Fact::InvoiceCreated {
                invoice_id: invoice_id.clone(),
                account_id: account_id.clone(),
                name: "November topup".into(),
                amount: sgd("100"),
                due_date: Some(day()),
                payment_reference: "RF18INV1001".into(),
            },
            concat!(
                r#"{"sequence":7,"invoice_id":"INV-1001","account_id":"ACC-1""#,
                r#","name":"November topup","amount":"100.00","currency":"SGD""#,
                r#","due_date":"2026-11-30","payment_reference":"RF18INV1001"}"#
            ),
        ),
        (
            Fact::InvoiceSent {
                invoice_id: invoice_id.clone(),
                account_id: account_id.clone(),
                amount_due: sgd("40"),
                due_date: None,
                payment_reference: "RF18INV1001".into(),
                payment_qr: Some(("epc069-12", "BCD\n002".into())),
            },
            concat!(
                r#"{"sequence":7,"invoice_id":"INV-1001","account_id":"ACC-1","amount_due":"40.00""#,
                r#","currency":"SGD","payment_reference":"RF18INV1001""#,
                r#","payment_qr":{"kind":"epc069-12","text":"BCD\n002"}}"#
            ),
        ),
        (
            Fact::InvoiceProvisioned {
                invoice_id: invoice_id.clone(),
                account_id: account_id.clone(),
                amount: sgd("100"),
            },
            concat!(
                r#"{"sequence":7,"invoice_id":"INV-1001","account_id":"ACC-1""#,
                r#","amount":"100.00","currency":"SGD"}"#
            ),
        ),
        (
            Fact::InvoiceVoided {
                invoice_id,
                account_id,
                amount: sgd("100"),
                reason: Some("sent twice".into()),
            },
            concat!(
                r#"{"sequence":7,"invoice_id":"INV-1001","account_id":"ACC-1""#,
                r#","amount":"100.00","currency":"SGD","reason":"sent twice"}"#
            ),
        ),
    ]
}

#[test]
fn each_fact_has_its_exact_form() {
    for (fact, data) in facts() {
        let kind = fact.event_type();
        let head = r#"{"specversion":"1.0","id":"account/ACC-1/7","source":"topup""#;
        let subject = r#""subject":"ACC-1","time":"2025-11-22T10:00:00.005Z""#;
        let form = r#""datacontenttype":"application/json","sequence":"7""#;
        let cause = r#""causationid":"r-1","causationsource":"bank-gateway""#;
        let expected =
            format!(r#"{head},"type":"{kind}",{subject},{form},{cause},"data":{data}}}"#);
        assert_eq!(
            encode_event(&event(EventKey::Account(account()), None, fact), "topup"),
            expected
        );
    }
}

#[test]
fn a_trace_and_a_payment_key_are_carried() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let name = r#","traceparent":"00-x","data":{"#.to_owned();
    let fact = Fact::AccountUpserted { account_id: account(), name };
    let untraced = encode_event(&event(EventKey::Payment(payment()), None, fact.clone()), "topup");
    assert_eq!(traceparent_of(&untraced), None);
    let line = encode_event(&event(EventKey::Payment(payment()), Some(trace), fact), "topup");
    assert_eq!(traceparent_of(&line), Some(trace));
    assert!(line.contains(r#""id":"payment/PAY-1/7""#), "{line}");
    assert!(line.contains(&format!(r#""traceparent":"{trace}","data""#)), "{line}");
}

proptest! {
    #[test]
    fn any_text_survives_on_one_line(text in any::<String>()) {
        let json = line_of(&text);
        let breaks = json.contains(|at: char| at.is_control() || at == '\u{2028}');
        prop_assert!(!breaks);
        prop_assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
    }
}
