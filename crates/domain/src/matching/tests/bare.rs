//! Bare numbers, and who nobody is: money moves to a customer only on what names that customer.

use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::input::Command;
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

/// Invoices of A over their amounts; B is the other customer.
fn desk(invoices: &[(&str, &str, &str)]) -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, owner, amount) in invoices {
        desk.invoice(id, owner, amount);
    }
    desk
}

fn from_stranger(id: &str, amount: &str, text: &str) -> BankTransaction {
    BankTransaction {
        debtor_name: Some("Somebody Else Pte Ltd".to_owned()),
        debtor_account: Some("SG60ELSE".to_owned()),
        ..credit_saying(id, amount, &[text])
    }
}

#[test]
fn no_stranger_pays_a_bare_number_because_the_amount_fits() {
    for (number, amount, text) in [
        ("2027", "100", "Topup Jan 2027"),
        ("2027", "100", "Topup 2027"),
        ("2027", "100", "INVOICE 2027"),
        ("2028", "200", "topup 28/11/2028"),
        ("2028", "200", "topup 2028-11-28"),
        ("2028", "200", "topup 28.11.2028"),
        ("20281128", "200", "topup 20281128"),
        ("281128", "200", "invoice 281128"),
        ("28.11.28", "200", "topup 28.11.28"),
        ("28-11-2028", "200", "topup 28-11-2028"),
        ("28NOV2028", "200", "topup 28Nov2028"),
        ("1500", "1500", "TOPUP 1500"),
        ("1500", "1500", "INVOICE 1500"),
        ("1500", "1500", "topup SGD1500"),
        ("SGD1500", "1500", "topup SGD1500"),
        ("1500", "1500", "topup 1,500.00"),
        ("1.500", "1500", "topup 1.500,00"),
        ("1500.00", "1500", "1500.00"),
        ("049213", "100", "Blk 12 Singapore 049213"),
        ("S049213", "100", "Singapore S049213"),
        ("91234567", "100", "topup for 91234567"),
        ("91234567", "100", "hp no. 91234567"),
        ("9123", "100", "+65 9123 4567"),
        ("4111111111111111", "100", "invoice 4111111111111111"),
        ("4111", "100", "card no 4111 1111 1111 1111"),
        ("1230", "100", "at 1230hrs"),
        ("12:30", "100", "at 12:30"),
        ("3704", "100", "from DE89 3704 0044 0532 0130 00"),
        ("412345678901", "100", "UPI/412345678901/topup"),
        ("412345678901", "100", "UTR no 412345678901"),
        ("4711", "100", "topup 4711"),
        ("INV-1001", "100", "INV-1001-2"),
        ("INV-1001", "100", "9-INV-1001"),
    ] {
        let mut desk = desk(&[(number, "A", amount)]);
        desk.receive(from_stranger("1", amount, text));
        assert!(matches!(desk.state("1"), PaymentState::Parked(_)), "{number}: {text}");
        assert_eq!(desk.pays("1"), Vec::<String>::new(), "{number}: {text}");
    }
}

#[test]
fn a_bare_number_with_a_witness_pays() {
    let allocated = (Rule::InvoiceNumber, PaymentState::Allocated);
    for text in ["invoice 4711", "Inv. 4711", "INV NO. 4711", "invoice no. 4711", "Rechnung 4711"] {
        let mut desk = desk(&[("4711", "A", "100")]);
        assert_eq!(desk.receive(from_stranger("1", "100", text)), allocated, "{text}");
    }
    // The payer is known, or has the customer's name.
    let mut desk = desk(&[("4711", "A", "100"), ("4712", "A", "100"), ("9999", "A", "100")]);
    let mut named = upsert("A");
    named.name = "Acme Trading".to_owned();
    desk.apply(Command::UpsertAccount(named));
    let known = BankTransaction {
        debtor_account: Some("PAYERA".to_owned()),
        ..credit_saying("1", "100", &["topup 4711"])
    };
    assert_eq!(desk.receive(known), allocated);
    let named = BankTransaction {
        debtor_name: Some("ACME TRADING PTE LTD".to_owned()),
        ..credit_saying("2", "100", &["topup 4712"])
    };
    assert_eq!(desk.receive(named), allocated);
    // In the field for references nothing else is expected.
    let field =
        BankTransaction { creditor_reference: Some("9999".to_owned()), ..credit("3", "100") };
    assert_eq!(desk.receive(field), allocated);
}

#[test]
fn a_date_or_an_amount_does_not_keep_a_known_payer_from_paying() {
    for (number, text) in
        [("2028", "topup 28/11/2028"), ("100", "topup 100"), ("1000", "topup 1000")]
    {
        let mut desk = desk(&[(number, "B", "55"), ("INV-9001", "A", "1000")]);
        let bank = BankTransaction {
            debtor_account: Some("PAYERA".to_owned()),
            ..credit_saying("1", "1000", &[text])
        };
        assert_eq!(desk.receive(bank), (Rule::KnownPayer, PaymentState::Allocated), "{text}");
    }
}

#[test]
fn several_bare_numbers_of_one_customer_need_a_witness_too() {
    let mut desk = desk(&[("4711", "A", "60"), ("4712", "A", "40"), ("INV-9001", "A", "40")]);
    let got = desk.receive(from_stranger("1", "100", "4711 4712"));
    assert_eq!(got, (Rule::SeveralInvoices, parked(ParkReason::Uncorroborated)));
    assert_eq!(desk.suggested("1"), ["4711", "4712"]);
    // A number beyond doubt names the customer for both.
    let got = desk.receive(from_stranger("2", "100", "INV-9001 and 4711"));
    assert_eq!(got, (Rule::SeveralInvoices, PaymentState::Allocated));
}

#[test]
fn numbers_glued_together_name_both() {
    for glue in ["-", ",", "/", "+", " ", ".", ":", "_", "&", ";"] {
        let text = format!("INV-71523{glue}INV-71524");
        let mut two = desk(&[("INV-71523", "A", "60.53"), ("INV-71524", "B", "40")]);
        for (id, amount) in [("1", "100.53"), ("2", "1.53"), ("3", "60.53")] {
            let bank = BankTransaction {
                debtor_account: Some("PAYERA".to_owned()),
                ..credit_saying(id, amount, &[&text])
            };
            let got = two.receive(bank);
            assert_eq!(
                got,
                (Rule::SeveralInvoices, parked(ParkReason::SeveralAccounts)),
                "{text} {amount}"
            );
        }
        let mut one = desk(&[("INV-71523", "A", "60.53"), ("INV-71524", "A", "40")]);
        let got = one.receive(credit_saying("1", "100.53", &[&text]));
        assert_eq!(got, (Rule::SeveralInvoices, PaymentState::Allocated), "{text}");
    }
    let text = "INV-71521-INV-71522-INV-71523-INV-71524";
    let mut many = desk(&[("INV-71522", "A", "60"), ("INV-71524", "B", "40")]);
    let got = many.receive(credit_saying("1", "60", &[text]));
    assert_eq!(got, (Rule::SeveralInvoices, parked(ParkReason::SeveralAccounts)));
}

#[test]
fn a_placeholder_or_masked_payer_is_nobody_whatever_was_confirmed() {
    for nobody in ["XXXXXX1234", "N/A", "UNKNOWN", "****1234", "000000", "1111111111", "123456789"]
    {
        let mut desk =
            desk(&[("INV-71", "A", "31.20"), ("INV-72", "A", "32.20"), ("INV-73", "A", "33.20")]);
        for (id, amount) in [("1", "31.20"), ("2", "32.20")] {
            desk.receive(credit_from(id, amount, nobody));
            desk.apply(assign(&format!("BANK:OURS:{id}"), "A"));
        }
        assert!(
            desk.model.set.payers_here().values().all(|known| known.learnt.is_empty()),
            "{nobody}"
        );
        let got = desk.receive(credit_from("3", "33.20", nobody));
        assert_eq!(got, (Rule::AmountOnly, parked(ParkReason::AmountOnly)), "{nobody}");
    }
}

/// What is as long or longer is another customer's: nobody knows which is meant, and both are
/// shown. A known payer says it.
#[test]
fn a_number_inside_another_customers_is_ambiguous() {
    for (longer, shorter, text) in [
        ("INV-43125", "43125", "INV 43125"),
        ("INV-43125", "43125", "INV/43125"),
        ("INV-43125", "43125", "INV - 43125"),
        ("INV-43125", "43125", "INV#43125"),
        ("INV-43125", "43125", "INV: 43125"),
        ("INV-43125", "43125", "INV no 43125"),
        ("INV-43125", "43125", "INV Nr. 43125"),
        ("INV-43125", "43125", "Invoice INV 43125"),
        ("INV-43125", "43125", "invoice 43125"),
        ("RE-33969", "33969", "Rechnung RE 33969"),
        ("TU-28132", "28132", "Invoice TU 28132"),
        ("INV-2026-22585", "2026-22585", "INV 2026-22585"),
        ("INV-96938-2", "INV-96938", "INV-96938/2"),
    ] {
        for payer in [None, Some("PAYERA"), Some("PAYERB")] {
            let mut desk = desk(&[(longer, "A", "100"), (shorter, "B", "100")]);
            let bank = BankTransaction {
                debtor_account: payer.map(str::to_owned),
                ..credit_saying("1", "100", &[text])
            };
            desk.receive(bank);
            let (paid, told) = (desk.pays("1"), desk.suggested("1"));
            match payer {
                None => {
                    assert_eq!(paid, Vec::<String>::new(), "{text}");
                    assert!(told.contains(&longer) && told.contains(&shorter), "{text}: {told:?}");
                }
                Some("PAYERA") => assert_eq!(paid, [format!("{longer} 100.00 SGD")], "{text}"),
                Some(_) => assert!(!paid.iter().any(|p| p.starts_with(longer)), "{text}"),
            }
        }
    }
    for text in ["invoice no. 43689/2026", "invoice 2026 / 43689", "invoice 43689/26"] {
        let mut desk = desk(&[("2026-43689", "A", "100"), ("43689", "B", "100")]);
        desk.receive(credit_saying("1", "100", &[text]));
        assert_eq!(desk.pays("1"), Vec::<String>::new(), "{text}");
    }
}
