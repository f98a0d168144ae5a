//! A second, short statement of the rules of money. It reads rows and raw input records, calls no
//! code of the service, and computes everything anew in its own integers.
//!
//! What must hold: what came in is on record, once and no more; each payment's money is allocated,
//! free, returned, refunded or removed, and its postings say the same; each lot is what is left of
//! its allocation; each balance is what was provisioned less what was used.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};
use topup::store::PgPool;

use crate::harness::Database;

/// Micros.
type Sum = i128;
type Sums<K> = BTreeMap<K, Sum>;

/// The rules that the rows alone show. Returns what breaks them, one sentence each.
pub async fn books(database: &Database) -> Vec<String> {
    let pool = &database.admin;
    let mut found = Vec::new();
    payments(pool, &mut found).await;
    lots(pool, &mut found).await;
    invoices(pool, &mut found).await;
    balances(pool, &mut found).await;
    returns(pool, &mut found).await;
    found
}

/// The rules that need to know what came in: `inputs` is every record that was handed in, as JSON.
pub async fn log(database: &Database, inputs: &[Value]) -> Vec<String> {
    let pool = &database.admin;
    let mut found = books(database).await;
    let outcomes = outcomes(pool).await;
    let mut applied = BTreeMap::new();
    for input in inputs {
        let id = (text(input, "source"), text(input, "id"));
        match outcomes.get(&id).map(String::as_str) {
            None => found.push(format!("{id:?} was handed in and has no outcome")),
            // The same id again has no effect, whatever it says.
            Some("applied") => {
                applied.entry(id).or_insert(input);
            }
            Some(_) => {}
        }
    }
    let applied: Vec<&Value> = applied.into_values().collect();
    let (mut bank, mut manual, mut usage) = (Sums::new(), Sums::new(), Sums::new());
    for input in applied.iter().copied() {
        let data = &input["data"];
        match text(input, "type").as_str() {
            // A booking of nothing is information: it moves no money.
            "topup.bank.transaction.v1" if data["status"] == "BOOK" && amount(data) != 0 => {
                let reversal = data["reversal"].as_bool().unwrap_or(false);
                let way = format!("{}{}", text(data, "credit_debit"), u8::from(reversal));
                let key = (text(data, "bank_account"), text(data, "currency"), way, amount(data));
                *bank.entry(key).or_default() += 1;
            }
            "topup.payment.record.v1" => {
                manual.insert((text(data, "payment_id"), text(data, "currency")), amount(data));
            }
            "topup.usage.charge.v1" => {
                usage.insert((text(data, "account_id"), text(data, "usage_id")), amount(data));
            }
            _ => {}
        }
    }
    let mut rows = Sums::new();
    let booked = "SELECT bank_account, currency::text, credit_debit || CASE WHEN reversal THEN 1
        ELSE 0 END, amount FROM bank_transactions WHERE status = 'BOOK' AND amount <> 0";
    for row in all(pool, booked).await {
        let amount = Sum::from(row.get::<i64, _>(3));
        let key: (String, String, String, Sum) = (row.get(0), row.get(1), row.get(2), amount);
        *rows.entry(key).or_default() += 1;
    }
    differ("booked entries", &bank, &rows, &mut found);
    let by_hand = "SELECT payment_id, currency::text, amount FROM payments WHERE origin = 'manual'";
    differ("payments by hand", &manual, &sums_of_two(pool, by_hand).await, &mut found);
    let charges = "SELECT account_id, usage_id, amount FROM usage_charges";
    differ("charges", &usage, &sums_of_two(pool, charges).await, &mut found);
    received(pool, &applied, &mut found).await;
    said(pool, &applied, &mut found).await;
    found
}

/// What persons said, and nothing else, paid money back to payers, dismissed it, and closed
/// customers.
async fn said(pool: &PgPool, applied: &[&Value], found: &mut Vec<String>) {
    let of = |kind: &str| {
        let kind = format!("topup.{kind}.v1");
        applied.iter().copied().filter(move |input| text(input, "type") == kind)
    };
    let name = |input: &Value| text(&input["data"], "payment_id");
    // A part goes with what it was split from.
    let rows = "SELECT payment_id, refunded, amount, state FROM payments WHERE origin <> 'split'";
    for row in all(pool, rows).await {
        let id: String = row.get(0);
        let (refunded, amount) = (Sum::from(row.get::<i64, _>(1)), Sum::from(row.get::<i64, _>(2)));
        let words: Vec<&Value> = of("payment.refund").filter(|input| name(input) == id).collect();
        let open = words.iter().any(|input| input["data"].get("amount").is_none());
        let told: Sum = words
            .iter()
            .filter(|input| input["data"].get("amount").is_some())
            .map(|input| self::amount(&input["data"]))
            .sum();
        let fits = if open { (told..=amount).contains(&refunded) } else { refunded == told };
        if !fits {
            found.push(format!("{id} of {amount} was refunded {refunded}, and {told} was said"));
        }
        let gone = of("payment.dismiss").chain(of("payment.remove")).any(|one| name(one) == id);
        if row.get::<String, _>(3) == "removed" && !gone {
            found.push(format!("{id} is removed, and nobody said so"));
        }
    }
    let mut closed = BTreeMap::new();
    for input in applied {
        let id = text(&input["data"], "account_id");
        match text(input, "type").as_str() {
            "topup.account.close.v1" => *closed.entry(id).or_insert(0) += 1,
            "topup.account.reopen.v1" => *closed.entry(id).or_insert(0) -= 1,
            _ => {}
        }
    }
    let closed: Sums<String> = closed.into_iter().map(|(id, sum)| (id, Sum::from(sum))).collect();
    let rows = "SELECT account_id FROM accounts WHERE closed_at IS NOT NULL";
    let rows = all(pool, rows).await.iter().map(|row| (row.get(0), 1)).collect();
    differ("closed customers", &closed, &rows, found);
}

/// Per bank account: the payments are the credits that the bank booked.
async fn received(pool: &PgPool, applied: &[&Value], found: &mut Vec<String>) {
    let mut credits = Sums::new();
    for input in applied {
        let data = &input["data"];
        let credit = text(input, "type") == "topup.bank.transaction.v1"
            && data["status"] == "BOOK"
            && data["credit_debit"] == "CRDT"
            && amount(data) != 0
            && !data["reversal"].as_bool().unwrap_or(false);
        if credit {
            let key = (text(data, "bank_account"), text(data, "currency"));
            *credits.entry(key).or_default() += amount(data);
        }
    }
    let payments = "SELECT b.bank_account, p.currency::text, p.amount FROM payments p
        JOIN bank_transactions b ON b.payment_id = p.payment_id WHERE p.origin = 'bank'";
    differ("received", &credits, &sums_of_two(pool, payments).await, found);
}

/// received = allocated + free + returned + refunded + removed + split off, in the rows and in the
/// ledger. What a part received is what another payment split off.
async fn payments(pool: &PgPool, found: &mut Vec<String>) {
    let live = "SELECT payment_id, '', amount - reversed FROM allocations";
    let live = sums_of_two(pool, live).await;
    let returned = "SELECT payment_id, '', CASE WHEN undoes IS NULL THEN amount ELSE -amount END
        FROM payment_returns";
    let returned = sums_of_two(pool, returned).await;
    // What the bank took beside a return, as its fee, is the house's, until it gives it back.
    let fees = "SELECT payment_id, '', CASE WHEN undoes IS NULL THEN fee ELSE -fee END
        FROM payment_returns";
    let fees = sums_of_two(pool, fees).await;
    let posted = "SELECT t.payment_id, e.ledger_account, e.amount FROM ledger_entries e
        JOIN ledger_transactions t USING (ledger_transaction_id) WHERE t.payment_id IS NOT NULL";
    let posted = sums_of_two(pool, posted).await;
    let given = "SELECT payment_id, '', amount FROM payment_splits UNION ALL
        SELECT s.payment_id, '', -u.amount FROM split_undos u JOIN payment_splits s USING (part_id)
        UNION ALL SELECT part_id, '', amount FROM split_undos";
    let given = sums_of_two(pool, given).await;
    let rows = "SELECT payment_id, amount, refunded, state, origin, split FROM payments";
    for row in all(pool, rows).await {
        let id: String = row.get(0);
        let of = |sums: &Sums<(String, String)>, what: &str| {
            sums.get(&(id.clone(), what.to_owned())).copied().unwrap_or(0)
        };
        let gone = of(&returned, "") + Sum::from(row.get::<i64, _>(2));
        let (amount, live) = (Sum::from(row.get::<i64, _>(1)), of(&live, ""));
        let given = of(&given, "");
        let left = amount - live - gone - given;
        if left < 0 || given != Sum::from(row.get::<i64, _>(5)) {
            found.push(format!("{id} of {amount} gave {live}, {gone} and {given}"));
        }
        // Money of a removed payment has gone out again, by hand.
        let removed = row.get::<String, _>(3) == "removed";
        let free = if removed { 0 } else { left };
        let part = row.get::<String, _>(4) == "split";
        let fee = of(&fees, "");
        let (banked, taken) = if part { (0, amount) } else { (amount, 0) };
        for (account, wanted) in [
            ("bank_clearing", gone + fee - banked + if removed { left } else { 0 }),
            ("fees", -fee),
            ("split_clearing", given - taken),
            ("unallocated_cash", free),
            ("customer_balance", live),
            ("claw_back_receivable", 0),
        ] {
            let there = of(&posted, account);
            if there != wanted {
                found.push(format!("{id}: {account} was posted {there}, not {wanted}"));
            }
        }
    }
}

/// A lot has what its allocation gave, less what was taken out of it.
async fn lots(pool: &PgPool, found: &mut Vec<String>) {
    let burnt = sums_of_two(pool, "SELECT lot_id::text, '', amount FROM lot_moves").await;
    let rows = "SELECT l.lot_id::text, l.amount, l.remaining, l.reversed, a.amount, a.reversed
        FROM lots l LEFT JOIN allocations a ON a.allocation_id = l.lot_id";
    for row in all(pool, rows).await {
        let id: String = row.get(0);
        let number = |column: usize| row.get::<Option<i64>, _>(column).map(Sum::from);
        if (number(1), number(3)) != (number(4), number(5)) {
            found.push(format!("lot {id} is not what its allocation is"));
        }
        let burnt = burnt.get(&(id.clone(), String::new())).copied().unwrap_or(0);
        if number(1) != number(2).map(|left| left + burnt) {
            found.push(format!("lot {id} has not what is left of it"));
        }
    }
}

/// An invoice is paid by what is allocated to it, and by nothing else.
async fn invoices(pool: &PgPool, found: &mut Vec<String>) {
    let live = "SELECT invoice_id, '', amount - reversed FROM allocations";
    let live = sums_of_two(pool, live).await;
    for row in all(pool, "SELECT invoice_id, amount, status FROM invoice_states").await {
        let id: String = row.get(0);
        let paid = live.get(&(id.clone(), String::new())).copied().unwrap_or(0);
        let amount = Sum::from(row.get::<i64, _>(1));
        let status: String = row.get(2);
        let sound = match status.as_str() {
            "provisioned" => paid == amount,
            "awaiting_payment" => (0..amount).contains(&paid),
            _ => paid == 0,
        };
        if !sound {
            found.push(format!("{id} of {amount} is {status} with {paid} allocated"));
        }
    }
}

/// A balance is what was provisioned less what was used.
async fn balances(pool: &PgPool, found: &mut Vec<String>) {
    let mut wanted = Sums::new();
    for (sign, sql) in [
        (1, "SELECT account_id, currency::text, amount - reversed FROM allocations"),
        (-1, "SELECT account_id, currency::text, amount FROM usage_charges"),
        (-1, "SELECT account_id, currency::text, amount FROM pruned_usage"),
        (1, "SELECT account_id, currency::text, amount FROM usage_refunds"),
    ] {
        for (key, sum) in sums_of_two(pool, sql).await {
            *wanted.entry(key).or_default() += sign * sum;
        }
    }
    let there = sums_of_two(pool, "SELECT account_id, currency::text, amount FROM balances").await;
    differ("balances", &wanted, &there, found);
}

/// What the bank took back was applied once, or waits.
async fn returns(pool: &PgPool, found: &mut Vec<String>) {
    let applied = "SELECT bank_account, bank_key, amount + fee FROM payment_returns";
    let applied = sums_of_two(pool, applied).await;
    let said = "SELECT bank_account, bank_key, amount FROM bank_transactions
        WHERE disposition IN ('returned', 'return_undone')";
    differ("applied returns", &sums_of_two(pool, said).await, &applied, found);
    // Of each no more comes back than it took, of the payment and of the fee.
    let undone = "SELECT r.return_id, (r.amount - sum(u.amount))::bigint,
            (r.fee - sum(u.fee))::bigint, bool_and(u.payment_id = r.payment_id)
        FROM payment_returns r JOIN payment_returns u ON u.undoes = r.return_id
        GROUP BY r.return_id, r.amount, r.fee";
    for row in all(pool, undone).await {
        let (id, left, fee): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        if left < 0 || fee < 0 || !row.get::<bool, _>(3) {
            found.push(format!("return {id} gave {left} and {fee} less than came back of it"));
        }
    }
    let parked = "SELECT bank_account, bank_key, 1::bigint FROM parked_returns";
    let said = "SELECT bank_account, bank_key, 1::bigint FROM bank_transactions
        WHERE disposition = 'return_parked'";
    let (parked, said) = (sums_of_two(pool, parked).await, sums_of_two(pool, said).await);
    differ("parked returns", &said, &parked, found);
}

/// Zero is the same as absent.
fn differ<K: Ord + std::fmt::Debug>(
    what: &str,
    wanted: &Sums<K>,
    there: &Sums<K>,
    found: &mut Vec<String>,
) {
    let keys: std::collections::BTreeSet<&K> = wanted.keys().chain(there.keys()).collect();
    for key in keys {
        let of = |sums: &Sums<K>| sums.get(key).copied().unwrap_or(0);
        if of(wanted) != of(there) {
            found.push(format!("{what}: {key:?} is {}, not {}", of(there), of(wanted)));
        }
    }
}

async fn all(pool: &PgPool, sql: &str) -> Vec<sqlx::postgres::PgRow> {
    let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(pool).await;
    rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Sums of the third column by the first two.
async fn sums_of_two(pool: &PgPool, sql: &str) -> Sums<(String, String)> {
    let mut sums = Sums::new();
    for row in all(pool, sql).await {
        let key: (String, String) = (row.get(0), row.get(1));
        *sums.entry(key).or_default() += Sum::from(row.get::<i64, _>(2));
    }
    sums
}

async fn outcomes(pool: &PgPool) -> BTreeMap<(String, String), String> {
    let rows = all(pool, "SELECT source, message_id, outcome FROM inbox").await;
    rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// The micros of `amount`, read digit by digit.
fn amount(data: &Value) -> Sum {
    let text = text(data, "amount");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let digits: String = [whole, part, "000000".get(part.len()..).expect("six digits")].concat();
    digits.parse().expect("an amount")
}

/// The auditor itself finds what is wrong: each of these breaks one rule of a sound book.
#[tokio::test]
async fn the_auditor_finds_what_breaks_its_rules() {
    use crate::harness::records::{bank, credit, invoice};
    let mut direct = crate::harness::Direct::new("auditor").await;
    let made = invoice("INV-1", "ACC", "100.00");
    let created = direct.command("c-1", "invoice.create", &made);
    direct.run(&[created]).await;
    let value = bank("b-1", &credit("T-1", "60.00"));
    let inputs: Vec<Value> = vec![serde_json::from_str(&value).expect("JSON")];
    let credited = direct.item(topup::wire::Topic::BankPayments, None, value.as_bytes());
    direct.run(&[credited]).await;
    assert_eq!(log(&direct.database, &inputs).await, Vec::<String>::new());
    assert!(!log(&direct.database, &[]).await.is_empty(), "money that nobody sent");
    let twice = Value::from_iter([("source", "x"), ("id", "y")]);
    assert!(!log(&direct.database, &[inputs[0].clone(), twice]).await.is_empty(), "no outcome");
    for (what, break_it, mend) in [
        (
            "a payment that has more than was posted",
            "UPDATE payments SET amount = amount + 1",
            "UPDATE payments SET amount = amount - 1",
        ),
        (
            "a balance from nowhere",
            "UPDATE accounts SET balance_currency = 'SGD', balance = 5, balance_at = now()
              WHERE account_id = 'ACC'",
            "UPDATE accounts SET balance = 0 WHERE account_id = 'ACC'",
        ),
        (
            "an invoice that is paid by nothing",
            "ALTER TABLE payable_invoices DISABLE TRIGGER USER;
             DELETE FROM payable_invoices",
            "INSERT INTO payable_invoices (invoice_id, account_id, currency, due, sent_at)
             SELECT invoice_id, account_id, currency, amount, sent_at FROM invoices;
             ALTER TABLE payable_invoices ENABLE TRIGGER USER",
        ),
    ] {
        direct.database.execute(break_it).await;
        assert!(!books(&direct.database).await.is_empty(), "{what}");
        direct.database.execute(mend).await;
    }
    assert_eq!(books(&direct.database).await, Vec::<String>::new());
    direct.finish().await;
}
