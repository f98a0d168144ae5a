//! The pages of the job `reconcile`: it finds what differs, old or new, and reads of the ledger and
//! of the bank's details only what came since.

use serde_json::{Value, json};
use topup::clock::Clock;
use topup::store::compare;

use crate::harness::records::{BANK, credit, invoice, with};
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
        (
            "INSERT INTO differences VALUES ('bank_payments', 'P', 'B', 'SGD', 1, 2)",
            "difference_of_the_bank_is_known",
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

/// A change behind the worker's back, how it is undone, and what it makes differ by.
const OF_THE_BANK: [(&str, &str, &str); 3] = [
    // The ledger took in less than the bank booked.
    (
        "SET session_replication_role = replica;
         UPDATE ledger_transfers SET amount = amount - 5
          WHERE kind = 'payment_provisioned' AND payment_id LIKE '%TNUMBER';
         RESET session_replication_role",
        "SET session_replication_role = replica;
         UPDATE ledger_transfers SET amount = amount + 5
          WHERE kind = 'payment_provisioned' AND payment_id LIKE '%TNUMBER';
         RESET session_replication_role",
        "-5",
    ),
    // Nothing at all.
    (
        "SET session_replication_role = replica;
         UPDATE ledger_transfers SET payment_id = payment_id || '-gone'
          WHERE kind = 'payment_provisioned' AND payment_id LIKE '%TNUMBER';
         RESET session_replication_role",
        "SET session_replication_role = replica;
         UPDATE ledger_transfers SET payment_id = replace(payment_id, '-gone', '');
         RESET session_replication_role",
        "-100000000",
    ),
    // Once more, long after.
    (
        "SET session_replication_role = replica;
         INSERT INTO ledger_transfers (ledger_transaction_id, leg, kind, debit, credit, currency,
             amount, posted_at, payment_id)
         SELECT nextval('id_blocks') * 1048576, 1, 'payment_received', 'bank_clearing',
                'unallocated_cash', 'SGD', 7, now(), payment_id
           FROM payments WHERE payment_id LIKE '%TNUMBER';
         RESET session_replication_role",
        "SET session_replication_role = replica;
         DELETE FROM ledger_transfers WHERE amount = 7; RESET session_replication_role",
        "7",
    ),
];

/// What the job keeps open of the bank's side.
const OPEN_OF_BANK: &str = "
    SELECT kind || ' ' || record_key || ' ' || subject || ' ' || difference FROM drifts
     WHERE cleared_at IS NULL AND key_kind = 'bank' ORDER BY 1";
/// Which they are: a drift keeps the difference that it was found with.
const KINDS_OF_BANK: &str = "
    SELECT kind || ' ' || record_key || ' ' || subject FROM drifts
     WHERE cleared_at IS NULL AND key_kind = 'bank' ORDER BY 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_ledger_took_in_is_compared_whether_it_is_old_or_new() {
    let mut desk = Desk::new("rp_taken").await;
    desk.paid(1, "ACC").await;
    assert_eq!(desk.reconciled().await, "0: 0 drifts, 0 new, 0 gone");
    for number in [1, 2] {
        if number == 2 {
            desk.paid(2, "ACC").await;
        }
        for (change, undo, difference) in OF_THE_BANK {
            let change = change.replace("NUMBER", &number.to_string());
            let undo = undo.replace("NUMBER", &number.to_string());
            desk.direct.database.execute(&change).await;
            let open = format!("bank_payments {BANK} SGD {difference}");
            for _ in 0..2 {
                desk.reconciled().await;
                let found = desk.direct.database.lines(OPEN_OF_BANK).await;
                assert_eq!(found, [open.as_str()], "{change}");
            }
            desk.direct.database.execute(&undo).await;
            desk.reconciled().await;
            assert!(desk.direct.database.lines(OPEN_OF_BANK).await.is_empty(), "{undo}");
        }
    }
    desk.direct.database.abandon().await;
}

/// A detail of an entry that the bank booked as one sum.
fn detail(entry: u32, index: u32, of: u32, amount: &str) -> Value {
    let place = json!({
        "statement_id": "S1", "entry_reference": format!("E{entry}"), "detail_index": index,
        "entry_amount": format!("{}.00", 10 * of), "entry_details": of,
    });
    with(credit(&format!("BATCH-{entry}"), amount), &place)
}

/// The job that runs between the records says at each moment what the command says that reads
/// everything: of entries whose details come one by one, short, one too many, or as they should,
/// and of payments that somebody changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_runs_find_on_the_banks_side_what_the_command_finds() {
    let mut desk = Desk::new("rp_bank").await;
    let (mut differed, mut agreed) = (0, 0);
    for step in 1..=24_u32 {
        let (entry, index) = (step.div_ceil(3), (step - 1) % 3 + 1);
        let amount = if entry == 2 && index == 3 { "9.00" } else { "10.00" };
        match entry {
            // Of the third one the last detail never comes.
            3 if index == 3 => desk.entry("T-ALONE", None, "5.00", 20).await,
            // Of the fourth one they contradict each other.
            4 => desk.feed("entry", &detail(entry, index, 3 + index / 3, amount)).await,
            _ => desk.feed("entry", &detail(entry, index, 3, amount)).await,
        }
        if step == 13 {
            let wrong = OF_THE_BANK[2].0.replace("%TNUMBER", "%detail:1:id:BATCH-1");
            desk.direct.database.execute(&wrong).await;
        }
        if step == 19 {
            desk.direct.database.execute(OF_THE_BANK[2].1).await;
        }
        desk.reconciled().await;
        let found = desk.found().await.into_iter().filter(|one| one.key_kind == "bank");
        let mut found: Vec<String> =
            found.map(|one| format!("{} {} {}", one.kind, one.of, one.subject)).collect();
        found.sort();
        assert_eq!(desk.direct.database.lines(KINDS_OF_BANK).await, found, "step {step}");
        if found.is_empty() {
            agreed += 1;
        } else {
            differed += 1;
        }
    }
    assert!(differed > 10 && agreed > 0, "{differed} and {agreed}");
    // Made anew, it is the same.
    let before = desk.direct.database.lines(OPEN_OF_BANK).await;
    desk.run_from_the_start(Clock::System.now()).await;
    assert_eq!(desk.direct.database.lines(OPEN_OF_BANK).await, before);
    desk.direct.database.abandon().await;
}

/// An entry that is short in an earlier run is found again as long as it is, and no longer: its
/// details are looked at although none of them is new.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_entry_that_somebody_changed_is_found_on_the_round() {
    let mut desk = Desk::new("rp_details").await;
    for index in 1..=3 {
        desk.feed("entry", &detail(1, index, 3, "10.00")).await;
    }
    assert_eq!(desk.reconciled().await, "0: 0 drifts, 0 new, 0 gone");
    let change = |number: u32| {
        format!(
            "SET session_replication_role = replica;
             UPDATE money_records SET entry_details = {number}; RESET session_replication_role"
        )
    };
    desk.direct.database.execute(&change(4)).await;
    for told in ["1 new", "0 new"] {
        assert_eq!(desk.reconciled().await, format!("1: 1 drifts, {told}, 0 gone"));
    }
    desk.direct.database.execute(&change(3)).await;
    assert_eq!(desk.reconciled().await, "0: 0 drifts, 0 new, 1 gone");
    // A worker whose clock is ahead does not hide what comes after its records.
    let ahead = "SET session_replication_role = replica;
        UPDATE money_records SET recorded_at = now() + interval '1 year' WHERE detail_index = 3;
        RESET session_replication_role";
    desk.direct.database.execute(ahead).await;
    desk.reconciled().await;
    let believed = "SELECT (details_through <= now())::text FROM compared";
    assert_eq!(desk.direct.database.value(believed).await, "true");
    let back = "UPDATE compared SET details_through = details_through - interval '1 day'";
    assert_eq!(desk.direct.database.refused(back).await, "compared_goes_on");
    desk.direct.finish().await;
}
