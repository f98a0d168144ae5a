//! Payments that the bank takes back: from where, how much, and what becomes of the rest.

use crate::bank::{BankTransaction, EntryDetail, ReturnOf};
use crate::effect::{BankDisposition, Effect, Outcome};
use crate::event::{ByHand, Fact};
use crate::ids::BankKey;
use crate::invoice::InvoiceStatus;
use crate::matching::policy::Policy;
use crate::money::Money;
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::{
    Desk, allocate, assign, credit, credit_from, credit_saying, deallocate, money, parked, remove,
    returned, unreturned,
};

/// A payment `1` of 300 over three invoices of 100, the oldest first.
fn spread() -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    let mut references = Vec::new();
    for id in ["I1", "I2", "I3"] {
        desk.invoice(id, "A", "100");
        references.push(desk.reference(id));
        desk.pass_minute();
    }
    desk.bank(credit_saying("1", "300", &[&references.join(" ")]));
    assert_eq!(desk.lots("A"), ["100.00"; 3]);
    desk
}

fn disposition(desk: &Desk, id: &str) -> BankDisposition {
    let key = |kind: &str| BankKey { bank_account: "OURS".to_owned(), key: format!("{kind}:{id}") };
    let stored = desk.model.set.bank(&key("reversal")).or(desk.model.set.bank(&key("undone")));
    stored.expect("recorded").disposition
}

/// From the free money, from unspent lots, clawed back.
fn taken(desk: &Desk) -> [Money; 3] {
    let facts = desk.model.set.events.iter().rev().map(|event| &event.fact);
    let told = facts.into_iter().find_map(|fact| match fact {
        Fact::PaymentReturned { from_unallocated, from_unspent, clawed_back, .. } => {
            Some([*from_unallocated, *from_unspent, *clawed_back])
        }
        _ => None,
    });
    told.expect("a payment was returned")
}

fn sums(texts: [&str; 3]) -> [Money; 3] {
    texts.map(money)
}

#[test]
fn free_money_goes_first_and_a_payment_that_waits_goes_on_waiting() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.bank(credit("1", "100"));
    desk.bank(returned("2", "1", "40"));
    assert_eq!(taken(&desk), sums(["40", "0", "0"]));
    assert_eq!(desk.state("1"), parked(ParkReason::NoCandidate));
    assert_eq!(desk.payment_now("1").unallocated(), Ok(money("60")));
    desk.bank(returned("3", "1", "60"));
    assert_eq!(desk.state("1"), PaymentState::Returned);
    assert_eq!(disposition(&desk, "3"), BankDisposition::Returned);
}

#[test]
fn edge_54_a_partial_return_over_several_invoices_takes_the_newest_unspent_lot() {
    let mut desk = spread();
    desk.bank(returned("2", "1", "60"));
    assert_eq!(desk.lots("A"), ["100.00", "100.00", "40.00"]);
    let due: Vec<_> = ["I1", "I2", "I3"].map(|id| desk.invoice_now(id).due()).to_vec();
    assert_eq!(due, [Ok(money("0")), Ok(money("0")), Ok(money("60"))]);
    assert_eq!(desk.invoice_now("I3").status, InvoiceStatus::AwaitingPayment);
    assert_eq!(desk.balance("A"), money("240"));
    assert_eq!(desk.state("1"), PaymentState::Allocated);
    let told = ["payment.returned", "invoice.payment-due-restored", "balance.changed"];
    assert_eq!(desk.told(), told);
}

#[test]
fn what_is_unspent_goes_before_what_was_spent_whatever_its_age() {
    let mut desk = spread();
    desk.charge("U1", "A", "150");
    // Lots: 0, 50, 100. Of 200: 100 of the third, 50 of the second, 50 of what was spent of it.
    desk.bank(returned("2", "1", "200"));
    assert_eq!(taken(&desk), sums(["0", "150", "50"]));
    assert_eq!(desk.lots("A"), ["0.00", "0.00", "0.00"]);
    assert_eq!(desk.balance("A"), money("50").negated());
    let due: Vec<_> = ["I1", "I2", "I3"].map(|id| desk.invoice_now(id).due()).to_vec();
    assert_eq!(due, [Ok(money("0")), Ok(money("100")), Ok(money("100"))]);
}

#[test]
fn what_was_spent_is_clawed_back_and_the_next_topup_clears_it() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("I1", "A", "100");
    let reference = desk.reference("I1");
    desk.bank(credit_saying("1", "100", &[&reference]));
    desk.charge("U1", "A", "80");
    desk.bank(returned("2", "1", "100"));
    assert_eq!(taken(&desk), sums(["0", "20", "80"]));
    assert_eq!(
        (desk.balance("A"), desk.state("1")),
        (money("80").negated(), PaymentState::Returned)
    );
    assert_eq!(desk.invoice_now("I1").due(), Ok(money("100")));
    // Paid again: the debt is cleared first.
    desk.bank(credit_saying("3", "100", &[&reference]));
    assert_eq!(
        (desk.balance("A"), desk.lots("A")),
        (money("20"), vec!["0.00".into(), "20.00".into()])
    );
}

#[test]
fn a_claw_back_is_taken_from_other_money_of_the_customer_the_oldest_first() {
    let mut desk = spread();
    desk.charge("U1", "A", "100");
    desk.invoice("I4", "A", "50");
    let reference = desk.reference("I4");
    desk.bank(credit_saying("4", "50", &[&reference]));
    // Lots 0, 100, 100, 50: the whole payment goes back, and 100 of it was spent.
    desk.bank(returned("2", "1", "300"));
    assert_eq!(taken(&desk), sums(["0", "200", "100"]));
    assert_eq!(desk.lots("A"), ["0.00", "0.00", "0.00", "0.00"]);
    assert_eq!(desk.balance("A"), money("50").negated());
    // The charge is refunded: what stood in for it gets its money back.
    desk.refund("R1", "U1", "A", "100");
    assert_eq!(desk.lots("A"), ["0.00", "0.00", "0.00", "50.00"]);
    assert_eq!(desk.balance("A"), money("50"));
}

#[test]
fn what_is_due_again_can_be_paid_whatever_was_spent() {
    let mut desk = spread();
    desk.charge_exactly("U1", "A", "200.123456");
    desk.refund_exactly("R1", "U1", "A", "150.5");
    // Lots: 50.376544 of the second came back before 50 of the first, the third is untouched.
    let lots: Vec<String> = desk.lots("A");
    desk.bank(returned("2", "1", "270"));
    for id in ["I1", "I2", "I3"] {
        let due = desk.invoice_now(id).due().expect("an amount");
        assert_eq!(due.whole_minor_units(), Ok(due), "{id} of {lots:?}");
    }
    let [free, unspent, clawed] = taken(&desk);
    assert_eq!(free, money("0"));
    assert_eq!(unspent.add(clawed), Ok(money("270")));
}

#[test]
fn never_more_than_the_original_goes_back() {
    let mut desk = spread();
    desk.bank(returned("2", "1", "200"));
    desk.bank(returned("3", "1", "100.01"));
    assert_eq!(disposition(&desk, "3"), BankDisposition::ReturnParked);
    assert_eq!(desk.payment_now("1").returned, money("200"));
    desk.bank(returned("4", "1", "100"));
    assert_eq!((desk.state("1"), desk.balance("A")), (PaymentState::Returned, money("0")));
    // The same record again.
    assert_eq!(desk.bank(returned("4", "1", "100")), Outcome::Duplicate);
}

#[test]
fn edge_55_a_return_before_its_original_waits_and_is_then_applied() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("I1", "A", "100");
    let reference = desk.reference("I1");
    desk.bank(returned("2", "1", "100"));
    assert_eq!(disposition(&desk, "2"), BankDisposition::ReturnParked);
    desk.bank(credit_saying("1", "100", &[&reference]));
    assert_eq!(disposition(&desk, "2"), BankDisposition::Returned);
    assert_eq!((desk.state("1"), desk.balance("A")), (PaymentState::Returned, money("0")));
    assert_eq!(desk.invoice_now("I1").due(), Ok(money("100")));
}

#[test]
fn edge_56_the_return_of_a_return_opens_a_new_allocation_and_a_new_lot() {
    let mut desk = spread();
    desk.charge("U1", "A", "30");
    desk.bank(returned("2", "1", "120"));
    assert_eq!(desk.lots("A"), ["70.00", "80.00", "0.00"]);
    desk.bank(unreturned("3", "2", "120"));
    assert_eq!(disposition(&desk, "3"), BankDisposition::ReturnUndone);
    assert_eq!(desk.lots("A"), ["70.00", "80.00", "0.00", "100.00", "20.00"]);
    assert_eq!(desk.pays("1"), ["I1 100.00 SGD", "I2 80.00 SGD", "I2 20.00 SGD", "I3 100.00 SGD"]);
    let (state, balance) = (desk.state("1"), desk.balance("A"));
    assert_eq!((state, balance), (PaymentState::Allocated, money("270")));
    assert_eq!(desk.told()[0], "payment.return-undone");
    // More than was returned cannot come back by it: whose that is, a person says.
    desk.bank(unreturned("4", "2", "1"));
    assert_eq!(disposition(&desk, "4"), BankDisposition::ReturnParked);
    desk.bank(returned("5", "1", "100"));
    desk.bank(unreturned("6", "5", "100.50"));
    assert_eq!(disposition(&desk, "6"), BankDisposition::ReturnParked);
}

#[test]
fn an_undone_return_of_an_invoice_that_was_paid_meanwhile_stays_on_account() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("I1", "A", "100");
    let reference = desk.reference("I1");
    desk.bank(credit_saying("1", "100", &[&reference]));
    desk.bank(returned("2", "1", "100"));
    desk.bank(credit_saying("3", "100", &[&reference]));
    desk.bank(unreturned("4", "2", "100"));
    assert_eq!(desk.state("1"), PaymentState::OnAccount);
    assert_eq!(desk.payment_now("1").unallocated(), Ok(money("100")));
    assert_eq!(desk.balance("A"), money("100"));
}

#[test]
fn a_bounced_refund_of_ours_is_nobodys_payment() {
    let mut desk = Desk::with_customers(Policy::default());
    let nameless = BankTransaction { return_of: None, ..unreturned("7", "-", "100") };
    desk.bank(nameless);
    assert_eq!(disposition(&desk, "7"), BankDisposition::RefundBounced);
    // What it names may be in flight; our own debit comes, and it was that.
    desk.bank(unreturned("9", "8", "100"));
    assert_eq!(disposition(&desk, "9"), BankDisposition::ReturnParked);
    let outgoing =
        BankTransaction { credit_debit: crate::bank::CreditDebit::Debit, ..credit("8", "100") };
    desk.bank(outgoing);
    assert_eq!(disposition(&desk, "9"), BankDisposition::RefundBounced);
    assert!(desk.model.set.payments_here().is_empty());
}

#[test]
fn a_return_with_the_id_of_its_original_is_found_and_is_no_conflict() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.bank(credit("1", "100"));
    let reversal = BankTransaction { return_of: None, ..returned("1", "1", "100") };
    desk.bank(reversal);
    assert_eq!(desk.state("1"), PaymentState::Returned);
}

#[test]
fn without_an_id_the_end_to_end_id_finds_it_and_then_payer_and_amount_if_they_are_unique() {
    let by_end = |id: &str| BankTransaction {
        end_to_end_id: Some("E2E-7".to_owned()),
        ..credit_from(id, "100", "PAYERX")
    };
    let back = |id: &str, of: BankTransaction| BankTransaction {
        return_of: None,
        end_to_end_id: of.end_to_end_id,
        debtor_account: of.debtor_account,
        ..returned(id, "-", "100")
    };
    let mut desk = Desk::new();
    desk.bank(by_end("1"));
    desk.bank(credit_from("2", "100", "PAYERY"));
    desk.bank(back("3", by_end("-")));
    assert_eq!(desk.state("1"), PaymentState::Returned);
    desk.bank(back("4", credit_from("-", "100", "PAYERY")));
    assert_eq!(desk.state("2"), PaymentState::Returned);
    // Two of the same: neither is taken.
    desk.bank(credit_from("5", "70", "PAYERZ"));
    desk.bank(credit_from("6", "70", "PAYERZ"));
    let twin =
        BankTransaction { amount: money("70"), ..back("7", credit_from("-", "1", "PAYERZ")) };
    desk.bank(twin);
    assert_eq!(disposition(&desk, "7"), BankDisposition::ReturnParked);
    // NOTPROVIDED is nobody's id.
    let useless = |id: &str| BankTransaction {
        end_to_end_id: Some("NOTPROVIDED".to_owned()),
        ..credit(id, "33")
    };
    desk.bank(useless("8"));
    desk.bank(BankTransaction { amount: money("33"), ..back("9", useless("-")) });
    assert_eq!(disposition(&desk, "9"), BankDisposition::ReturnParked);
}

#[test]
fn what_names_an_original_in_flight_is_not_taken_from_another_payment_for_a_day() {
    let mut desk = Desk::new();
    desk.bank(credit_from("1", "100", "PAYERX"));
    let mut back = returned("3", "2", "100");
    back.debtor_account = Some("PAYERX".to_owned());
    desk.bank(back);
    desk.bank(credit_from("X", "5", "PAYERX"));
    assert_eq!(desk.payment_now("1").returned, money("0"));
    desk.pass_days(1);
    desk.bank(credit_from("Y", "5", "PAYERX"));
    assert_eq!(desk.state("1"), PaymentState::Returned);
}

#[test]
fn a_return_after_deallocation_takes_the_free_money_and_after_removal_nothing() {
    let mut desk = spread();
    desk.watermark();
    desk.apply(deallocate("BANK:OURS:1", "I1", "A"));
    desk.bank(returned("2", "1", "100"));
    assert_eq!(taken(&desk), sums(["100", "0", "0"]));
    assert_eq!(desk.balance("A"), money("200"));
    desk.apply(remove("BANK:OURS:1", "A"));
    assert_eq!(desk.balance("A"), money("0"));
    desk.bank(returned("3", "1", "200"));
    assert_eq!((desk.state("1"), desk.balance("A")), (PaymentState::Removed, money("0")));
}

#[test]
fn a_removed_payment_has_money_again_when_a_return_is_undone_and_a_person_says_for_what() {
    let mut desk = spread();
    desk.watermark();
    desk.bank(returned("2", "1", "100"));
    desk.apply(remove("BANK:OURS:1", "A"));
    desk.bank(unreturned("3", "2", "40"));
    desk.bank(unreturned("4", "2", "60"));
    assert_eq!((desk.state("1"), desk.balance("A")), (PaymentState::OnAccount, money("0")));
    let payment = desk.payment_now("1");
    // 200 went out by hand; the 100 that came back are free.
    assert_eq!((payment.refunded, payment.unallocated()), (money("200"), Ok(money("100"))));
    desk.apply(allocate("BANK:OURS:1", "A", &[("I1", "")]));
    assert_eq!((desk.state("1"), desk.balance("A")), (PaymentState::Allocated, money("100")));
    let sums = desk.model.ledger_of("bank_clearing");
    assert_eq!(sums, money("100").negated());
}

#[test]
fn what_is_undone_of_removed_money_stays_removed() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("I1", "A", "100");
    let reference = desk.reference("I1");
    desk.bank(credit_saying("1", "100", &[&reference]));
    desk.watermark();
    desk.apply(remove("BANK:OURS:1", "A"));
    desk.bank(returned("2", "1", "100"));
    desk.bank(unreturned("3", "2", "100"));
    assert_eq!(disposition(&desk, "3"), BankDisposition::ReturnUndone);
    assert_eq!((desk.state("1"), desk.balance("A")), (PaymentState::Removed, money("0")));
    assert_eq!(desk.payment_now("1").returned, money("0"));
}

/// A detail of an entry is undone by the entry's id: alone, by its amount, by what names it; and if
/// that names two of them, by nobody.
#[test]
fn a_return_that_is_a_detail_of_an_entry_can_be_undone() {
    let detail = |index: u32, bank: BankTransaction| BankTransaction {
        detail: Some(EntryDetail { index, entry_amount: None, entry_details: None }),
        ..bank
    };
    let mut desk = Desk::new();
    for (id, amount, payer) in [("1", "40", "PX"), ("2", "50", "PY"), ("3", "50", "PZ")] {
        desk.bank(credit_from(id, amount, payer));
    }
    for (index, id, amount) in [(1, "1", "40"), (2, "2", "50"), (3, "3", "50")] {
        desk.bank(detail(index, returned("R", id, amount)));
    }
    let back = |desk: &Desk| ["1", "2", "3"].map(|id| desk.payment_now(id).returned);
    assert_eq!(back(&desk), [money("40"), money("50"), money("50")]);
    desk.bank(unreturned("U1", "R", "40"));
    assert_eq!(back(&desk), [money("0"), money("50"), money("50")]);
    desk.bank(unreturned("U2", "R", "50"));
    assert_eq!(disposition(&desk, "U2"), BankDisposition::ReturnParked);
    let told = BankTransaction {
        debtor_account: Some("PZ".to_owned()),
        ..detail(1, unreturned("U3", "R", "50"))
    };
    desk.bank(told);
    assert_eq!(back(&desk)[2], money("0"));
    // The one that waited knows now which is meant.
    assert_eq!(back(&desk)[1], money("0"));
    assert!(desk.model.set.parked_here().is_empty());
}

#[test]
fn what_undoes_a_return_may_come_first_and_may_name_the_payment() {
    let mut desk = Desk::new();
    desk.bank(credit("1", "100"));
    desk.bank(unreturned("3", "2", "100"));
    assert_eq!(disposition(&desk, "3"), BankDisposition::ReturnParked);
    desk.bank(returned("2", "1", "100"));
    assert_eq!(disposition(&desk, "3"), BankDisposition::ReturnUndone);
    assert_eq!(desk.payment_now("1").returned, money("0"));
    desk.bank(returned("4", "1", "30"));
    desk.bank(unreturned("5", "1", "30"));
    assert_eq!(desk.payment_now("1").returned, money("0"));
}

#[test]
fn a_detail_of_an_entry_is_found_by_the_entrys_id_its_amount_and_its_payer() {
    let detail = |index: u32, bank: BankTransaction| BankTransaction {
        detail: Some(EntryDetail { index, entry_amount: None, entry_details: None }),
        ..bank
    };
    let mut desk = Desk::new();
    for (index, amount, payer) in [(1, "40", "PX"), (2, "50", "PY"), (3, "50", "PZ")] {
        desk.bank(detail(index, credit_from("E", amount, payer)));
    }
    desk.bank(returned("R1", "E", "40"));
    desk.bank(returned("R2", "E", "50"));
    let by_payer = returned("R3", "E", "50");
    desk.bank(BankTransaction { debtor_account: Some("PZ".to_owned()), ..by_payer });
    let of = |index: u32| desk.payment_now(&format!("detail:{index}:id:E")).returned;
    assert_eq!([of(1), of(3)], [money("40"), money("50")]);
    // Of the two of 50 one is left.
    assert_eq!(of(2), money("50"));
}

/// Anybody may write `TOPUP`; and an id that is somebody's is nobody else's.
#[test]
fn a_weak_word_another_payer_or_another_amount_takes_nothing() {
    let by_end = |id: &str, end: &str, payer: &str, amount: &str| BankTransaction {
        end_to_end_id: Some(end.to_owned()),
        ..credit_from(id, amount, payer)
    };
    let back = |id: &str, end: &str, payer: Option<&str>, amount: &str| BankTransaction {
        debtor_account: payer.map(str::to_owned),
        return_of: Some(ReturnOf {
            bank_transaction_id: None,
            end_to_end_id: Some(end.to_owned()),
            reason: None,
        }),
        ..returned(id, "-", amount)
    };
    for (end, payer, other, amount, taken) in [
        ("TOPUP", "DE62FIRST", Some("DE62SECOND"), "50", false),
        ("TOPUP", "DE62FIRST", None, "80", false),
        ("N/A", "DE62FIRST", Some("DE62SECOND"), "80", false),
        ("NOTPROVIDED", "XXXXXX1234", Some("XXXXXX1234"), "80", false),
        ("E2E-4711-A", "DE62FIRST", Some("DE62SECOND"), "80", false),
        ("E2E-4711-A", "DE62FIRST", None, "50", false),
        ("E2E-4711-A", "DE62FIRST", None, "80", true),
        ("E2E-4711-A", "DE62FIRST", Some("DE62FIRST"), "50", true),
        // Our own account is no payer that contradicts.
        ("E2E-4711-A", "DE62FIRST", Some("OURS"), "80", true),
    ] {
        let mut desk = Desk::new();
        desk.bank(by_end("1", end, payer, "80"));
        desk.bank(back("2", end, other, amount));
        let returned = desk.payment_now("1").returned;
        assert_eq!(returned.is_positive(), taken, "{end} {payer} {other:?} {amount}");
    }
}

#[test]
fn a_return_with_the_banks_fee_in_it_takes_the_payment_and_the_fee_is_the_houses() {
    let sum = |text: &str| (!text.is_empty()).then(|| money(text));
    for (amount, charges, stated, why) in [
        ("103.22", "3", "100.22", None),
        ("103.22", "3", "", None),
        ("103.22", "", "100.22", None),
        ("103.22", "", "", Some("exceeds_payment")),
        ("103.22", "2", "100.22", Some("exceeds_payment")),
        ("103.22", "2.99", "", Some("exceeds_payment")),
        ("300.22", "200", "100.22", Some("fee_above_limit")),
    ] {
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice("I1", "A", "100.22");
        let reference = desk.reference("I1");
        desk.bank(credit_saying("1", "100.22", &[&reference]));
        let back = BankTransaction {
            charges: sum(charges),
            instructed: sum(stated),
            ..returned("2", "1", amount)
        };
        desk.bank(back.clone());
        let taken = desk.payment_now("1").returned;
        assert_eq!(taken, if why.is_none() { money("100.22") } else { money("0") }, "{amount}");
        if why.is_some() {
            assert_eq!(disposition(&desk, "2"), BankDisposition::ReturnParked);
            continue;
        }
        assert_eq!(desk.balance("A"), money("0"));
        assert_eq!(desk.model.ledger_of("fees"), money("3").negated());
        assert_eq!(desk.model.ledger_of("bank_clearing"), money("3"));
        // Undone in full, the fee comes back as well.
        desk.bank(unreturned("3", "2", amount));
        assert_eq!(desk.balance("A"), money("100.22"));
        assert_eq!(desk.model.ledger_of("fees"), money("0"));
        assert_eq!(desk.model.ledger_of("bank_clearing"), money("100.22").negated());
    }
}

/// The limit is everybody's, per currency; without one it is the payment itself.
#[test]
fn a_fee_is_believed_up_to_the_limit_of_its_currency() {
    let limit = |text: &str| vec![money(text)];
    for (limits, fee, taken) in [
        (Vec::new(), "100.22", true),
        (Vec::new(), "100.23", false),
        (limit("3"), "3", true),
        (limit("3"), "3.01", false),
        (limit("3"), "2.99", true),
        (limit("0"), "0.01", false),
        (limit("200"), "150", true),
        (limit("0 USD"), "3", true),
    ] {
        let policy = Policy { max_return_fees: limits.clone(), ..Policy::default() };
        let mut desk = Desk::with_customers(policy);
        desk.invoice("I1", "A", "100.22");
        let reference = desk.reference("I1");
        desk.bank(credit_saying("1", "100.22", &[&reference]));
        let amount = money("100.22").add(money(fee)).expect("a sum").number();
        let back =
            BankTransaction { instructed: Some(money("100.22")), ..returned("2", "1", &amount) };
        desk.bank(back);
        let fees = if taken { money(fee).negated() } else { money("0") };
        assert_eq!(desk.model.ledger_of("fees"), fees, "{limits:?} {fee}");
        let expected =
            if taken { BankDisposition::Returned } else { BankDisposition::ReturnParked };
        assert_eq!(disposition(&desk, "2"), expected, "{limits:?} {fee}");
        let waits = desk.model.last_effects.iter().find_map(|effect| match effect {
            Effect::ParkReturn { why, .. } => Some(why.word()),
            _ => None,
        });
        assert_eq!(waits, (!taken).then_some("fee_above_limit"), "{limits:?} {fee}");
        // Without a fee no limit counts.
        desk.bank(returned("3", "1", "100.22"));
        assert_eq!(desk.payment_now("1").state, PaymentState::Returned, "{limits:?} {fee}");
    }
}

#[test]
fn a_return_without_any_id_is_one_however_often_it_is_told() {
    let mut desk = Desk::new();
    desk.bank(credit_from("1", "100", "PAYERX"));
    desk.bank(credit_from("2", "100", "PAYERY"));
    let nameless = |entry: &str| BankTransaction {
        bank_transaction_id: None,
        statement_id: None,
        entry_reference: Some(entry.to_owned()),
        return_of: None,
        debtor_account: Some("PAYERX".to_owned()),
        ..returned("-", "-", "100")
    };
    desk.bank(nameless("7"));
    assert_eq!(desk.state("1"), PaymentState::Returned);
    // Told again, in another statement.
    assert_eq!(desk.bank(nameless("8")), Outcome::Duplicate);
    assert_eq!(desk.payment_now("2").returned, money("0"));
    assert!(desk.model.set.parked_here().is_empty());
}

#[test]
fn what_undoes_a_return_may_have_its_id() {
    let mut desk = Desk::new();
    desk.bank(credit("1", "100"));
    desk.bank(returned("2", "1", "100"));
    desk.bank(unreturned("2", "2", "100"));
    assert_eq!(desk.payment_now("1").returned, money("0"));
}

/// What a reader of the events counts as free, when it follows them.
fn free_by_events(desk: &Desk) -> Money {
    let mut free = money("0");
    for event in &desk.model.set.events {
        free = match &event.fact {
            Fact::PaymentRecorded { amount, .. } => free.add(*amount),
            Fact::PaymentAllocated { amount, .. } => free.sub(*amount),
            Fact::PaymentRemoved { amount, .. } => free.sub(*amount),
            Fact::ByHand(ByHand::PaymentDismissed { amount, .. }) => free.sub(*amount),
            Fact::PaymentReturned { from_unallocated, .. } => free.sub(*from_unallocated),
            Fact::PaymentReturnUndone { amount, allocated_again, removed, .. } => {
                let back = amount.sub(*removed).and_then(|back| back.sub(*allocated_again));
                back.and_then(|back| free.add(back))
            }
            _ => Ok(free),
        }
        .expect("a sum");
    }
    free
}

#[test]
fn events_of_what_was_removed_tell_no_money_that_is_not_there() {
    for owner in [None, Some("A")] {
        let mut desk = Desk::with_customers(Policy::default());
        desk.bank(credit("1", "100"));
        desk.watermark();
        match owner {
            Some(owner) => {
                desk.apply(assign("BANK:OURS:1", owner));
                desk.apply(remove("BANK:OURS:1", owner));
            }
            None => desk.apply(super::commands::release("BANK:OURS:1", None, None)),
        }
        assert_eq!(free_by_events(&desk), money("0"));
        desk.bank(returned("2", "1", "100"));
        assert_eq!(taken(&desk), sums(["0", "0", "0"]));
        assert_eq!(free_by_events(&desk), money("0"));
        desk.bank(unreturned("3", "2", "100"));
        assert_eq!(desk.state("1"), PaymentState::Removed);
        assert_eq!(free_by_events(&desk), money("0"));
    }
}
