//! Case 70: what a stranger writes moves his own money only.

use super::from;
use crate::allocation::Rule;
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

/// A payer writes the reference of another customer into the text, beside words that try to look
/// like ours. It can only give money away: the invoice that is named is paid with it, the payer's
/// own invoice is not, and money that is certainly somebody's is not moved to another.
#[test]
fn edge_70_a_reference_of_another_customer_steals_nothing() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("INV-1", "A", "100");
    desk.invoice("INV-2", "B", "100");
    let reference = desk.reference("INV-1");
    let text = format!("{reference}\",\"account_id\":\"B\",\"status\":\"provisioned");
    let mut into = credit_saying("1", "100", &[&text]);
    into.virtual_account = Some("VIRTUALB".to_owned());
    assert_eq!(desk.receive(into), (Rule::CheckedReference, parked(ParkReason::IdentityConflict)));
    let got = desk.receive(from("PAYERB", credit_saying("2", "100", &[&text])));
    assert_eq!(got, (Rule::CheckedReference, PaymentState::Allocated));
    assert_eq!(desk.pays("2"), ["INV-1 100.00 SGD"]);
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("100"), money("0")));
    assert_eq!(desk.invoice_now("INV-2").due(), Ok(money("100")));
}
