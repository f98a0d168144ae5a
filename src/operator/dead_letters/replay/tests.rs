//! Codes that letters have after a replay.

use super::*;
use crate::domain::ids::{AccountId, HoldId, InvoiceId, MessageId, PaymentId, Source, UsageId};

#[test]
fn what_a_command_lacks_leaves_its_letter_the_code_of_that() {
    let account = AccountId::trusted("A");
    let record = RecordId { source: Source::trusted("s"), id: MessageId::trusted("m") };
    let lacks = [
        Need::Invoice(InvoiceId::trusted("I")),
        Need::Payment(PaymentId::trusted("P")),
        Need::Charge(account.clone(), UsageId::trusted("U")),
        Need::Hold(account, HoldId::trusted("H")),
        Need::Behind(record),
    ];
    assert_eq!(lacks.each_ref().map(Need::code), LACKS);
    for need in &lacks {
        let code = of_letter(need.code()).map(|told| told.0);
        assert_eq!(code, Some("dependency_missing"));
    }
    assert_eq!(of_letter(Need::Version.code()), None);
    assert_eq!(of_letter("wrong_topic").map(|told| told.0), Some("wrong_topic"));
}
