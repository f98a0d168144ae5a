//! The gates of a bank record before matching, and the dead letters that deciding makes.

use crate::bank::{BankTransaction, CreditDebit, EntryStatus, ReturnOf};
use crate::decide::bank::{bank_key, payment_id, payment_id_instead};
use crate::effect::{BankDisposition, Outcome};
use crate::ids::BankKey;
use crate::input::Command;
use crate::matching::policy;
use crate::payment::{ParkReason, PaymentState};
use crate::rejection::DeadLetterReason;
use crate::testkit::*;

fn with_status(status: EntryStatus, bank: BankTransaction) -> BankTransaction {
    BankTransaction { status, ..bank }
}

fn disposition(desk: &Desk, key: &str) -> BankDisposition {
    let key = BankKey { bank_account: "OURS".to_owned(), key: key.to_owned() };
    desk.model.set.bank_here()[&key].disposition
}

fn payments(desk: &Desk) -> usize {
    desk.model.set.payments_here().len()
}

#[test]
fn the_same_bank_key_is_one_payment_whatever_the_record_says() {
    let mut desk = Desk::new();
    assert!(matches!(desk.bank(credit("1", "5")), Outcome::Applied { .. }));
    assert_eq!(desk.bank(credit("1", "5")), Outcome::Duplicate);
    let conflict = Outcome::DeadLettered(DeadLetterReason::BankConflict);
    let before = desk.model.summary();
    assert_eq!(desk.bank(credit("1", "6")), conflict);
    assert_eq!(desk.model.summary(), before);
}

#[test]
fn what_the_bank_books_is_recorded_whatever_id_a_person_gave_to_a_payment() {
    let mut desk = Desk::new();
    desk.apply(Command::RecordPayment(record("BANK:OURS:1", None, "5")));
    assert!(matches!(desk.bank(credit("1", "7")), Outcome::Applied { .. }));
    let amounts: Vec<_> = desk.model.set.payments_here().values().map(|p| p.amount).collect();
    assert_eq!((amounts.len(), amounts.contains(&money("7"))), (2, true));
    assert_eq!(desk.bank(credit("1", "7")), Outcome::Duplicate);
}

#[test]
fn an_amount_with_more_decimals_than_the_currency_is_a_dead_letter() {
    let mut desk = Desk::new();
    desk.invoice("INV-1", "A", "1000 JPY");
    desk.apply(Command::RecordPayment(record("PAY-1", Some("A"), "1000 JPY")));
    let scale = Outcome::DeadLettered(DeadLetterReason::AmountScale);
    assert_eq!(desk.hand_in(allocate("PAY-1", "A", &[("INV-1", "0.5")])), scale);
    desk.apply(allocate("PAY-1", "A", &[("INV-1", "5")]));
}

#[test]
fn only_booked_money_moves_and_booking_upgrades_what_was_pending() {
    for status in [EntryStatus::Pending, EntryStatus::Information] {
        let mut desk = Desk::new();
        desk.bank(with_status(status, credit("1", "5")));
        assert_eq!((payments(&desk), disposition(&desk, "id:1")), (0, BankDisposition::NotBooked));
        assert_eq!(desk.bank(with_status(status, credit("1", "5"))), Outcome::Duplicate);
        // The amount may still change until it is booked.
        assert!(matches!(desk.bank(credit("1", "6")), Outcome::Applied { .. }));
        assert_eq!((payments(&desk), disposition(&desk, "id:1")), (1, BankDisposition::Payment));
        assert_eq!(desk.payment_now("1").amount, money("6"));
        assert_eq!(desk.bank(credit("1", "6")), Outcome::Duplicate);
        assert_eq!(desk.bank(with_status(status, credit("1", "5"))), Outcome::Duplicate);
        assert_eq!(payments(&desk), 1);
    }
}

#[test]
fn a_pending_record_without_an_id_is_upgraded_too() {
    let mut desk = Desk::new();
    let anonymous = BankTransaction { bank_transaction_id: None, ..credit("", "5") };
    desk.bank(with_status(EntryStatus::Pending, anonymous.clone()));
    assert!(matches!(desk.bank(anonymous), Outcome::Applied { .. }));
    assert_eq!(payments(&desk), 1);
}

#[test]
fn equal_payments_of_one_day_without_an_id_are_several_payments() {
    let mut desk = Desk::new();
    let anonymous = || BankTransaction { bank_transaction_id: None, ..credit("", "5") };
    for count in 1..=3 {
        assert!(matches!(desk.bank(anonymous()), Outcome::Applied { .. }));
        assert_eq!(payments(&desk), count);
    }
    let delivered = |entry: &str| BankTransaction {
        statement_id: Some("S-1".to_owned()),
        entry_reference: Some(entry.to_owned()),
        ..anonymous()
    };
    desk.bank(delivered("1"));
    desk.bank(delivered("2"));
    assert_eq!(desk.bank(delivered("1")), Outcome::Duplicate);
    assert_eq!(payments(&desk), 5);
}

#[test]
fn any_number_of_equal_rows_are_as_many_payments() {
    let mut desk = Desk::new();
    let anonymous = || BankTransaction { bank_transaction_id: None, ..credit("", "5") };
    for count in 1..=120 {
        assert!(matches!(desk.bank(anonymous()), Outcome::Applied { .. }));
        assert_eq!(payments(&desk), count);
    }
    // One that is only pending has a place of its own, which its booking takes.
    desk.bank(BankTransaction { status: EntryStatus::Pending, ..anonymous() });
    assert_eq!(desk.model.set.bank_here().len(), 121);
    desk.bank(anonymous());
    assert_eq!((payments(&desk), desk.model.set.bank_here().len()), (121, 121));
}

#[test]
fn a_booked_credit_is_a_payment_whatever_ids_are_taken() {
    let mut desk = Desk::new();
    let bank = credit("1", "5");
    let key = bank_key(&bank, &[0; 32], 1);
    for id in [payment_id(&key), payment_id_instead(&key)] {
        desk.model.set.know_taken(id);
    }
    assert!(matches!(desk.bank(bank), Outcome::Applied { .. }));
    assert_eq!(payments(&desk), 1);
}

#[test]
fn the_direction_decides_what_is_a_payment() {
    let with = |credit_debit, reversal, returned: bool| BankTransaction {
        credit_debit,
        reversal,
        return_of: returned.then(|| ReturnOf {
            bank_transaction_id: Some("9".to_owned()),
            end_to_end_id: None,
            reason: None,
        }),
        ..credit("1", "5")
    };
    let cases = [
        (CreditDebit::Credit, false, false, BankDisposition::Payment),
        (CreditDebit::Credit, true, false, BankDisposition::RefundBounced),
        (CreditDebit::Debit, true, false, BankDisposition::ReturnParked),
        (CreditDebit::Debit, false, true, BankDisposition::ReturnParked),
        (CreditDebit::Debit, false, false, BankDisposition::Outgoing),
    ];
    for (credit_debit, reversal, returned, expected) in cases {
        let mut desk = Desk::new();
        let bank = with(credit_debit, reversal, returned);
        let outcome = desk.bank(bank.clone());
        assert!(matches!(outcome, Outcome::Applied { .. }), "{bank:?}");
        let key = match (credit_debit, reversal || returned) {
            (_, false) => "id:1",
            (CreditDebit::Debit, true) => "reversal:1",
            (CreditDebit::Credit, true) => "undone:1",
        };
        assert_eq!(disposition(&desk, key), expected, "{bank:?}");
        let is_payment = expected == BankDisposition::Payment;
        assert_eq!(payments(&desk), usize::from(is_payment), "{bank:?}");
        assert_eq!(desk.bank(bank), Outcome::Duplicate);
    }
}

/// Banks book 0.00 to say something. Whatever its direction, it moves nothing and nothing waits
/// for it; the same again is nothing new, also with other words.
#[test]
fn a_booking_of_nothing_is_recorded_and_is_no_payment() {
    let nothing = || credit("1", "0");
    let returned = Some(ReturnOf {
        bank_transaction_id: Some("9".to_owned()),
        end_to_end_id: None,
        reason: None,
    });
    let debit = CreditDebit::Debit;
    let cases = [
        ("id:1", nothing()),
        ("undone:1", BankTransaction { reversal: true, ..nothing() }),
        ("id:1", BankTransaction { credit_debit: debit, ..nothing() }),
        ("reversal:1", BankTransaction { credit_debit: debit, reversal: true, ..nothing() }),
        ("reversal:1", BankTransaction { credit_debit: debit, return_of: returned, ..nothing() }),
    ];
    for (key, bank) in cases {
        let mut desk = Desk::new();
        let outcome = desk.bank(bank.clone());
        assert!(matches!(outcome, Outcome::Applied { .. }), "{bank:?}");
        assert_eq!(disposition(&desk, key), BankDisposition::NoMoney, "{bank:?}");
        assert_eq!(payments(&desk), 0, "{bank:?}");
        assert_eq!(desk.bank(bank.clone()), Outcome::Duplicate);
        let said = vec!["fee waived".to_owned()];
        let more = BankTransaction { unstructured: said, ..bank.clone() };
        assert_eq!(desk.bank(more), Outcome::Duplicate, "{bank:?}");
        let pending = with_status(EntryStatus::Pending, bank);
        assert_eq!(desk.bank(pending), Outcome::Duplicate);
    }
}

/// Money is money, whatever stood under its id before; and what is money already is not undone.
#[test]
fn money_takes_the_place_of_a_booking_of_nothing() {
    let mut desk = Desk::new();
    desk.bank(with_status(EntryStatus::Pending, credit("1", "0")));
    assert_eq!(disposition(&desk, "id:1"), BankDisposition::NotBooked);
    desk.bank(credit("1", "0"));
    assert_eq!(disposition(&desk, "id:1"), BankDisposition::NoMoney);
    assert!(matches!(desk.bank(credit("1", "5")), Outcome::Applied { .. }));
    assert_eq!((payments(&desk), disposition(&desk, "id:1")), (1, BankDisposition::Payment));
    let conflict = Outcome::DeadLettered(DeadLetterReason::BankConflict);
    assert_eq!(desk.bank(credit("1", "0")), conflict);
}

/// Without any id two of them are two entries: the statement counts both.
#[test]
fn equal_bookings_of_nothing_without_an_id_are_two() {
    let mut desk = Desk::new();
    let bank = BankTransaction { bank_transaction_id: None, ..credit("1", "0") };
    for _ in 0..2 {
        assert!(matches!(desk.bank(bank.clone()), Outcome::Applied { .. }));
    }
    assert_eq!((payments(&desk), desk.model.set.bank_here().len()), (0, 2));
}

#[test]
fn money_between_our_own_accounts_is_parked() {
    let mut desk = Desk::with(policy::Policy {
        own_accounts: vec!["OURSECOND".to_owned()],
        ..Default::default()
    });
    desk.invoice("INV-1", "A", "5");
    for payer in ["ours", "our-second"] {
        let mut bank = credit_from(payer, "5", payer);
        bank.unstructured = vec![desk.reference("INV-1")];
        desk.receive(bank);
        assert_eq!(desk.state(payer), parked(ParkReason::InternalTransfer));
        assert_eq!(desk.owner(payer), None);
    }
}

#[test]
fn money_for_a_closed_account_is_parked() {
    let mut desk = Desk::with_customers(Default::default());
    desk.invoice("INV-1", "A", "5");
    desk.model.set.accounts_mut().get_mut(&account("A")).expect("A").closed = true;
    desk.receive(credit_from("1", "5", "PAYERA"));
    let reference = desk.reference("INV-1");
    desk.receive(credit_saying("2", "5", &[&reference]));
    for id in ["1", "2"] {
        assert_eq!(desk.state(id), parked(ParkReason::AccountClosed), "{id}");
    }
}

#[test]
fn hostile_text_is_still_money() {
    let mut desk = Desk::new();
    let lines = [
        "\u{202e}'; DROP TABLE payment; --\0",
        "RF RF RF RF",
        "INV-\u{200b}",
        "9".repeat(4000).leak(),
    ];
    desk.receive(credit_saying("1", "5", &lines));
    assert_eq!(desk.state("1"), PaymentState::Parked(ParkReason::NoCandidate));
    desk.receive(credit_saying("2", "5", &[&"RF:".repeat(1365)]));
}

#[test]
fn the_payment_of_a_bank_transaction_can_be_named_by_everybody() {
    use crate::decide::bank::payment_id;
    let id =
        |key: &str| payment_id(&BankKey { bank_account: "OURS".to_owned(), key: key.to_owned() });
    assert_eq!(id("id:B1").as_str(), "BANK:OURS:B1");
    assert_ne!(id("id:B1"), id("id:id:B1"));
    for odd in ["id:with space", "entry:S/1", &format!("id:{}", "9".repeat(80))] {
        let id = id(odd);
        assert!(id.as_str().starts_with("BANK:") && id.as_str().len() == 37, "{id}");
    }
}

/// What reads the same when it is joined is two payments all the same, and no other is in the way.
#[test]
fn two_payments_whose_names_read_the_same_when_joined_are_two() {
    let entry = |statement: &str, entry: &str| BankTransaction {
        bank_transaction_id: None,
        statement_id: Some(statement.to_owned()),
        entry_reference: Some(entry.to_owned()),
        ..credit("-", "77")
    };
    let of = |account: &str, id: &str| BankTransaction {
        bank_account: crate::ids::BankAccountId::trusted(account),
        ..credit(id, "55")
    };
    let detail = |id: &str| BankTransaction {
        detail: Some(crate::bank::EntryDetail {
            index: 1,
            entry_amount: None,
            entry_details: None,
        }),
        ..credit(id, "33")
    };
    let mut desk = Desk::new();
    let all = [
        entry("2026/11", "28/1"),
        entry("2026/11/28", "1"),
        entry("2026%2F11", "28/1"),
        of("DBS", "SGD:0001"),
        of("DBS:SGD", "0001"),
        detail("X"),
        credit("detail:1:id:X", "34"),
    ];
    for bank in &all {
        assert!(matches!(desk.bank(bank.clone()), Outcome::Applied { .. }), "{bank:?}");
    }
    assert_eq!(desk.model.set.payments_here().len(), all.len());
    for bank in all {
        assert_eq!(desk.bank(bank), Outcome::Duplicate);
    }
    // What people read stays as it was where nothing has to be escaped.
    let named = desk.model.set.payments_here().keys().map(|id| id.as_str().to_owned());
    let named: std::collections::BTreeSet<String> = named.collect();
    assert!(named.contains("BANK:DBS:SGD:0001") && named.contains("BANK:OURS:detail:1:id:X"));
}

/// Without a bank's id: what the bank tells more of later, or exports again, is a person's to say.
mod without_id {
    use super::*;
    use crate::effect::Effect;
    use crate::ids::{PaymentId, Source};
    use crate::input::Input;

    fn saying(text: &str) -> BankTransaction {
        BankTransaction {
            bank_transaction_id: None,
            debtor_account: Some("PAYERA".to_owned()),
            ..credit_saying("1", "50", &[text])
        }
    }

    fn desk() -> Desk {
        let mut desk = Desk::with_customers(policy::Policy::default());
        desk.invoice("INV-1", "A", "50");
        desk.invoice("INV-2", "A", "50");
        desk
    }

    fn send(desk: &mut Desk, bank: BankTransaction, source: &str, minutes: i64) -> PaymentId {
        let mut message = desk.message(Input::BankTransaction(Box::new(bank)));
        message.record.source = Source::trusted(source);
        message.time = desk.now + chrono::TimeDelta::minutes(minutes);
        assert!(matches!(desk.feed(&message), Outcome::Applied { .. }));
        let recorded = desk.model.last_effects.iter().find_map(|effect| match effect {
            Effect::RecordPayment(payment) => Some(payment.payment_id.clone()),
            _ => None,
        });
        recorded.expect("a payment")
    }

    fn state(desk: &Desk, id: &PaymentId) -> PaymentState {
        desk.model.set.payments_here()[id].state
    }

    const AGAIN: PaymentState = PaymentState::Parked(ParkReason::PossibleDuplicate);

    #[test]
    fn an_enriched_text_is_parked_beside_the_first() {
        let mut desk = desk();
        let first = send(&mut desk, saying("Topup"), "bank", 0);
        let second = send(&mut desk, saying("Topup *1728888 Aut. 4989889"), "bank", 0);
        assert_eq!((state(&desk, &first), state(&desk, &second)), (PaymentState::Allocated, AGAIN));
        let decision = desk.model.last_decision(&second).expect("a decision");
        assert_eq!(decision.explanation.looks_like.as_ref(), Some(&first));
        assert_eq!(desk.balance("A"), money("50"));
        // Nothing but a person decides it again.
        let again = desk.message(Input::Rematch(second.clone()));
        desk.feed(&again);
        desk.invoice("INV-3", "A", "50");
        assert_eq!(state(&desk, &second), AGAIN);
    }

    #[test]
    fn equal_rows_are_two_payments_in_one_delivery_only() {
        let mut twins = desk();
        for _ in 0..2 {
            let id = send(&mut twins, saying("Topup"), "bank", 0);
            assert_eq!(state(&twins, &id), PaymentState::Allocated);
        }
        for (source, minutes) in [("csv", 0), ("bank", 60)] {
            let mut desk = desk();
            send(&mut desk, saying("Topup"), "bank", 0);
            let again = send(&mut desk, saying("Topup"), source, minutes);
            assert_eq!(state(&desk, &again), AGAIN, "{source}");
        }
        let row = |statement: &str, entry: &str| BankTransaction {
            statement_id: Some(statement.to_owned()),
            entry_reference: Some(entry.to_owned()),
            ..saying("Topup")
        };
        for (statement, expected) in [("S-1", PaymentState::Allocated), ("S-2", AGAIN)] {
            let mut desk = desk();
            send(&mut desk, row("S-1", "1"), "bank", 0);
            let second = send(&mut desk, row(statement, "2"), "bank", 600);
            assert_eq!(state(&desk, &second), expected, "{statement}");
        }
    }

    #[test]
    fn a_statement_that_is_exported_again_with_more_words_is_in_doubt() {
        let row =
            |text: &str| BankTransaction { statement_id: Some("E1".to_owned()), ..saying(text) };
        for (minutes, expected) in [(0, PaymentState::Allocated), (200, AGAIN)] {
            let mut desk = desk();
            send(&mut desk, row("Topup"), "bank", 0);
            let second = send(&mut desk, row("Topup enriched"), "bank", minutes);
            assert_eq!(state(&desk, &second), expected, "{minutes}");
        }
    }

    #[test]
    fn other_money_is_no_duplicate() {
        let first = saying("Topup");
        let others = [
            BankTransaction { amount: money("51"), ..first.clone() },
            BankTransaction { debtor_account: Some("PAYERB".to_owned()), ..first.clone() },
            BankTransaction { booking_date: day("2026-01-05"), ..first.clone() },
            saying("Rent"),
        ];
        for other in others {
            let mut desk = desk();
            send(&mut desk, first.clone(), "bank", 0);
            let second = send(&mut desk, other, "csv", 0);
            assert_ne!(state(&desk, &second), AGAIN);
        }
    }

    /// One feed tells the payer's account as an IBAN, another as the number that the IBAN holds.
    #[test]
    fn a_payer_told_in_two_forms_of_one_number_is_one_payer() {
        let from = |payer: &str, id: Option<&str>| BankTransaction {
            bank_transaction_id: id.map(str::to_owned),
            debtor_account: Some(payer.to_owned()),
            ..saying("Topup")
        };
        const DE: &str = "DE89 3704 0044 0532 0130 00";
        for (iban, national, same) in [
            (DE, "0532013000", true),
            (DE, "532 013 000", true),
            (DE, "37040044/0532013000", true),
            ("GB29 NWBK 6016 1331 9268 19", "60-16-13 31926819", true),
            ("GB29 NWBK 6016 1331 9268 19", "31926819", true),
            ("NL91 ABNA 0417 1643 00", "417164300", true),
            // Less than eight characters, another number, another bank, no IBAN.
            (DE, "2013000", false),
            (DE, "0002013000", false),
            (DE, "0532013001", false),
            (DE, "37040045/0532013000", false),
            ("DE88 3704 0044 0532 0130 00", "0532013000", false),
            (DE, "GB29 NWBK 6016 1331 9268 19", false),
        ] {
            for (first, second) in [(iban, national), (national, iban)] {
                for ids in [[None, None], [Some("77"), None], [None, Some("77")]] {
                    let mut desk = desk();
                    send(&mut desk, from(first, ids[0]), "camt", 0);
                    let second = send(&mut desk, from(second, ids[1]), "csv", 0);
                    let again = state(&desk, &second) == AGAIN;
                    assert_eq!(again, same, "{first} {national} {ids:?}");
                }
            }
        }
    }

    #[test]
    fn the_banks_id_makes_no_second_payment_of_what_came_without() {
        let with_id = |id: &str| BankTransaction {
            bank_transaction_id: Some(id.to_owned()),
            ..saying("Topup")
        };
        let mut desk = desk();
        let first = send(&mut desk, saying("Topup"), "csv", 0);
        let second = send(&mut desk, with_id("77"), "bank", 0);
        assert_eq!((state(&desk, &first), state(&desk, &second)), (PaymentState::Allocated, AGAIN));
        // The other way round. A second id is a second transfer, until somebody says that what has
        // none is money of its own.
        let mut desk = self::desk();
        let first = send(&mut desk, with_id("77"), "bank", 0);
        let second = send(&mut desk, saying("Topup"), "csv", 0);
        let third = send(&mut desk, with_id("78"), "bank", 0);
        let stand = [&first, &second, &third].map(|id| state(&desk, id));
        assert_eq!(stand, [PaymentState::Allocated, AGAIN, PaymentState::Allocated]);
        desk.apply(assign(second.as_str(), "A"));
        let fourth = send(&mut desk, with_id("79"), "bank", 0);
        assert_eq!(state(&desk, &fourth), AGAIN);
    }

    /// All orders in which two feeds may tell of up to three transfers: never more is paid than one
    /// of the feeds knows, and whatever is in doubt names what was paid.
    #[test]
    fn two_feeds_in_any_order_pay_no_transfer_twice() {
        let tell = |kind: usize| BankTransaction {
            bank_transaction_id: (kind > 0).then(|| kind.to_string()),
            ..saying("Topup")
        };
        for sequence in 0..4_usize.pow(5) {
            let kinds: Vec<usize> = (0..5).map(|place| sequence / 4_usize.pow(place) % 4).collect();
            let mut desk = desk();
            for kind in &kinds {
                let source = if *kind > 0 { "bank" } else { "csv" };
                let mut message = desk.message(Input::BankTransaction(Box::new(tell(*kind))));
                message.record.source = Source::trusted(source);
                message.time = desk.now;
                desk.feed(&message);
            }
            let ids: std::collections::BTreeSet<_> =
                kinds.iter().filter(|kind| **kind > 0).collect();
            let rows = kinds.iter().filter(|kind| **kind == 0).count();
            let payments = desk.model.set.payments_here().values();
            let (again, paid): (Vec<_>, Vec<_>) = payments.partition(|p| p.state == AGAIN);
            assert!(!paid.is_empty() && paid.len() <= ids.len().max(rows), "{kinds:?}");
            assert_eq!(paid.len() + again.len(), ids.len() + rows, "{kinds:?}");
            for payment in again {
                let decision = desk.model.last_decision(&payment.payment_id).expect("decided");
                assert!(decision.explanation.looks_like.is_some(), "{kinds:?}");
            }
        }
    }

    #[test]
    fn a_person_says_that_it_is_a_second_payment_or_the_same_money() {
        let mut desk = desk();
        send(&mut desk, saying("Topup"), "bank", 0);
        let second = send(&mut desk, saying("Topup now"), "bank", 0);
        desk.apply(assign(second.as_str(), "A"));
        assert_eq!(state(&desk, &second), PaymentState::OnAccount);
        desk.apply(allocate(second.as_str(), "A", &[("INV-2", "")]));
        assert_eq!(desk.balance("A"), money("100"));

        let mut desk = self::desk();
        send(&mut desk, saying("Topup"), "bank", 0);
        let second = send(&mut desk, saying("Topup now"), "bank", 0);
        desk.apply(remove(second.as_str(), "A"));
        assert_eq!(state(&desk, &second), PaymentState::Removed);
        assert_eq!(desk.balance("A"), money("50"));
        assert!(desk.model.set.payers_here().values().all(|known| known.learnt.is_empty()));
    }
}
