//! The invariants: each a sentence and a query that returns a row for every violation.
//!
//! All queries read one snapshot, so a worker that runs meanwhile causes no false finding. The
//! codes I1 to I26 are those of the reliability study; I14 comes with void candidates, I18, I19,
//! I22 to I24 and I27 need what only a test harness has. Nothing here writes.

use futures::TryStreamExt;
use serde::Serialize;
use sqlx::{PgConnection, Row};

use super::{PgPool, Tx, sql};

/// Rows of one invariant that are reported; a broken invariant may have millions.
pub const FINDINGS_MAX: usize = 100;

/// What must hold at every moment.
#[derive(Debug, Clone, Copy)]
pub struct Invariant {
    pub code: &'static str,
    pub sentence: &'static str,
    /// Returns `subject` and `detail` of each violation.
    pub sql: &'static str,
    /// A row is worth knowing and no violation.
    pub info: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub code: &'static str,
    pub sentence: &'static str,
    pub subject: String,
    pub detail: String,
    pub info: bool,
}

macro_rules! invariant {
    ($code:literal, $name:literal, $sentence:literal) => {
        invariant!($code, $name, $sentence, false)
    };
    ($code:literal, $name:literal, $sentence:literal, $info:literal) => {
        Invariant {
            code: $code,
            sentence: $sentence,
            sql: sql!(concat!("audit_", $name)),
            info: $info,
        }
    };
}

pub const INVARIANTS: &[Invariant] = &[
    invariant!(
        "I1",
        "transactions_are_whole",
        "A ledger transaction has all its legs, which say the same of it."
    ),
    invariant!(
        "I2",
        "transfers_move_money",
        "Each transfer takes an amount from one ledger account to another, never between customers."
    ),
    invariant!(
        "I3",
        "balance_is_sum_of_entries",
        "A balance is the sum of the ledger entries of its account and currency."
    ),
    invariant!(
        "I4",
        "balance_within_limit",
        "No balance is below its credit limit but by uncovered charges and claw-backs."
    ),
    invariant!("I5", "payment_not_exceeded", "The live allocations of a payment never exceed it."),
    invariant!("I6", "invoice_not_exceeded", "The live allocations of an invoice never exceed it."),
    invariant!(
        "I7",
        "provisioned_iff_covered",
        "An invoice is provisioned exactly when live allocations cover it."
    ),
    invariant!(
        "I8",
        "status_iff_stamped",
        "An invoice has the time stamp of its status and no other."
    ),
    invariant!(
        "I9",
        "allocation_posted_once",
        "Each allocation belongs to one provisioning ledger transaction of its own payment."
    ),
    invariant!(
        "I10",
        "provisioned_is_allocated",
        "What a ledger transaction provisions to an account is what was allocated to its invoices."
    ),
    invariant!("I11", "same_tenant", "Payment, invoice and allocation share account and currency."),
    invariant!("I12", "nothing_on_unpayable", "Nothing is allocated to a draft or voided invoice."),
    invariant!("I13", "voided_was_never_paid", "A voided invoice is final and was never paid."),
    invariant!(
        "I15",
        "one_payment_per_transaction",
        "A bank transaction is one payment, and the ledger took in its amount once."
    ),
    invariant!(
        "I16",
        "never_below_limit",
        "No balance was ever below its limit, batch by batch, but by charges and claw-backs."
    ),
    invariant!(
        "I17",
        "one_outcome_per_record",
        "Each record id has one outcome, and what came again had come before."
    ),
    invariant!("I20", "not_applied_and_dead", "Nothing is both applied and an open dead letter."),
    invariant!(
        "I21",
        "outbox_drained",
        "The outbox is drained (at rest; while workers run a few rows are usual).",
        true
    ),
    invariant!(
        "I25",
        "amounts_representable",
        "Each amount of a payment, an invoice and a step back is positive and in minor units."
    ),
    invariant!(
        "I26",
        "money_is_conserved",
        "What came in is on balances or unallocated: payments, bank clearing and allocations agree."
    ),
    invariant!(
        "A50",
        "bank_clearing_is_booked",
        "Per bank account, bank clearing has what the bank booked of customers' money."
    ),
    invariant!("A76", "advices_sum_up", "The lines of a remittance advice sum to its amount."),
    invariant!(
        "A77",
        "advices_are_used_once",
        "A used remittance advice has one payment, of its amount, and R2a pays by none else."
    ),
    invariant!(
        "A1",
        "payable_is_awaiting",
        "The payable invoices are exactly those that await payment, with the same facts."
    ),
    invariant!(
        "A2",
        "payment_allocated_sum",
        "A payment's allocated amount is the sum of its live allocations."
    ),
    invariant!(
        "A3",
        "invoice_allocated_sum",
        "An invoice's allocated amount is the sum of its live allocations."
    ),
    invariant!(
        "A4",
        "lot_within_allocation",
        "What is left of an allocation's lot, was reversed and clawed back fits its amount."
    ),
    invariant!(
        "A5",
        "lots_make_the_balance",
        "What is left in the lots of an account is its balance, or zero if that is negative."
    ),
    invariant!(
        "A6",
        "events_are_gapless",
        "The events of each key are numbered 1, 2, 3… up to the counter of their key."
    ),
    invariant!(
        "A7",
        "bank_payment_has_its_transaction",
        "A payment from the bank has exactly one bank transaction, another has none."
    ),
    invariant!(
        "A8",
        "dead_letters_match_inbox",
        "Dead letters that were not replayed are exactly what the inbox calls dead-lettered."
    ),
    invariant!(
        "A71",
        "dead_letters_are_as_acted",
        "A dead letter is open, replayed or given up as the last act on it says."
    ),
    invariant!(
        "A9",
        "waiting_matches_inbox",
        "The commands that wait are exactly the records whose outcome is waiting; each stands \
         behind an earlier one of its customer, or behind none."
    ),
    invariant!(
        "A10",
        "payment_is_posted",
        "The ledger holds each payment once: what came in, and what of it is unallocated."
    ),
    invariant!(
        "A11",
        "candidates_match_episodes",
        "The void candidates are exactly the invoices with an open episode."
    ),
    invariant!(
        "A12",
        "lot_is_its_consumptions",
        "A lot has left what its consumptions leave of it, and cleared the debt that they say."
    ),
    invariant!(
        "A13",
        "charge_is_burnt",
        "A charge is what it burnt of lots and what was uncovered."
    ),
    invariant!(
        "A14",
        "usage_is_posted",
        "The charges and refunds of a ledger transaction are what it took and gave."
    ),
    invariant!("A15", "refunds_within_charge", "Refunds never exceed the charge they name."),
    invariant!(
        "A16",
        "reversals_are_posted",
        "What a step back took from a balance is what its reversals say."
    ),
    invariant!(
        "A17",
        "reversed_is_recorded",
        "What is reversed of an allocation and of its lot is what its reversals sum to."
    ),
    invariant!(
        "A18",
        "returns_sum_up",
        "What is returned of a payment is what its returns sum to, less what was undone."
    ),
    invariant!(
        "A19",
        "debts_are_accounted_for",
        "What charges and claw-backs owed is owed still, or a lot has cleared it."
    ),
    invariant!(
        "A20",
        "tombstones_are_respected",
        "What a command took apart has a tombstone, and no rule put it together again."
    ),
    invariant!(
        "A30",
        "suggestions_can_be_chosen",
        "The open suggestions of a payment are of one decision, and it has money for them."
    ),
    invariant!(
        "A31",
        "suggestions_are_of_one_customer",
        "A suggestion names invoices of its customer and currency, for no more than the payment."
    ),
    invariant!(
        "A32",
        "confirmed_was_allocated",
        "What a person confirmed was allocated as it was suggested."
    ),
    invariant!(
        "A33",
        "alias_is_its_history",
        "An alias counts the payments confirmed since it was last demoted."
    ),
    invariant!(
        "A34",
        "decided_by_known_rules",
        "Each decision names a rule set that is stored and was activated, or the configuration."
    ),
    invariant!(
        "A51",
        "open_payments_have_money",
        "The open payments are exactly those that have money to give, with the same facts."
    ),
    invariant!(
        "A52",
        "unallocated_is_open",
        "What the open payments have to give is what the ledger holds as unallocated cash."
    ),
    invariant!(
        "A70",
        "watermarks_are_of_the_past",
        "No watermark of the usage feed says that all is known up to a time to come."
    ),
    invariant!(
        "A40",
        "splits_sum_up",
        "A payment gave what its parts have, and each part is what it was split from."
    ),
    invariant!(
        "A41",
        "splits_are_posted",
        "What went from a payment to its parts, or back, is posted for each, and sums to zero."
    ),
    invariant!(
        "A42",
        "returns_take_their_own",
        "A return takes of the payment that it returns, and of the parts of that."
    ),
    invariant!(
        "A79",
        "references_name_one",
        "A payment reference names one invoice, whether it was minted or given by upstream."
    ),
    invariant!(
        "A78",
        "same_money_is_decided",
        "What the bank's records tell twice in equal words counts once, or a person was asked."
    ),
];

/// Checks every invariant in one snapshot.
///
/// # Errors
/// What the database says; then nothing is known about any invariant.
pub async fn run(pool: &PgPool) -> Result<Vec<Finding>, sqlx::Error> {
    let mut transaction = snapshot(pool).await?;
    let findings = run_in(&mut transaction).await?;
    transaction.rollback().await?;
    Ok(findings)
}

/// The same in the caller's transaction.
pub async fn run_in(transaction: &mut Tx<'_>) -> Result<Vec<Finding>, sqlx::Error> {
    let mut findings = Vec::new();
    for invariant in INVARIANTS {
        let mut rows = sqlx::query(invariant.sql).fetch(&mut **transaction);
        let mut seen = 0;
        while seen < FINDINGS_MAX
            && let Some(row) = rows.try_next().await?
        {
            findings.push(Finding {
                code: invariant.code,
                sentence: invariant.sentence,
                subject: row.try_get("subject")?,
                detail: row.try_get("detail")?,
                info: invariant.info,
            });
            seen += 1;
        }
    }
    Ok(findings)
}

/// A transaction that reads one state of the whole database, table by table.
pub(super) async fn snapshot(pool: &PgPool) -> Result<Tx<'static>, sqlx::Error> {
    let mut transaction = pool.begin_with(SNAPSHOT).await?;
    read_whole_tables(&mut transaction).await?;
    Ok(transaction)
}

/// Begins such a transaction.
pub(super) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Makes a transaction one that reads whole tables.
pub(super) async fn read_whole_tables(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    for setting in [
        // The limit of everyday statements is not meant for it.
        "SET LOCAL statement_timeout = 0",
        // Nor is the worker's habit of finding rows by index: here whole tables are joined.
        "SET LOCAL enable_seqscan = on",
        "SET LOCAL enable_hashjoin = on",
        "SET LOCAL enable_mergejoin = on",
    ] {
        sqlx::query(setting).execute(&mut *connection).await?;
    }
    Ok(())
}
