//! The accounts' side of the job `reconcile`: it finds what differs, old or new, and reads of the
//! ledger only what came since.

use serde_json::json;
use topup::clock::Clock;
use topup::store::compare;

use crate::harness::records::{credit, invoice, with};
use crate::reconcile::Desk;

impl Desk {
    /// An invoice of 100.00, and a payment that names it.
    async fn paid(&mut self, number: usize, account: &str) {
        let id = format!("INV-{number}");
        let made = invoice(&id, account, "100.00");
        let item = self.direct.command(&format!("c-{number}"), "invoice.create", &made);
        self.direct.applied(item).await;
        let text = json!({ "remittance": { "unstructured": [id] } });
        self.feed("entry", &with(credit(&format!("T{number}"), "100.00"), &text)).await;
    }

    async fn reconciled(&self) -> String {
        self.run(Clock::System.now()).await
    }
}

/// What no worker does: rows are changed behind its back, and changed back.
const PLANTED: [(&str, &str); 3] = [
    ("UPDATE accounts SET balance = balance - 5", "UPDATE accounts SET balance = balance + 5"),
    (
        "SET session_replication_role = replica; UPDATE allocations SET reversed = amount,
           clawed_back = amount, reversed_at = now() WHERE invoice_id = 'INV-NUMBER';
         RESET session_replication_role",
        "SET session_replication_role = replica; UPDATE allocations SET reversed = 0,
           clawed_back = NULL, reversed_at = NULL; RESET session_replication_role",
    ),
    (
        "SET session_replication_role = replica; UPDATE payments SET allocated = allocated - 10000,
           state = 'partly_allocated'
         WHERE payment_id = (SELECT payment_id FROM allocations WHERE invoice_id = 'INV-NUMBER');
         UPDATE lots SET remaining = remaining - 5
         WHERE lot_id = (SELECT allocation_id FROM allocations WHERE invoice_id = 'INV-NUMBER');
         RESET session_replication_role",
        "SET session_replication_role = replica;
         UPDATE payments SET allocated = amount, state = 'allocated';
         UPDATE lots SET remaining = amount; RESET session_replication_role",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_difference_is_found_whether_it_is_old_or_new() {
    let mut desk = Desk::new("rp_found").await;
    desk.paid(1, "ACC").await;
    assert_eq!(desk.reconciled().await, "0: 0 drifts, 0 new, 0 gone");
    // INV-1 was compared in an earlier run, INV-2 comes between two runs.
    for number in [1, 2] {
        if number == 2 {
            desk.paid(2, "ACC").await;
        }
        for (change, undo) in PLANTED {
            let change = change.replace("INV-NUMBER", &format!("INV-{number}"));
            desk.direct.database.execute(&change).await;
            assert_eq!(desk.reconciled().await, "2: 2 drifts, 2 new, 0 gone", "{change}");
            assert_eq!(desk.reconciled().await, "2: 2 drifts, 0 new, 0 gone", "{change}");
            desk.direct.database.execute(undo).await;
            assert_eq!(desk.reconciled().await, "0: 0 drifts, 0 new, 2 gone", "{undo}");
        }
    }
    desk.direct.finish().await;
}

/// The job and the command that compares everything say the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_job_finds_what_the_command_finds() {
    let mut desk = Desk::new("rp_same").await;
    desk.paid(1, "ACC-1").await;
    desk.paid(2, "ACC-2").await;
    assert_eq!(desk.reconciled().await, "0: 0 drifts, 0 new, 0 gone");
    for (change, _) in PLANTED {
        let change = change.replace("INV-NUMBER", "INV-2");
        desk.direct.database.execute(&change).await;
    }
    desk.reconciled().await;
    let told = "SELECT kind || ' ' || record_key || ' ' || difference FROM drifts
                 WHERE cleared_at IS NULL ORDER BY 1";
    let found = desk.found().await.into_iter();
    let mut found: Vec<String> =
        found.map(|one| format!("{} {} {}", one.kind, one.of, one.difference)).collect();
    found.sort();
    assert!(found.len() >= 5, "{found:?}");
    assert_eq!(desk.direct.database.lines(told).await, found);
    desk.direct.database.abandon().await;
}

/// Who began before the job looked and commits after it is not passed over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_commits_late_is_summed_all_the_same() {
    let mut desk = Desk::new("rp_late").await;
    desk.paid(1, "ACC").await;
    let mut late = desk.direct.database.admin.begin().await.expect("begin");
    let posting = "
        WITH block AS (SELECT nextval('id_blocks') AS number)
        INSERT INTO ledger_transfers (ledger_transaction_id, leg, kind, debit, credit,
            credit_account, currency, amount, posted_at)
        SELECT number * 1048576, 1, 'usage_refunded', 'usage_revenue', 'customer_balance', 'ACC',
               'SGD', 5, now() FROM block";
    for sql in [posting, "UPDATE accounts SET balance = balance + 5"] {
        sqlx::query(sql).execute(&mut *late).await.expect("written");
    }
    // A later block, committed before.
    desk.paid(2, "ACC-2").await;
    assert_eq!(desk.reconciled().await, "0: 0 drifts, 0 new, 0 gone");
    late.commit().await.expect("committed");
    desk.reconciled().await;
    let wrong = "SELECT kind FROM differences";
    assert_eq!(desk.direct.database.lines(wrong).await, ["account_lots"]);
    let posted = "SELECT posted FROM ledger_sums WHERE account_id = 'ACC'";
    assert_eq!(desk.direct.database.value(posted).await, "100000005");
    desk.direct.database.abandon().await;
}

/// Of a customer with many lots no statement reads more than it may, and all are summed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lots_of_one_customer_are_read_in_parts() {
    let mut desk = Desk::new("rp_lots").await;
    for number in 1..=5 {
        desk.paid(number, "BIG").await;
    }
    desk.paid(6, "SMALL").await;
    let pool = desk.direct.pipeline.pool().clone();
    let accounts = ["BIG".to_owned(), "SMALL".to_owned()];
    for lots in [1, 2, 3, 5, 6, 7, 100] {
        let found = compare::balances(&pool, "", &accounts, lots).await.expect("compared");
        assert_eq!(found, [], "{lots} at a time");
    }
    let spent = "UPDATE lots SET remaining = remaining - 5 WHERE account_id = 'BIG'";
    desk.direct.database.execute(spent).await;
    let whole = compare::balances(&pool, "", &accounts, 100).await.expect("compared");
    assert_eq!(whole.len(), 1, "{whole:?}");
    for lots in [1, 2, 5] {
        let found = compare::balances(&pool, "", &accounts, lots).await.expect("compared");
        assert_eq!(found, whole, "{lots} at a time");
    }
    desk.direct.database.abandon().await;
}

/// How far the job came is neither set back nor forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_summed_is_not_summed_again() {
    let mut desk = Desk::new("rp_fence").await;
    desk.paid(1, "ACC").await;
    desk.reconciled().await;
    for (sql, refused) in [
        ("UPDATE compared SET through = through - 1", "compared_goes_on"),
        ("UPDATE compared SET horizon = horizon - 1", "compared_goes_on"),
        ("UPDATE compared SET through = horizon + 1", "compared_within_horizon"),
        ("DELETE FROM compared", ""),
        (
            "INSERT INTO differences VALUES ('account_lots', 'A', 'A', 'SGD', 1, 1)",
            "difference_is_one",
        ),
    ] {
        assert_eq!(desk.direct.database.refused(sql).await, refused, "{sql}");
    }
    desk.direct.finish().await;
}

/// Sums that are wrong say so in each run; a person has them made anew. What is wrong with a
/// balance is found after it as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_that_are_wrong_are_made_anew_from_the_ledger() {
    const SUMS: &str = "SELECT account_id, posted FROM ledger_sums ORDER BY 1";
    let mut desk = Desk::new("rp_anew").await;
    desk.paid(1, "ACC-1").await;
    desk.paid(2, "ACC-2").await;
    assert_eq!(desk.reconciled().await, "0: 0 drifts, 0 new, 0 gone");
    let right = desk.direct.database.lines(SUMS).await;
    let wrong = [
        "UPDATE ledger_sums SET posted = posted + 7 WHERE account_id = 'ACC-1'",
        "DELETE FROM ledger_sums WHERE account_id = 'ACC-2'",
    ];
    for sql in wrong {
        desk.direct.database.execute(sql).await;
    }
    assert_eq!(desk.reconciled().await, "2: 2 drifts, 2 new, 0 gone");
    assert_eq!(desk.reconciled().await, "2: 2 drifts, 0 new, 0 gone");
    // The command adds up the ledger itself.
    assert!(desk.found().await.is_empty());
    let anew = async |desk: &Desk| desk.run_from_the_start(Clock::System.now()).await;
    let summed = "; the ledger was summed up from its start";
    assert_eq!(anew(&desk).await, format!("0: 0 drifts, 0 new, 2 gone{summed}"));
    assert_eq!(desk.direct.database.lines(SUMS).await, right);
    // A run that dies once the sums are gone is followed by any other.
    for sql in wrong.into_iter().chain(["SELECT compare_from_the_start()"]) {
        desk.direct.database.execute(sql).await;
    }
    assert_eq!(desk.reconciled().await, "0: 0 drifts, 0 new, 0 gone");
    assert_eq!(desk.direct.database.lines(SUMS).await, right);
    let short = "UPDATE accounts SET balance = balance - 5 WHERE account_id = 'ACC-1'";
    desk.direct.database.execute(short).await;
    assert_eq!(anew(&desk).await, format!("2: 2 drifts, 2 new, 0 gone{summed}"));
    desk.direct.database.abandon().await;
}
