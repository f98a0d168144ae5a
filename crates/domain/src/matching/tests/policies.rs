//! Each policy against the rules that it has a say in: everybody's, a customer's own, another's.

use std::collections::BTreeMap;

use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::matching::policy::{
    EqualAmountPolicy, Override, PartialPolicy, Policy, PolicyKind, ResidualPolicy, RuleSet,
};
use crate::money::Money;
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

/// Whose override it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Nobody's: the default.
    Nobody,
    Everybody,
    /// Of A, who gets the money.
    Own,
    /// Of B, who does not.
    Another,
}

const WHOSE: [Whose; 4] = [Whose::Nobody, Whose::Everybody, Whose::Own, Whose::Another];

impl Whose {
    /// Rule set 4 in which `own` is said of these.
    fn rules(self, own: &Override) -> RuleSet {
        let everybody = Policy {
            partial: own.partial.unwrap_or_default(),
            fee: own.fee.unwrap_or_default(),
            equal_amount: own.equal_amount.unwrap_or_default(),
            residual: own.residual.unwrap_or_default(),
            max_auto_amounts: own.max_auto_amounts.values().flatten().copied().collect(),
            max_return_fees: Vec::new(),
            own_accounts: Vec::new(),
        };
        match self {
            Self::Nobody => RuleSet::new(4, Policy::default(), BTreeMap::new()),
            Self::Everybody => RuleSet::new(4, everybody, BTreeMap::new()),
            Self::Own => of("A", own),
            Self::Another => of("B", own),
        }
    }

    fn counts(self) -> bool {
        matches!(self, Self::Everybody | Self::Own)
    }
}

fn of(owner: &str, own: &Override) -> RuleSet {
    RuleSet::new(4, Policy::default(), BTreeMap::from([(account(owner), own.clone())]))
}

fn limit(amount: Option<&str>) -> Override {
    let limit: Option<Money> = amount.map(money);
    let max_auto_amounts = BTreeMap::from([(currency("SGD"), limit)]);
    Override { max_auto_amounts, ..Override::default() }
}

/// INV-1 and INV-2 of A over 100, INV-3 over 30; B has an invoice over 100 too.
fn desk(whose: Whose, own: &Override) -> Desk {
    let mut desk = Desk::customers_with(whose.rules(own));
    for (id, owner, amount) in
        [("INV-1", "A", "100"), ("INV-2", "A", "100"), ("INV-3", "A", "30"), ("INV-4", "B", "100")]
    {
        desk.invoice(id, owner, amount);
    }
    desk
}

fn saying(desk: &Desk, amount: &str, id: &str) -> BankTransaction {
    credit_saying("1", amount, &[&desk.reference(id)])
}

/// What the decision says of the policy: its value, and whether it is the customer's own.
fn told(desk: &Desk, kind: PolicyKind) -> Vec<(String, bool)> {
    let decision = desk.decision("1");
    assert_eq!(decision.policy_version, 4);
    let notes = decision.explanation.policies.iter().filter(|note| note.kind == kind);
    notes.map(|note| (note.value.clone(), note.own)).collect()
}

#[test]
fn partial_counts_for_whoever_gets_the_money() {
    let own = Override { partial: Some(PartialPolicy::Apply), ..Override::default() };
    for whose in WHOSE {
        let mut desk = desk(whose, &own);
        let bank = saying(&desk, "60", "INV-1");
        let got = desk.receive(bank);
        let (state, word) = match whose.counts() {
            true => (PaymentState::Allocated, "apply"),
            false => (parked(ParkReason::PartialPayment), "suggest"),
        };
        assert_eq!(got, (Rule::CheckedReference, state), "{whose:?}");
        let own = whose == Whose::Own;
        assert_eq!(told(&desk, PolicyKind::Partial), [(word.to_owned(), own)], "{whose:?}");
    }
}

#[test]
fn fee_counts_only_within_the_declared_charges() {
    let fee = Override { fee: Some(PartialPolicy::Apply), ..Override::default() };
    let partial = Override { partial: Some(PartialPolicy::Apply), ..Override::default() };
    for (whose, own) in WHOSE.iter().flat_map(|whose| [(*whose, &fee), (*whose, &partial)]) {
        for (charges, within) in [("2", true), ("1", false)] {
            let mut desk = desk(whose, own);
            let mut bank = saying(&desk, "98", "INV-1");
            bank.charges = Some(money(charges));
            let got = desk.receive(bank);
            let rule = if within { Rule::BankCharges } else { Rule::CheckedReference };
            let applies = whose.counts() && (within || own.partial.is_some());
            let state = match applies {
                true => PaymentState::Allocated,
                false => parked(ParkReason::PartialPayment),
            };
            assert_eq!(got, (rule, state), "{whose:?} {own:?} {charges}");
            if applies {
                assert_eq!(desk.pays("1"), ["INV-1 98.00 SGD"], "never more than arrived");
            }
        }
    }
}

#[test]
fn equal_amount_has_a_say_only_among_several() {
    let own = Override { equal_amount: Some(EqualAmountPolicy::Suggest), ..Override::default() };
    for whose in WHOSE {
        for bank in [credit_from("1", "100", "PAYERA"), credit_into("1", "100", "VIRTUALA")] {
            let mut desk = desk(whose, &own);
            let got = desk.receive(bank);
            if whose.counts() {
                assert_eq!(got, (Rule::EqualAmounts, PaymentState::OnAccount), "{whose:?}");
                assert_eq!(desk.suggested("1"), ["INV-1", "INV-2"]);
                assert_eq!(desk.owner("1"), Some("A"));
            } else {
                assert_eq!(got, (Rule::EqualAmounts, PaymentState::Allocated), "{whose:?}");
                assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD"]);
            }
        }
        let mut desk = desk(whose, &own);
        let got = desk.receive(credit_from("1", "30", "PAYERA"));
        assert_eq!(got, (Rule::KnownPayer, PaymentState::Allocated), "one is no choice: {whose:?}");
        assert_eq!(told(&desk, PolicyKind::EqualAmount), []);
    }
}

#[test]
fn what_the_text_nearly_names_is_offered_first() {
    let own = Override { equal_amount: Some(EqualAmountPolicy::Suggest), ..Override::default() };
    let mut desk = desk(Whose::Own, &own);
    let reference = desk.reference("INV-2");
    // One character is missing.
    let near = &reference[..reference.len() - 1];
    let bank = BankTransaction {
        debtor_account: Some("PAYERA".to_owned()),
        ..credit_saying("1", "100", &[near])
    };
    let got = desk.receive(bank);
    assert_eq!(got, (Rule::EqualAmounts, PaymentState::OnAccount));
    assert_eq!(desk.suggested("1"), ["INV-2", "INV-1"]);
}

#[test]
fn one_of_two_equal_invoices_is_taken_when_the_other_is_gone() {
    let own = Override { equal_amount: Some(EqualAmountPolicy::Suggest), ..Override::default() };
    let mut desk = desk(Whose::Own, &own);
    desk.receive(credit_from("1", "100", "PAYERA"));
    desk.apply(void("INV-1", "A"));
    desk.pass_minute();
    // It watches for what is sent to this customer.
    desk.invoice("INV-5", "A", "5");
    assert_eq!(desk.pays("1"), ["INV-2 100.00 SGD"]);
    assert_eq!(desk.decision("1").rule, Rule::KnownPayer);
}

#[test]
fn residual_hold_leaves_the_rest_on_the_payment() {
    let own = Override { residual: Some(ResidualPolicy::Hold), ..Override::default() };
    for whose in WHOSE {
        let mut desk = desk(whose, &own);
        let bank = saying(&desk, "130", "INV-1");
        let (rule, state) = desk.receive(bank);
        assert_eq!(rule, Rule::CheckedReference);
        if whose.counts() {
            assert_eq!(state, PaymentState::PartlyAllocated, "{whose:?}");
            assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD"]);
            // Not later either, by its amount; but an invoice that the text names is meant.
            desk.invoice("INV-6", "A", "30");
            assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD"], "{whose:?}");
        } else {
            assert_eq!(state, PaymentState::Allocated, "{whose:?}");
            assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD", "INV-3 30.00 SGD"]);
        }
    }
}

#[test]
fn what_is_held_still_pays_what_the_text_names() {
    let own = Override { residual: Some(ResidualPolicy::Hold), ..Override::default() };
    let mut desk = desk(Whose::Own, &own);
    desk.draft("INV-7", "A", "25");
    let (paid, draft) = (desk.reference("INV-1"), desk.reference("INV-7"));
    let bank = BankTransaction {
        debtor_account: Some("PAYERA".to_owned()),
        ..credit_saying("1", "125", &[&paid, &draft])
    };
    desk.receive(bank);
    desk.apply(mark_sent("INV-7", "A"));
    let pays = desk.pays("1");
    assert!(pays.contains(&"INV-7 25.00 SGD".to_owned()), "{pays:?}: {:?}", desk.decision("1"));
}

#[test]
fn of_equal_invoices_for_the_rest_a_person_takes_one() {
    let own = Override { equal_amount: Some(EqualAmountPolicy::Suggest), ..Override::default() };
    for whose in WHOSE {
        let mut desk = desk(whose, &own);
        desk.invoice("INV-5", "A", "30");
        let bank = saying(&desk, "130", "INV-1");
        desk.receive(bank);
        if whose.counts() {
            assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD"], "{whose:?}");
            assert_eq!(desk.suggested("1"), ["INV-3", "INV-5"]);
        } else {
            assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD", "INV-3 30.00 SGD"]);
        }
    }
}

#[test]
fn a_group_is_suggested_for_the_rest() {
    let mut desk = desk(Whose::Nobody, &Override::default());
    desk.invoice("INV-5", "A", "12");
    let bank = saying(&desk, "142", "INV-1");
    let got = desk.receive(bank);
    assert_eq!(got, (Rule::CheckedReference, PaymentState::PartlyAllocated));
    assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD"]);
    assert_eq!(desk.suggested("1"), ["INV-3", "INV-5"], "30 and 12 are the rest");
}

/// Each way in which 100 of A's come in; the limit counts for all of them.
fn automatic(desk: &Desk) -> [BankTransaction; 4] {
    let named = BankTransaction {
        debtor_account: Some("PAYERA".to_owned()),
        ..credit_saying("1", "100", &["INV-1"])
    };
    let end_to_end =
        BankTransaction { end_to_end_id: Some(desk.reference("INV-1")), ..credit("1", "100") };
    [saying(desk, "100", "INV-1"), end_to_end, named, credit_into("1", "100", "VIRTUALA")]
}

#[test]
fn max_auto_amount_is_that_of_whoever_gets_the_money() {
    for (amount, above) in [("99.99", true), ("100.00", false), ("0.00", true)] {
        for whose in WHOSE {
            for index in 0..4 {
                let mut desk = desk(whose, &limit(Some(amount)));
                let bank = automatic(&desk)[index].clone();
                let (_, state) = desk.receive(bank);
                let case = format!("{whose:?} {amount} {index}");
                if whose.counts() && above {
                    assert_eq!(state, parked(ParkReason::AboveAutoLimit), "{case}");
                    let value = format!("{amount} SGD");
                    let own = whose == Whose::Own;
                    assert_eq!(told(&desk, PolicyKind::MaxAutoAmount), [(value, own)], "{case}");
                } else {
                    assert_eq!(state, PaymentState::Allocated, "{case}");
                }
            }
        }
    }
}

#[test]
fn a_customers_limit_overrides_everybodys() {
    let everybody = Policy { max_auto_amounts: vec![money("50")], ..Policy::default() };
    for (own, state) in [
        (limit(None), PaymentState::Allocated),
        (limit(Some("500")), PaymentState::Allocated),
        (limit(Some("10")), parked(ParkReason::AboveAutoLimit)),
        (Override::default(), parked(ParkReason::AboveAutoLimit)),
    ] {
        let own = BTreeMap::from([(account("A"), own)]);
        let mut desk = Desk::customers_with(RuleSet::new(4, everybody.clone(), own.clone()));
        desk.invoice("INV-1", "A", "100");
        desk.invoice("INV-4", "B", "100");
        let bank = saying(&desk, "100", "INV-1");
        assert_eq!(desk.receive(bank).1, state, "{own:?}");
        // Another customer has only everybody's.
        let bank = credit_saying("2", "100", &[&desk.reference("INV-4")]);
        assert_eq!(desk.receive(bank).1, parked(ParkReason::AboveAutoLimit));
    }
}
