//! Every refusal of a command, and what a command that is not refused does.

use chrono::{DateTime, TimeDelta, Utc};

use crate::account::Account;
use crate::effect::Outcome;
use crate::event::{EventKey, Fact};
use crate::ids::{
    AccountId, BankKey, DecisionId, MessageId, PaymentId, RecordId, Source, SuggestionId,
};
use crate::input::{
    CancelCommand, Command, ReleasePayment, ReleaseWord, ResolveReturn, ReturnWord,
};
use crate::invoice::InvoiceStatus;
use crate::matching::policy;
use crate::money::{Amount, BALANCE_MAX_MICROS, Money};
use crate::payment::{ParkReason, PaymentState};
use crate::rejection::Rejection;
use crate::review::{Suggestion, SuggestionStatus};
use crate::testkit::*;

/// Nothing but the store closes accounts and removes payments, so tests do it by hand.
pub(super) fn close(desk: &mut Desk, id: &str) {
    let named = Account::named_by_a_record(account(id));
    let accounts = desk.model.set.accounts_mut();
    accounts.entry(account(id)).or_insert(named).closed = true;
}

pub(super) fn take_away(desk: &mut Desk, id: &str) {
    let payment = desk.model.set.payments_mut().get_mut(&payment(id)).expect("a payment");
    payment.state = PaymentState::Removed;
}

pub(super) fn fill_balance(desk: &mut Desk, id: &str) {
    let full = Money::from_micros(BALANCE_MAX_MICROS, currency("SGD"));
    desk.model.set.know_balance(&account(id), full);
}

/// Payment FREE has the suggestion 1-1, which was refused.
pub(super) fn refuse_before(desk: &mut Desk) {
    let refused = Suggestion {
        id: SuggestionId::trusted("1-1"),
        payment_id: payment("FREE"),
        decision_id: DecisionId(1),
        account_id: account("A"),
        parts: vec![(invoice("S"), money("60"))],
        with: Vec::new(),
        status: SuggestionStatus::Rejected,
    };
    desk.model.set.review.know_suggestion(refused);
}

/// Account A with a draft D, a sent S, a provisioned P (paid by PAID), a voided V and a partly
/// paid H, all of 100; its payments FREE of 60, USED (nothing left), PAID. Account B with BI.
pub(super) fn stage() -> Desk {
    let mut desk = Desk::new();
    desk.draft("D", "A", "100");
    for id in ["S", "P", "V", "H"] {
        desk.invoice(id, "A", "100");
    }
    desk.invoice("DOLLARS", "A", "100 USD");
    desk.invoice("BI", "B", "100");
    for (id, amount) in [("FREE", "60"), ("USED", "40"), ("PAID", "100")] {
        desk.apply(Command::RecordPayment(record(id, Some("A"), amount)));
    }
    desk.apply(Command::RecordPayment(record("NOBODYS", None, "60")));
    desk.apply(Command::RecordPayment(record("BS", Some("B"), "60")));
    desk.apply(allocate("PAID", "A", &[("P", "")]));
    desk.apply(allocate("USED", "A", &[("H", "")]));
    desk.apply(void("V", "A"));
    desk
}

/// The id that [`split_free`] gives to the part, which would depend on what came before.
pub(super) const PART: &str = "PART";

/// Splits all of FREE: all of it is A's.
pub(super) fn split_free(desk: &mut Desk) {
    split_onto(desk, &[]);
}

pub(super) fn split_onto(desk: &mut Desk, invoices: &[&str]) {
    desk.apply(split("FREE", "A", &[("A", "60", invoices)]));
    let set = &mut desk.model.set;
    let made = set.parts_mut().insert(payment("FREE"), vec![payment(PART)]).expect("a part");
    let mut part = set.payments_mut().remove(&made[0]).expect("a part");
    part.payment_id = payment(PART);
    set.payments_mut().insert(payment(PART), part);
    for link in set.allocations.values_mut().filter(|link| link.payment_id == made[0]) {
        link.payment_id = payment(PART);
    }
}

pub(super) type Arrange = fn(&mut Desk);

pub(super) fn take_virtual_account(desk: &mut Desk) {
    let mut owner = upsert("A");
    owner.virtual_accounts = Some(vec!["VIRTUALA".to_owned()]);
    desk.apply(Command::UpsertAccount(owner));
}

pub(super) fn upsert_of_a_taken_virtual_account() -> Command {
    let mut command = upsert("B");
    command.virtual_accounts = Some(vec!["VIRTUALA".to_owned()]);
    Command::UpsertAccount(command)
}

fn upsert_of_a_placeholder() -> Command {
    let mut command = upsert("B");
    command.payer_accounts = Some(vec!["PAYERB".to_owned(), "XXXXXX1234".to_owned()]);
    Command::UpsertAccount(command)
}

/// Of those payments, each all that the return still lacks; of none, it ends.
fn resolve(payments: &[&str]) -> Command {
    let payments: Vec<_> = payments.iter().map(|id| (PaymentId::trusted(id), None)).collect();
    let word = if payments.is_empty() {
        ReturnWord::End
    } else {
        ReturnWord::Take { payments, fee: None }
    };
    let key = BankKey { bank_account: "OURS".to_owned(), key: "reversal:R".to_owned() };
    let account_id = AccountId::trusted("A");
    Command::ResolveReturn(ResolveReturn { account_id, key, word, reason: None })
}

/// Pays so much of it back; without an amount it is dismissed.
pub(super) fn release(id: &str, account: Option<&str>, amount: Option<&str>) -> Command {
    let amount = amount.map(|amount| Amount::parse(amount).expect("an amount"));
    Command::ReleasePayment(ReleasePayment {
        payment_id: PaymentId::trusted(id),
        account_id: account.map(AccountId::trusted),
        word: amount.map_or(ReleaseWord::Dismiss, |amount| ReleaseWord::Refund(Some(amount))),
        reason: "said".to_owned(),
    })
}

fn close_account(id: &str, closed: bool) -> Command {
    Command::CloseAccount { account_id: AccountId::trusted(id), closed, reason: None }
}

fn cancel_command(account: &str, id: &str) -> Command {
    let record = RecordId { source: Source::trusted("crm"), id: MessageId::trusted(id) };
    let account_id = Some(AccountId::trusted(account));
    Command::CancelCommand(CancelCommand { account_id, record, reason: "said".to_owned() })
}

fn park_return(desk: &mut Desk) {
    desk.bank(crate::testkit::returned("R", "NEVER", "5000"));
}

fn park_dollars(desk: &mut Desk) {
    desk.bank(crate::testkit::returned("R", "NEVER", "5 USD"));
}

#[rustfmt::skip]
fn refusals_by_state() -> Vec<(Rejection, Arrange, Command)> {
    use Rejection::*;
    let nothing: Arrange = |_| {};
    let closed: Arrange = |desk| close(desk, "A");
    let gone: Arrange = |desk| take_away(desk, "FREE");
    vec![
        (AccountNotClosed, nothing, close_account("A", false)),
        (AccountClosed, closed, close_account("A", true)),
        (AccountMismatch, nothing, release("BS", Some("A"), Some("1"))),
        (AccountMismatch, nothing, release("FREE", None, Some("1"))),
        (PaymentNotAssigned, nothing, release("NOBODYS", Some("A"), Some("1"))),
        (PaymentAlreadyAssigned, nothing, release("FREE", None, None)),
        (PaymentRemoved, |desk| take_away(desk, "NOBODYS"), release("NOBODYS", None, None)),
        (PaymentSplit, split_free, release("FREE", Some("A"), Some("1"))),
        (PaymentIsPart, split_free, release(PART, Some("A"), Some("1"))),
        (CommandNotWaiting, nothing, cancel_command("A", "NONE")),
        (AccountMismatch, nothing, mark_sent("BI", "A")),
        (AccountMismatch, nothing, assign("BS", "A")),
        (AccountMismatch, nothing, allocate("BS", "A", &[("S", "")])),
        (AccountMismatch, nothing, allocate("FREE", "A", &[("BI", "")])),
        (AccountMismatch, nothing, remove("BS", "A")),
        (AccountClosed, closed, keep("S", "A")),
        (AccountClosed, closed, Command::RecordPayment(record("NEW", Some("A"), "5"))),
        (InvoiceExists, nothing, Command::CreateInvoice(create("S", "A", "5"))),
        (InvoiceExists, nothing, Command::CreateInvoice(create("BI", "A", "5"))),
        (ReferenceInvalid, nothing, quoted("Q1", &["RF19539007547034"])),
        (ReferenceTaken, |desk| desk.apply(quoted("Q1", &["SO-10045"])),
            quoted("Q2", &["so 10045"])),
        (PaymentExists, nothing, Command::RecordPayment(record("FREE", None, "1"))),
        (VirtualAccountTaken, take_virtual_account, upsert_of_a_taken_virtual_account()),
        (AccountNumberPlaceholder, nothing, upsert_of_a_placeholder()),
        (PaymentNotAssigned, nothing, allocate("NOBODYS", "A", &[("S", "")])),
        (PaymentAlreadyAssigned, nothing, assign("FREE", "A")),
        (PaymentRemoved, |desk| take_away(desk, "NOBODYS"), assign("NOBODYS", "A")),
        (PaymentRemoved, gone, allocate("FREE", "A", &[("S", "")])),
        (PaymentRemoved, gone, remove("FREE", "A")),
        (AccountMismatch, nothing, split("BS", "A", &[("A", "1", &[])])),
        (AccountMismatch, nothing, split("NOBODYS", "A", &[("B", "1", &[])])),
        (AccountMismatch, nothing, split("FREE", "A", &[("B", "1", &["S"])])),
        (AccountClosed, |desk| close(desk, "B"), split("FREE", "A", &[("B", "1", &[])])),
        (AccountMismatch, split_free, unsplit("FREE", "B")),
        (PaymentRemoved, gone, split("FREE", "A", &[("B", "1", &[])])),
        (PaymentSplit, split_free, split("FREE", "A", &[("B", "1", &[])])),
        (PaymentSplit, split_free, remove("FREE", "A")),
        (PaymentSplit, split_free, allocate("FREE", "A", &[("S", "")])),
        (PaymentNotSplit, nothing, unsplit("FREE", "A")),
        (PaymentIsPart, split_free, split(PART, "A", &[("B", "1", &[])])),
        (AccountMismatch, nothing, resolve(&["BS"])),
        (ReturnNotParked, nothing, resolve(&["FREE"])),
        (ReturnNotParked, nothing, resolve(&[])),
        (ReturnMismatch, park_return, resolve(&["FREE"])),
        (CurrencyMismatch, park_dollars, resolve(&["FREE"])),
        (AccountMismatch, nothing, confirm("BS", "NONE", "A")),
        (SuggestionUnknown, nothing, confirm("FREE", "NONE", "A")),
        (SuggestionUnknown, nothing, reject("FREE", "NONE", "A")),
        (SuggestionClosed, refuse_before, confirm("FREE", "1-1", "A")),
        (SuggestionClosed, refuse_before, reject("FREE", "1-1", "A")),
        (InvoiceAlreadyVoided, nothing, void("V", "A")),
        (InvoiceVoided, nothing, mark_sent("V", "A")),
        (InvoiceVoided, nothing, allocate("FREE", "A", &[("V", "")])),
        (InvoiceAlreadyProvisioned, nothing, void("P", "A")),
        (InvoiceAlreadyProvisioned, nothing, mark_sent("P", "A")),
        (InvoiceAlreadyProvisioned, nothing, allocate("FREE", "A", &[("P", "")])),
        (InvoiceNotSent, nothing, allocate("FREE", "A", &[("D", "")])),
        (InvoiceHasAllocations, nothing, void("H", "A")),
        (NotACandidate, nothing, void_since("S", "A", Some(Desk::new().now))),
    ]
}

#[rustfmt::skip]
fn refusals_by_amount() -> Vec<(Rejection, Arrange, Command)> {
    use Rejection::*;
    let nothing: Arrange = |_| {};
    let full: Arrange = |desk| fill_balance(desk, "A");
    let paired: Arrange = |desk| desk.apply(allocate("FREE", "A", &[("S", "10")]));
    let small: Arrange = |desk| desk.invoice("SMALL", "A", "5");
    let spent: Arrange = |desk| desk.charge("U1", "A", "1000");
    let held: Arrange = |desk| desk.hold("H1", "A", "1000");
    vec![
        (CurrencyMismatch, nothing, allocate("FREE", "A", &[("DOLLARS", "")])),
        (AllocationNotFound, nothing, deallocate("FREE", "S", "A")),
        (AllocationExists, paired, allocate("FREE", "A", &[("S", "10")])),
        (NothingUnallocated, nothing, allocate("USED", "A", &[("S", "")])),
        (NothingUnallocated, nothing, release("USED", Some("A"), Some("1"))),
        (AmountExceedsUnallocated, nothing, release("FREE", Some("A"), Some("61"))),
        (AmountExceedsUnallocated, nothing, allocate("FREE", "A", &[("S", "61")])),
        (AmountExceedsDue, small, allocate("FREE", "A", &[("SMALL", "6")])),
        (BalanceLimit, full, allocate("FREE", "A", &[("S", "")])),
        (LotSpent, spent, deallocate("PAID", "P", "A")),
        (LotSpent, spent, remove("PAID", "A")),
        (LotHeld, held, deallocate("PAID", "P", "A")),
        (AmountExceedsUnallocated, nothing,
            split("FREE", "A", &[("A", "30", &[]), ("B", "31", &[])])),
    ]
}

#[test]
fn every_refusal_is_reached_and_told() {
    let cases = [refusals_by_state(), refusals_by_amount()].concat();
    // A command is refused for want of a proof at its deadline, or cancelled, not when it comes.
    let later = [Rejection::UsageProofUnavailable, Rejection::Cancelled];
    let at_once = |rejection: &Rejection| !later.contains(rejection);
    for rejection in Rejection::ALL.into_iter().filter(at_once) {
        let reached = cases.iter().any(|case| case.0 == rejection);
        assert!(reached, "no case for {rejection:?}");
    }
    for (expected, arrange, command) in cases {
        let mut desk = stage();
        arrange(&mut desk);
        let before = desk.model.summary();
        let outcome = desk.hand_in(command.clone());
        assert_eq!(outcome, Outcome::Rejected(expected), "{command:?}");
        let mut after = desk.model.summary();
        after.events.clone_from(&before.events);
        assert_eq!(before, after, "a refusal changes nothing: {command:?}");
        let event = desk.model.set.events.last().expect("an event");
        let Fact::CommandRejected { code, command_type, .. } = &event.fact else {
            panic!("the requester is told: {event:?}");
        };
        assert_eq!((*code, *command_type), (expected.code(), command.type_name()));
    }
}

#[test]
fn an_invoice_goes_from_draft_to_paid() {
    let mut desk = Desk::new();
    desk.draft("INV-1", "A", "100");
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Draft);
    desk.apply(mark_sent("INV-1", "A"));
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::AwaitingPayment);
    desk.apply(Command::RecordPayment(record("PAY-1", None, "150")));
    desk.apply(assign("PAY-1", "A"));
    desk.apply(allocate("PAY-1", "A", &[("INV-1", "40")]));
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::AwaitingPayment);
    assert_eq!(desk.balance("A"), money("40"));
    desk.apply(Command::RecordPayment(record("PAY-2", Some("A"), "60")));
    desk.apply(allocate("PAY-2", "A", &[("INV-1", "")]));
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Provisioned);
    assert_eq!(desk.invoice_now("INV-1").due(), Ok(money("0")));
    assert_eq!(desk.balance("A"), money("100"));
    let state = |id| desk.model.set.payments_here()[&payment(id)].state;
    assert_eq!(state("PAY-1"), PaymentState::PartlyAllocated);
    assert_eq!(state("PAY-2"), PaymentState::Allocated);
}

#[test]
fn an_allocation_is_done_in_all_its_parts_or_not_at_all() {
    let mut desk = stage();
    let outcome = desk.hand_in(allocate("FREE", "A", &[("S", "10"), ("D", "10")]));
    assert_eq!(outcome, Outcome::Rejected(Rejection::InvoiceNotSent));
    assert!(desk.invoice_now("S").allocated.is_zero());
    let outcome = desk.hand_in(allocate("FREE", "A", &[("S", "50"), ("H", "20")]));
    assert_eq!(outcome, Outcome::Rejected(Rejection::AmountExceedsUnallocated));
    desk.apply(allocate("FREE", "A", &[("S", "40"), ("H", "")]));
    assert_eq!(desk.invoice_now("S").allocated, money("40"));
    assert_eq!(desk.invoice_now("H").allocated, money("60"));
}

#[test]
fn a_draft_and_an_unpaid_invoice_may_be_voided() {
    let mut desk = stage();
    for id in ["D", "S"] {
        desk.apply(void(id, "A"));
        assert_eq!(desk.invoice_now(id).status, InvoiceStatus::Voided);
    }
}

#[test]
fn a_payment_recorded_by_hand_waits_for_a_person() {
    let desk = stage();
    let state = |id| desk.model.set.payments_here()[&payment(id)].state;
    assert_eq!(state("FREE"), PaymentState::OnAccount);
    assert_eq!(state("NOBODYS"), PaymentState::Parked(ParkReason::NoAccount));
}

#[test]
fn a_refusal_without_an_account_is_told_to_the_payment() {
    let mut desk = stage();
    desk.hand_in(Command::RecordPayment(record("NOBODYS", None, "1")));
    let event = desk.model.set.events.last().expect("an event");
    assert_eq!(event.key, EventKey::Payment(payment("NOBODYS")));
    assert_eq!(event.sequence, 2);
}

#[test]
fn a_lot_opened_on_a_debt_burns_it_first() {
    // Balance before, balance after a hundred more, what is left in the lot.
    let debts = [(-30, 70, 70), (-100, 0, 0), (-130, -30, 0), (5, 105, 100)];
    for (before, after, left) in debts {
        let units = |units: i64| Money::from_micros(units * 1_000_000, currency("SGD"));
        let mut desk = Desk::new();
        desk.invoice("INV-1", "A", "100");
        desk.model.set.know_balance(&account("A"), units(before));
        desk.apply(Command::RecordPayment(record("PAY-1", Some("A"), "100")));
        desk.apply(allocate("PAY-1", "A", &[("INV-1", "")]));
        let lot = desk.model.allocations().next().expect("a lot").lot_remaining;
        assert_eq!((desk.balance("A"), lot), (units(after), units(left)), "after {before}");
    }
}

#[test]
fn payer_accounts_that_are_not_named_any_more_are_forgotten() {
    let mut desk = Desk::with_customers(policy::Policy::default());
    let mut moved = upsert("A");
    moved.payer_accounts = Some(vec!["OTHER".to_owned()]);
    desk.apply(Command::UpsertAccount(moved));
    desk.invoice("INV-1", "A", "100");
    desk.receive(credit_from("1", "100", "PAYERA"));
    assert_eq!(desk.state("1"), parked(ParkReason::AmountOnly));
    desk.receive(credit_from("2", "100", "OTHER"));
    assert_eq!(desk.state("2"), PaymentState::Allocated);
    // Parts that a command leaves out stay as they are.
    desk.apply(Command::UpsertAccount(upsert("A")));
    assert_eq!(desk.model.set.customers("OTHER").expect("known").verified.len(), 1);
}

#[test]
fn a_void_candidate_is_none_any_more_once_something_happens_to_it() {
    let cases: [(Command, &str); 4] = [
        (allocate("FREE", "A", &[("S", "10")]), "paid"),
        (mark_sent("S", "A"), "resent"),
        (keep("S", "A"), "kept"),
        (void("S", "A"), "voided"),
    ];
    for (command, reason) in cases {
        let mut desk = stage();
        let now = desk.now;
        desk.model.set.invoices_mut().get_mut(&invoice("S")).expect("S").candidate_since =
            Some(now);
        let before = desk.model.set.events.len();
        desk.apply(command);
        let told: Vec<&Fact> =
            desk.model.set.events[before..].iter().map(|event| &event.fact).collect();
        let cleared = |fact: &&&Fact| matches!(fact, Fact::VoidCandidateCleared { .. });
        let found: Vec<_> = told.iter().filter(cleared).collect();
        assert_eq!(found.len(), 1, "{reason}: {told:?}");
        assert!(
            matches!(found[0], Fact::VoidCandidateCleared { reason: said, .. } if *said == reason),
            "{found:?}"
        );
        assert_eq!(desk.model.set.invoices_here()[&invoice("S")].candidate_since, None, "{reason}");
    }
}

/// Whoever voids a void candidate names its flag: what came since then speaks for the invoice.
#[test]
fn a_void_of_a_void_candidate_minds_what_came_since() {
    let stage_of = |flagged: Option<DateTime<Utc>>| {
        let mut desk = stage();
        let set = &mut desk.model.set;
        set.invoices_mut().get_mut(&invoice("S")).expect("S").candidate_since = flagged;
        desk
    };
    let now = Desk::new().now;
    let before = now - TimeDelta::days(40);
    let refused = Outcome::Rejected(Rejection::NotACandidate);
    let word = || void_since("S", "A", Some(before));
    // Not flagged any more, or flagged anew.
    assert_eq!(stage_of(None).hand_in(word()), refused);
    assert_eq!(stage_of(Some(now)).hand_in(word()), refused);
    let mut desk = stage_of(Some(before));
    desk.model.set.wanted.insert(invoice("S"));
    assert_eq!(desk.hand_in(word()), refused, "money for it may have come");
    let mut desk = stage_of(Some(before));
    desk.apply(word());
    assert_eq!(desk.invoice_now("S").status, InvoiceStatus::Voided);
    // A plain void asks for no flag.
    let mut desk = stage_of(None);
    desk.apply(void("S", "A"));
}
