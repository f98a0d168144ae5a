//! Invoice numbers as people and software write them.

use proptest::prelude::*;

use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

/// Invoices of A, each of another amount; B has one that none of the texts means.
fn desk(ids: &[&str]) -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    for (number, id) in ids.iter().enumerate() {
        desk.invoice(id, "A", &format!("{}.41", 110 + number));
    }
    desk.invoice("INV-40404", "B", "110.41");
    desk
}

/// What becomes of a stranger's payment of the first invoice's amount.
fn said(ids: &[&str], text: &str) -> (Desk, (Rule, PaymentState)) {
    let mut desk = desk(ids);
    let got = desk.receive(credit_saying("1", "110.41", &[text]));
    (desk, got)
}

#[test]
fn a_number_is_paid_however_it_is_written() {
    for (id, text) in [
        ("INV-71010", "支払INV-71010ありがとう"),
        ("INV-71010", "お支払いINV-71010です"),
        ("INV-71010", "ชำระค่าINV-71010ครับ"),
        ("INV-71010", "请付INV71010谢谢"),
        ("INV-71010", "입금INV-71010입니다"),
        ("INV-71011", "Оплата по счету №INV-71011 от 28.11.2026"),
        ("INV-71011", "Payment for #INV-71011"),
        ("INV-71012", "INV–71012"),
        ("INV-71012", "INV‐71012"),
        ("INV-71012", "INV−71012"),
        ("INV-71012", "INVー71012"),
        ("INV-71012", "ＩＮＶ－７１０１２"),
        ("INV-2026-00013", "INV/2026/00013"),
        ("INV-2026-00013", "INV.2026.00013"),
        ("INV-2026-00013", "INV 2026 00013"),
        ("INV-2026-00013", "inv_2026_00013"),
        ("INV-2026-00013", "INV-2026/00013"),
        ("INV:2026:00013", "INV\\2026\\00013"),
        ("INV-71014", "Invoice INV 71014"),
        ("INV-71014", "INV71014 thanks"),
        ("INV-71014", "INV #71014"),
        ("INV-71014", "INV no. 71014"),
        ("INV71014", "INV-71014"),
        ("INV-71042", "فاتورة INV-٧١٠٤٢"),
        ("INV-71042", "INV-७१०४२"),
        ("INV-71042", "TOPUPINV71042"),
        ("INV-71042", "INV71042INV99999"),
        ("4711", "请求书4711"),
    ] {
        let (desk, got) = said(&[id], text);
        assert_eq!(got, (Rule::InvoiceNumber, PaymentState::Allocated), "{text}");
        assert_eq!(desk.pays("1"), [format!("{id} 110.41 SGD")], "{text}");
    }
}

#[test]
fn what_is_less_certain_is_suggested() {
    let (unsure, near) = (ParkReason::Uncorroborated, ParkReason::NearReference);
    for (id, text, rule, reason) in [
        // Zeros added or left out: another number as often as not.
        ("INV-2026-00013", "INV-2026-13", Rule::InvoiceNumber, unsure),
        ("INV-00013", "INV-13", Rule::InvoiceNumber, unsure),
        ("INV-1013", "INV-001013", Rule::InvoiceNumber, unsure),
        // Words that may be anything.
        ("FT-71014", "FT 71014", Rule::InvoiceNumber, unsure),
        ("INV-71014", "Invoice 71014", Rule::InvoiceNumber, unsure),
        ("INV-71014", "Rechnung Nr. 71014", Rule::InvoiceNumber, unsure),
        (
            "210000000003139471430009017",
            "21 00000 00003 13947 14300 09017",
            Rule::InvoiceNumber,
            unsure,
        ),
        // One mistake.
        ("INV-72014", "INV-7214", Rule::TypingMistake, near),
        ("INV-72014", "INV-720144", Rule::TypingMistake, near),
        ("INV-72014", "INV-72817", Rule::NothingFound, ParkReason::NoCandidate),
        ("INV-72017", "INV-72817", Rule::TypingMistake, near),
        ("INV-72014", "INW-72014", Rule::TypingMistake, near),
        ("INV-72014", "IVN-72014", Rule::TypingMistake, near),
        ("INV-72014", "NV-72014", Rule::TypingMistake, near),
        ("INV-72014", "INV 7214", Rule::TypingMistake, near),
        ("INV-2026-00013", "INV202600013", Rule::TypingMistake, near),
    ] {
        let (desk, got) = said(&[id], text);
        assert_eq!(got, (rule, parked(reason)), "{text}");
        let suggested = if rule == Rule::NothingFound { vec![] } else { vec![id] };
        assert_eq!(desk.suggested("1"), suggested, "{text}");
        assert_eq!(desk.owner("1"), None, "{text}");
    }
}

#[test]
fn the_number_stands_in_other_fields() {
    let names_it = |bank: BankTransaction, id: &str| {
        let mut desk = desk(&[id]);
        let got = desk.receive(bank);
        assert!(desk.pays("1").len() == 1 || desk.suggested("1") == [id], "{id}: {got:?}");
        got
    };
    let plain = || credit("1", "110.41");
    let end_to_end = |id: &str| BankTransaction { end_to_end_id: Some(id.to_owned()), ..plain() };
    let paid = (Rule::InvoiceNumber, PaymentState::Allocated);
    let unsure = (Rule::InvoiceNumber, parked(ParkReason::Uncorroborated));
    assert_eq!(names_it(end_to_end("INV-71025"), "INV-71025"), paid);
    assert_eq!(names_it(end_to_end("inv/71025"), "INV-71025"), paid);
    assert_eq!(names_it(end_to_end("71025071"), "71025071"), unsure);
    let named = |name: &str| BankTransaction { debtor_name: Some(name.to_owned()), ..plain() };
    assert_eq!(names_it(named("71041107 ﾀﾅｶﾀﾛｳ"), "71041107"), unsure);
    let field =
        |text: &str| BankTransaction { creditor_reference: Some(text.to_owned()), ..plain() };
    let grouped = "21 00000 00003 13947 14300 09017";
    assert_eq!(names_it(field(grouped), "210000000003139471430009017"), paid);
    // Where the text says what is paid, nothing else is looked at.
    let mut desk = desk(&["INV-71025"]);
    let both =
        BankTransaction { unstructured: vec!["INV-99999".to_owned()], ..end_to_end("INV-71025") };
    assert_ne!(desk.receive(both).1, PaymentState::Allocated);
}

#[test]
fn one_letter_fewer_or_more_is_no_other_number() {
    for text in ["INV-10011", "XINV-1001", "INV-1001-2", "INV-1001/2", "INV 1001 2", "ІNV-1001"] {
        let mut desk = desk(&[]);
        desk.invoice("INV-1001", "A", "77.00");
        let got = desk.receive(credit_saying("1", "110.41", &[text]));
        assert_ne!(got.1, PaymentState::Allocated, "{text}");
    }
    // Digits that a mark holds apart are not the digits without it.
    let mut desk = desk(&["INV-10012"]);
    let got = desk.receive(credit_saying("1", "110.41", &["INV-1001-2"]));
    assert_ne!(got.1, PaymentState::Allocated);
    assert_eq!(desk.suggested("1"), ["INV-10012"]);
}

#[test]
fn ids_that_are_alike_are_for_a_person() {
    for (one, other, text) in [
        ("INV-1", "inv-1", "INV-1"),
        ("INV-71045", "inv-71045", "inv 71045"),
        ("INV-71045", "INV.71045", "INV/71045"),
        ("INV-0071045", "INV-71045", "INV 00071045"),
        ("INV71045", "INV-71045", "INV 71045"),
    ] {
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice(one, "A", "45.45");
        desk.invoice(other, "B", "46.45");
        let got = desk.receive(credit_saying("1", "46.45", &[text]));
        assert_eq!(got, (Rule::InvoiceNumber, parked(ParkReason::AmbiguousReference)), "{text}");
        // What has the amount first.
        assert_eq!(desk.suggested("1"), [other, one], "{text}");
    }
    // Exactly as it is issued, it is one of them, unless the other has the same amount.
    for (amount, state) in
        [("46.45", PaymentState::Allocated), ("45.45", parked(ParkReason::Uncorroborated))]
    {
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice("INV-71045", "A", "45.45");
        desk.invoice("INV.71045", "B", amount);
        let got = desk.receive(credit_saying("1", "45.45", &["INV-71045"]));
        assert_eq!(got, (Rule::InvoiceNumber, state), "{amount}");
    }
}

#[test]
fn a_list_says_the_letters_once() {
    for text in [
        "INV-71523, 71524",
        "INV-71523/71524",
        "INV 71523 and 71524",
        "INV-71523/24",
        "INV71523+71524",
        "INV-71523 & 71524",
        "INV-71523-INV-71524",
        "INV-71523,INV-71524",
        "INV71523INV71524",
    ] {
        let mut desk = desk(&["INV-71523", "INV-71524"]);
        let got = desk.receive(credit_saying("1", "221.82", &[text]));
        assert_eq!(got, (Rule::SeveralInvoices, PaymentState::Allocated), "{text}");
        assert_eq!(desk.pays("1").len(), 2, "{text}");
    }
}

#[test]
fn a_near_number_says_which_of_the_payers_equal_invoices_is_meant() {
    let mut desk = Desk::with_customers(Policy::default());
    for id in ["INV-71001", "INV-72014", "INV-73333"] {
        desk.invoice(id, "A", "100");
    }
    desk.invoice("INV-72013", "B", "55");
    let saying = |id: &str, text: &str| BankTransaction {
        unstructured: vec![text.to_owned()],
        ..credit_from(id, "100", "PAYERA")
    };
    let got = desk.receive(saying("1", "topup INV-7214"));
    assert_eq!(
        (got.0, desk.pays("1")),
        (Rule::EqualAmounts, vec!["INV-72014 100.00 SGD".to_owned()])
    );
    // A mistake that makes it another customer's number: the payer's own is suggested.
    let got = desk.receive(saying("2", "topup INV-72013"));
    assert_eq!(got, (Rule::InvoiceNumber, parked(ParkReason::IdentityConflict)));
    desk.invoice("INV-73334", "A", "100");
    // Two of theirs are as near: a person says which.
    let got = desk.receive(saying("3", "topup INV-7333"));
    assert_eq!(got, (Rule::EqualAmounts, PaymentState::OnAccount));
    assert_eq!(desk.suggested("3").get(..2), Some(&["INV-73333", "INV-73334"][..]));
    // One of theirs over another amount, beside one with the amount.
    desk.invoice("INV-73335", "A", "30");
    let got = desk.receive(saying("4", "topup INV-73335"));
    assert_eq!(got, (Rule::InvoiceNumber, parked(ParkReason::Uncorroborated)));
    assert_eq!(desk.suggested("4").first(), Some(&"INV-73333"));
}

#[test]
fn a_payment_that_names_it_otherwise_waits_for_its_invoice() {
    for text in ["INV/2026/00013", "INV 2026 00013", "支払INV-2026-00013", "INV-2026-00013"] {
        let mut desk = Desk::with_customers(Policy::default());
        desk.receive(credit_saying("1", "110.41", &[text]));
        desk.invoice("INV-2026-00013", "A", "110.41");
        assert_eq!(desk.pays("1"), ["INV-2026-00013 110.41 SGD"], "{text}");
    }
}

#[test]
fn sixty_invoices_that_add_up_are_one_choice() {
    let mut desk = Desk::with_customers(Policy::default());
    let lines: Vec<String> = (0..60)
        .map(|number| {
            let id = format!("INV-{}", 71_400 + number);
            desk.invoice(&id, "A", "10");
            format!("RMR*IV*{id}**10.00*10.00\\REF*ZZ*LINE {number:04}")
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let got = desk.receive(credit_saying("1", "600", &lines));
    assert_eq!(got, (Rule::SeveralInvoices, parked(ParkReason::AmbiguousReference)));
    assert_eq!(desk.suggested("1").len(), 60);
    let choice = format!("{}-1", desk.decision("1").id.0);
    let paid = banked("1");
    desk.apply(confirm(paid.as_str(), &choice, "A"));
    assert_eq!(desk.pays("1").len(), 60);
    // Another sum is none.
    let got = desk.receive(credit_saying("2", "601", &lines));
    assert_ne!(got.1, PaymentState::Allocated);
}

#[test]
fn the_rest_is_suggested_for_the_next_invoice() {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, amount) in [("INV-1", "100"), ("INV-2", "70"), ("INV-3", "80")] {
        desk.invoice(id, "A", amount);
    }
    let reference = desk.reference("INV-1");
    desk.receive(credit_saying("1", "130", &[&reference]));
    assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD"]);
    assert_eq!(desk.suggested("1"), ["INV-2", "INV-3"]);
}

proptest! {
    /// With any marks, a number is found: paid, or suggested.
    #[test]
    fn any_marks_lead_to_the_invoice(
        letters in "(INV|FT|ACME)", year in 2001..2099_u32, digits in 10_000..99_999_u32,
        marks in prop::collection::vec("[-./_:#–‐ ]", 2),
    ) {
        let id = format!("{letters}-{year}-{digits}");
        let text = format!("topup {letters}{}{year}{}{digits} thanks", marks[0], marks[1]);
        let (desk, got) = said(&[&id], &text);
        let found = got.1 == PaymentState::Allocated || desk.suggested("1") == [id.as_str()];
        prop_assert!(found, "{text}: {got:?}");
    }

    /// Two ids that fold alike are never paid by a text that is neither of them exactly.
    #[test]
    fn ids_that_fold_alike_are_never_paid_by_themselves(
        letters in "[A-Z]{2,4}", digits in "[1-9][0-9]{3,5}",
        left in "[-._:]", right in "[-._:]", text in "[ /#]", amount in 0..2_usize,
    ) {
        prop_assume!(left != right);
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice(&format!("{letters}{left}{digits}"), "A", "45.45");
        desk.invoice(&format!("{letters}{right}{digits}"), "B", "46.45");
        let amount = ["45.45", "46.45"][amount];
        let text = format!("{letters}{text}{digits}");
        desk.receive(credit_saying("1", amount, &[&text]));
        prop_assert_eq!(desk.pays("1"), Vec::<String>::new());
    }
}
