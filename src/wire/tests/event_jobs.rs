//! The exact form of what jobs find.

use super::*;

pub(super) fn drift_facts() -> Vec<(Fact, &'static str)> {
    let drift = DriftSubject {
        kind: "statement_sum".to_owned(),
        of: "DBS-1".to_owned(),
        subject: "ST-41".to_owned(),
        currency: "SGD".to_owned(),
    };
    vec![
        (
            Fact::DriftFound {
                drift: drift.clone(),
                difference: Some(sgd("100")),
                detail: "it closes with 1.00".to_owned(),
            },
            concat!(
                r#"{"sequence":7,"kind":"statement_sum","of":"DBS-1","subject":"ST-41""#,
                r#","currency":"SGD","difference":"100.00","detail":"it closes with 1.00"}"#
            ),
        ),
        (
            Fact::DriftCleared { drift },
            concat!(
                r#"{"sequence":7,"kind":"statement_sum","of":"DBS-1","subject":"ST-41""#,
                r#","currency":"SGD"}"#
            ),
        ),
    ]
}

pub(super) fn candidate_facts() -> Vec<(Fact, &'static str)> {
    vec![
        (
            Fact::VoidCandidateFlagged {
                invoice_id: invoice(),
                account_id: account(),
                amount_due: sgd("100"),
                due_date: Some(day()),
                stale_since: DateTime::from_timestamp(1_763_805_600, 0).expect("instant"),
                stale_after_days: 30,
            },
            concat!(
                r#"{"sequence":7,"invoice_id":"INV-1001","account_id":"ACC-1""#,
                r#","amount_due":"100.00","currency":"SGD","due_date":"2026-11-30""#,
                r#","stale_since":"2025-11-22T10:00:00.000Z","stale_after_days":30}"#
            ),
        ),
        (
            Fact::VoidCandidateCleared {
                invoice_id: invoice(),
                account_id: account(),
                reason: "paid",
            },
            concat!(
                r#"{"sequence":7,"invoice_id":"INV-1001","account_id":"ACC-1""#,
                r#","reason":"paid"}"#
            ),
        ),
    ]
}
