//! When several refusals apply at once, the requester is told the one that comes first in
//! [`Rejection`].

use super::commands::{
    Arrange, PART, close, fill_balance, split_free, split_onto, stage, take_away,
    take_virtual_account, upsert_of_a_taken_virtual_account,
};
use crate::effect::Outcome;
use crate::input::Command;
use crate::rejection::Rejection;
use crate::testkit::*;

/// Why the table leaves a pair of neighbours out.
const EXCLUSIVE: [(Rejection, Rejection); 23] = [
    // It is closed or it is not; only a word on a customer minds the second.
    (Rejection::AccountClosed, Rejection::AccountNotClosed),
    (Rejection::AccountNotClosed, Rejection::InvoiceExists),
    // No command creates an invoice and a payment, or a payment and a virtual account.
    (Rejection::ReferenceTaken, Rejection::PaymentExists),
    (Rejection::PaymentExists, Rejection::VirtualAccountTaken),
    (Rejection::AccountNumberPlaceholder, Rejection::PaymentNotAssigned),
    // A payment has an account or it has none.
    (Rejection::PaymentNotAssigned, Rejection::PaymentAlreadyAssigned),
    // What was removed has nothing split off; only the undoing of a split misses one, and only a
    // split minds that it is of a part; neither names a suggestion.
    (Rejection::PaymentRemoved, Rejection::PaymentSplit),
    (Rejection::PaymentSplit, Rejection::PaymentNotSplit),
    (Rejection::PaymentNotSplit, Rejection::PaymentIsPart),
    // Only a word on a return misses one, and then knows nothing of its amount.
    (Rejection::PaymentIsPart, Rejection::ReturnNotParked),
    (Rejection::ReturnNotParked, Rejection::ReturnMismatch),
    (Rejection::ReturnMismatch, Rejection::SuggestionUnknown),
    // A suggestion is known or it is not.
    (Rejection::SuggestionUnknown, Rejection::SuggestionClosed),
    // The second is told to a void only, and a void names no payment; the third never to one.
    (Rejection::SuggestionClosed, Rejection::InvoiceAlreadyVoided),
    (Rejection::InvoiceAlreadyVoided, Rejection::InvoiceVoided),
    // Only a void minds allocations and flags, and it minds no draft and no currency.
    (Rejection::InvoiceNotSent, Rejection::InvoiceHasAllocations),
    (Rejection::NotACandidate, Rejection::CurrencyMismatch),
    // Only a deallocation misses an allocation, only an allocation can find one.
    (Rejection::CurrencyMismatch, Rejection::AllocationNotFound),
    (Rejection::AllocationNotFound, Rejection::AllocationExists),
    // Only what raises a balance meets its limit, only what lowers it can be spent or held; what
    // is proven to be spent needs no other proof.
    (Rejection::BalanceLimit, Rejection::LotSpent),
    (Rejection::LotHeld, Rejection::UsageProofUnavailable),
    // Only a cancellation misses what waits, and it is about no money; what waits is not decided.
    (Rejection::UsageProofUnavailable, Rejection::CommandNotWaiting),
    (Rejection::CommandNotWaiting, Rejection::Cancelled),
];

struct Clash {
    first: Rejection,
    second: Rejection,
    arrange: Arrange,
    command: Command,
}

fn clash(first: Rejection, second: Rejection, arrange: Arrange, command: Command) -> Clash {
    Clash { first, second, arrange, command }
}

#[rustfmt::skip]
fn account_clashes() -> Vec<Clash> {
    use Rejection::*;
    let closed: Arrange = |desk| close(desk, "A");
    vec![
        clash(AccountMismatch, AccountClosed, closed, mark_sent("BI", "A")),
        clash(AccountMismatch, AccountClosed, closed, void("BI", "A")),
        clash(AccountMismatch, AccountClosed, closed, keep("BI", "A")),
        clash(AccountMismatch, AccountClosed, closed, assign("BS", "A")),
        clash(AccountMismatch, AccountClosed, closed, remove("BS", "A")),
        clash(AccountMismatch, AccountClosed, closed, deallocate("BS", "S", "A")),
        clash(AccountMismatch, AccountClosed, closed, deallocate("FREE", "BI", "A")),
        clash(AccountMismatch, AccountClosed, closed, allocate("BS", "A", &[("S", "")])),
        clash(AccountMismatch, AccountClosed, closed, allocate("FREE", "A", &[("BI", "")])),
        clash(AccountMismatch, AccountClosed, closed,
            allocate("FREE", "A", &[("S", "1"), ("BI", "1")])),
        clash(AccountClosed, InvoiceExists, closed, Command::CreateInvoice(create("S", "A", "5"))),
        clash(InvoiceExists, ReferenceInvalid, |_| {}, quoted("S", &["+++090/9337/55494+++"])),
        clash(ReferenceInvalid, ReferenceTaken, |desk| desk.apply(quoted("Q1", &["SO-10045"])),
            quoted("Q2", &["SO-10045", "RF19539007547034"])),
        clash(AccountClosed, PaymentExists, closed,
            Command::RecordPayment(record("FREE", Some("A"), "5"))),
        clash(AccountClosed, VirtualAccountTaken, |desk| {
            take_virtual_account(desk);
            close(desk, "B");
        },
            upsert_of_a_taken_virtual_account()),
        clash(VirtualAccountTaken, AccountNumberPlaceholder, take_virtual_account, {
            let Command::UpsertAccount(mut upsert) = upsert_of_a_taken_virtual_account() else {
                panic!("an upsert");
            };
            upsert.payer_accounts = Some(vec!["XXXXXX1234".to_owned()]);
            Command::UpsertAccount(upsert)
        }),
        clash(AccountClosed, PaymentNotAssigned, closed, allocate("NOBODYS", "A", &[("S", "")])),
        clash(AccountClosed, PaymentAlreadyAssigned, closed, assign("FREE", "A")),
        clash(AccountClosed, InvoiceAlreadyVoided, closed, void("V", "A")),
    ]
}

#[rustfmt::skip]
fn state_clashes() -> Vec<Clash> {
    use Rejection::*;
    let nothing: Arrange = |_| {};
    let gone: Arrange = |desk| take_away(desk, "FREE");
    vec![
        clash(PaymentNotAssigned, PaymentRemoved, |desk| take_away(desk, "NOBODYS"),
            allocate("NOBODYS", "A", &[("S", "")])),
        clash(PaymentAlreadyAssigned, PaymentRemoved, gone, assign("FREE", "A")),
        clash(PaymentRemoved, PaymentIsPart, |desk| {
            split_free(desk);
            take_away(desk, PART);
        }, split(PART, "A", &[("B", "1", &[])])),
        clash(PaymentSplit, InvoiceVoided, split_free, split("FREE", "A", &[("A", "1", &["V"])])),
        clash(PaymentIsPart, CurrencyMismatch, split_free,
            split(PART, "A", &[("A", "1", &["DOLLARS"])])),
        clash(PaymentRemoved, LotSpent, |desk| {
            split_onto(desk, &["S"]);
            desk.charge("U1", "A", "1000");
            take_away(desk, PART);
        }, unsplit("FREE", "A")),
        clash(PaymentRemoved, SuggestionUnknown, gone, confirm("FREE", "NONE", "A")),
        clash(PaymentRemoved, SuggestionUnknown, gone, reject("FREE", "NONE", "A")),
        clash(PaymentRemoved, InvoiceVoided, gone, allocate("FREE", "A", &[("V", "")])),
        clash(PaymentRemoved, AllocationNotFound, gone, deallocate("FREE", "S", "A")),
        clash(PaymentRemoved, LotSpent, gone, remove("FREE", "A")),
        clash(InvoiceVoided, InvoiceAlreadyProvisioned, nothing,
            allocate("FREE", "A", &[("P", "1"), ("V", "1")])),
        clash(InvoiceAlreadyProvisioned, InvoiceNotSent, nothing,
            allocate("FREE", "A", &[("D", "1"), ("P", "1")])),
        clash(InvoiceNotSent, CurrencyMismatch, |desk| desk.draft("DRAFT-USD", "A", "5 USD"),
            allocate("FREE", "A", &[("DRAFT-USD", "")])),
        clash(InvoiceNotSent, CurrencyMismatch, nothing,
            allocate("FREE", "A", &[("DOLLARS", "1"), ("D", "1")])),
        clash(InvoiceHasAllocations, NotACandidate, nothing,
            void_since("H", "A", Some(Desk::new().now))),
    ]
}

#[rustfmt::skip]
fn amount_clashes() -> Vec<Clash> {
    use Rejection::*;
    let nothing: Arrange = |_| {};
    let full: Arrange = |desk| fill_balance(desk, "A");
    let small: Arrange = |desk| desk.invoice("SMALL", "A", "5");
    vec![
        clash(CurrencyMismatch, AllocationExists, nothing,
            allocate("USED", "A", &[("H", "1"), ("DOLLARS", "1")])),
        clash(AllocationExists, NothingUnallocated, nothing, allocate("USED", "A", &[("H", "1")])),
        clash(AllocationExists, NothingUnallocated, nothing,
            allocate("USED", "A", &[("S", "1"), ("H", "1")])),
        clash(NothingUnallocated, AmountExceedsUnallocated, nothing,
            split("USED", "A", &[("A", "1", &[])])),
        clash(NothingUnallocated, AmountExceedsUnallocated, nothing,
            allocate("USED", "A", &[("S", "1")])),
        clash(AmountExceedsUnallocated, AmountExceedsDue, small,
            allocate("FREE", "A", &[("SMALL", "61")])),
        clash(AmountExceedsUnallocated, AmountExceedsDue, small,
            allocate("FREE", "A", &[("SMALL", "6"), ("S", "61")])),
        clash(AmountExceedsDue, BalanceLimit, |desk| {
            desk.invoice("SMALL", "A", "5");
            fill_balance(desk, "A");
        }, allocate("FREE", "A", &[("SMALL", "6")])),
        clash(LotSpent, LotHeld, |desk| {
            desk.charge("U1", "A", "1");
            desk.hold("H1", "A", "1000");
        }, remove("PAID", "A")),
        clash(AmountExceedsUnallocated, BalanceLimit, full, allocate("FREE", "A", &[("S", "61")])),
    ]
}

#[test]
fn the_earlier_refusal_wins() {
    for clash in [account_clashes(), state_clashes(), amount_clashes()].into_iter().flatten() {
        assert!(clash.first < clash.second, "the table is in the order of the enum");
        let mut desk = stage();
        (clash.arrange)(&mut desk);
        let outcome = desk.hand_in(clash.command.clone());
        let (first, second) = (clash.first, clash.second);
        assert_eq!(
            outcome,
            Outcome::Rejected(first),
            "{first:?} before {second:?}: {:?}",
            clash.command
        );
    }
}

#[test]
fn every_pair_of_neighbours_is_shown_or_cannot_meet() {
    let clashes: Vec<Clash> =
        [account_clashes(), state_clashes(), amount_clashes()].into_iter().flatten().collect();
    for pair in Rejection::ALL.windows(2) {
        let (first, second) = (pair[0], pair[1]);
        assert!(first < second, "ALL is in the order of the enum");
        let shown = clashes.iter().any(|clash| (clash.first, clash.second) == (first, second));
        let apart = EXCLUSIVE.contains(&(first, second));
        assert!(shown != apart, "{first:?} and {second:?}");
    }
}

#[test]
fn what_is_unknown_comes_before_every_refusal() {
    for command in [
        mark_sent("UNKNOWN", "A"),
        assign("UNKNOWN", "A"),
        allocate("BS", "A", &[("UNKNOWN", "")]),
        allocate("UNKNOWN", "A", &[("BI", "")]),
        deallocate("BS", "UNKNOWN", "A"),
        confirm("UNKNOWN", "1-1", "A"),
        reject("UNKNOWN", "1-1", "A"),
        split("UNKNOWN", "A", &[("B", "1", &[])]),
        split("BS", "A", &[("A", "1", &["UNKNOWN"])]),
        unsplit("UNKNOWN", "A"),
    ] {
        let mut desk = stage();
        close(&mut desk, "A");
        let outcome = desk.hand_in(command.clone());
        assert!(matches!(outcome, Outcome::Waiting(_)), "{outcome:?} for {command:?}");
    }
}
