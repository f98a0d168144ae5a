//! Suggestions that a person confirms or refuses, and what that teaches, on the real pipeline.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use topup::clock::Clock;
use topup::domain::account::{Alias, AliasUse, PayerLink};
use topup::domain::effect::Effect;
use topup::domain::ids::{AccountId, MessageId, PaymentId, RecordId, Source};
use topup::domain::review::ReviewEffect;
use topup::domain::want::Want;
use topup::domain::working_set::WorkingSet;
use topup::jobs::{Job, JobEnded};
use topup::pipeline::batch::{Item, run_in_tx};
use topup::store::load::Locks;
use topup::store::next_id_block;
use topup::store::persist::{BatchWrite, batch_in_tx};
use topup::store::views::review::{self as views, ReviewFilter};
use topup::store::views::{Page, Privacy};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{
    BANK, about_invoice, account, allocate, bank, credit, envelope, invoice, payment, with,
};
use crate::jobs::runner;

struct Desk {
    direct: Direct,
    written: usize,
}

impl Desk {
    async fn new(test: &str) -> Self {
        Self { direct: Direct::new(test).await, written: 0 }
    }

    fn next(&mut self, kind: &str, data: &Value) -> Item {
        self.written += 1;
        self.direct.command(&format!("c-{}", self.written), kind, data)
    }

    /// What became of a command: its outcome, or the code of its refusal.
    async fn say(&mut self, kind: &str, data: &Value) -> String {
        let item = self.next(kind, data);
        let ended = self.direct.run(&[item]).await.remove(0);
        ended.code.unwrap_or_else(|| ended.outcome.to_owned())
    }

    async fn command(&mut self, kind: &str, data: Value) {
        assert_eq!(self.say(kind, &data).await, "applied", "{kind} {data}");
    }

    /// A payment from `payer` that names nobody.
    async fn receive(&mut self, id: &str, amount: &str, payer: &str) {
        let data = with(credit(id, amount), &json!({ "debtor": { "account": payer } }));
        let value = bank(&format!("b-{id}"), &data);
        let item = self.direct.item(Topic::BankPayments, None, value.as_bytes());
        self.direct.applied(item).await;
    }

    async fn value(&self, sql: &str) -> String {
        self.direct.database.value(sql).await
    }

    async fn lines(&self, sql: &str) -> Vec<String> {
        self.direct.database.lines(sql).await
    }

    /// The newest suggestion for the payment.
    async fn suggestion(&self, id: &str) -> String {
        let sql = format!(
            "SELECT suggestion_id FROM suggestions WHERE payment_id = '{}'
             ORDER BY decision_id DESC, suggestion_id LIMIT 1",
            paid(id)
        );
        self.value(&sql).await
    }

    async fn word(&self, id: &str, account: &str) -> Value {
        let suggestion = self.suggestion(id).await;
        json!({ "payment_id": paid(id), "suggestion_id": suggestion, "account_id": account })
    }

    async fn confirm(&mut self, id: &str, account: &str) -> String {
        let word = self.word(id, account).await;
        self.say("match.confirm", &word).await
    }

    async fn state(&self, id: &str) -> String {
        let sql = format!(
            "SELECT concat_ws('|', state, reason, account_id) FROM payments
             WHERE payment_id = '{}'",
            paid(id)
        );
        self.value(&sql).await
    }

    async fn suggestions(&self) -> Vec<String> {
        let sql = "SELECT s.account_id, s.status, string_agg(i.invoice_id || ' ' || i.amount, ', '
                          ORDER BY i.invoice_id) FROM suggestions s
                   JOIN suggestion_invoices i USING (suggestion_id)
                   GROUP BY s.suggestion_id ORDER BY s.decision_id, s.suggestion_id";
        self.lines(sql).await
    }

    async fn rematch(&self) -> String {
        let (runner, _stop) = runner(&self.direct, "test", None);
        runner.prepare().await.expect("prepared");
        said(&runner.run_by(Job::Rematch, "alice", Clock::System.now()).await.expect("ran"))
    }
}

fn said(ended: &JobEnded) -> String {
    match ended {
        JobEnded::Done(report) => report.summary.clone(),
        other => panic!("{other:?}"),
    }
}

fn paid(id: &str) -> String {
    format!("BANK:{BANK}:{id}")
}

#[tokio::test]
async fn a_confirmed_suggestion_is_allocated_once_whoever_says_it_again() {
    let mut desk = Desk::new("rv_confirm").await;
    desk.command("invoice.create", invoice("INV-1", "A", "100.00")).await;
    desk.receive("T1", "100.00", "PAYERX1").await;
    assert_eq!(desk.state("T1").await, "parked|amount_only");
    assert_eq!(desk.suggestions().await, ["A|open|INV-1 100000000"]);
    // The event carries the id that a person has to say.
    let told =
        desk.value("SELECT payload FROM told.outbox WHERE payload LIKE '%amount_only%'").await;
    let suggestion = desk.suggestion("T1").await;
    assert!(told.contains(&format!(r#"{{"suggestion_id":"{suggestion}","#)), "{told}");
    assert_eq!(desk.confirm("T1", "A").await, "applied");
    assert_eq!(desk.state("T1").await, "allocated|A");
    let allocated = "SELECT invoice_id, account_id, rule, amount FROM allocations";
    assert_eq!(desk.lines(allocated).await, ["INV-1|A|R1|100000000"]);
    assert_eq!(desk.confirm("T1", "A").await, "suggestion_closed");
    // The same record again is a duplicate.
    let word = desk.word("T1", "A").await;
    desk.written = 1;
    let item = desk.next("match.confirm", &word);
    assert_eq!(desk.direct.run(&[item]).await.remove(0).outcome, "duplicate");
    desk.written = 10;
    let word = json!({ "payment_id": paid("T1"), "suggestion_id": "1-1", "account_id": "A" });
    assert_eq!(desk.say("match.confirm", &word).await, "suggestion_unknown");
    let word = json!({ "payment_id": "UNKNOWN", "suggestion_id": "1-1", "account_id": "A" });
    assert_eq!(desk.say("match.reject", &word).await, "payment_unknown");
    desk.direct.finish().await;
}

/// Two workers confirm the same suggestion, and two suggestions of the same payment: one wins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_confirm_at_once_exactly_one_wins() {
    let mut desk = Desk::new("rv_raced").await;
    let upsert = with(account("A"), &json!({ "payer_accounts": ["PAYERA1"] }));
    desk.command("account.upsert", upsert).await;
    for round in 0..8 {
        let (first, second) = (format!("I{round}"), format!("J{round}"));
        desk.command("invoice.create", invoice(&first, "A", "100.00")).await;
        desk.command("invoice.create", invoice(&second, "A", "90.00")).await;
        let id = format!("T{round}");
        desk.receive(&id, "70.00", "PAYERA1").await;
        let sql = format!(
            "SELECT suggestion_id FROM suggestions WHERE payment_id = '{}' AND status = 'open'
             ORDER BY 1",
            paid(&id)
        );
        let open = desk.lines(&sql).await;
        let other = open.get(if round % 2 == 0 { 0 } else { 1 }).expect("a suggestion");
        let word = |suggestion: &str| {
            let payment = paid(&id);
            json!({ "payment_id": payment, "suggestion_id": suggestion, "account_id": "A" })
        };
        let left = desk.next("match.confirm", &word(&open[0]));
        let right = desk.next("match.confirm", &word(other));
        let (left, right) = tokio::join!(
            desk.direct.run(std::slice::from_ref(&left)),
            desk.direct.run(std::slice::from_ref(&right))
        );
        let mut codes = [left, right].map(|mut ended| {
            let ended = ended.remove(0);
            ended.code.unwrap_or_else(|| ended.outcome.to_owned())
        });
        codes.sort();
        assert_eq!(codes, ["applied", "suggestion_closed"], "round {round}");
        for invoice in [first, second] {
            // Clears the stage: nothing of this round is suggested in the next.
            let _ = desk.say("invoice.void", &about_invoice(&invoice, "A")).await;
            let rest = json!({ "payment_id": format!("R-{invoice}"), "amount": "100.00" });
            desk.command("payment.record", with(payment("", "A", ""), &rest)).await;
            let _ = desk
                .say("payment.allocate", &allocate(&format!("R-{invoice}"), "A", &invoice))
                .await;
        }
    }
    let sum = "SELECT count(*), sum(amount) FROM allocations a JOIN payments p USING (payment_id)
               WHERE p.origin = 'bank'";
    let sum = sum.replace("sum(amount)", "sum(a.amount)");
    assert_eq!(desk.lines(&sum).await, ["8|560000000"]);
    desk.direct.finish().await;
}

#[tokio::test]
async fn what_does_not_hold_any_more_is_refused_and_stays_for_a_person() {
    let mut desk = Desk::new("rv_refused").await;
    for (id, amount) in [("INV-1", "101.00"), ("INV-2", "102.00"), ("INV-3", "103.00")] {
        desk.command("invoice.create", invoice(id, "A", amount)).await;
        desk.receive(&id.replace("INV-", "T"), amount, "PAYERX1").await;
    }
    desk.command("invoice.void", about_invoice("INV-1", "A")).await;
    desk.command("payment.record", payment("PAY-1", "A", "102.00")).await;
    desk.command("payment.allocate", allocate("PAY-1", "A", "INV-2")).await;
    assert_eq!(desk.confirm("T1", "A").await, "invoice_voided");
    assert_eq!(desk.confirm("T2", "A").await, "invoice_already_provisioned");
    assert_eq!(desk.confirm("T3", "B").await, "account_mismatch");
    // A person gives the money to B: what was suggested of A is over.
    let given = json!({ "payment_id": paid("T3"), "account_id": "B" });
    desk.command("payment.assign", given).await;
    assert_eq!(desk.confirm("T3", "A").await, "account_mismatch");
    let expected =
        ["A|open|INV-1 101000000", "A|open|INV-2 102000000", "A|superseded|INV-3 103000000"];
    assert_eq!(desk.suggestions().await, expected);
    // A newer decision takes the place of the older one's.
    desk.rematch().await;
    let open = "SELECT count(*) FROM suggestions WHERE status = 'open'";
    assert_eq!(desk.value(open).await, "0");
    desk.direct.finish().await;
}

#[tokio::test]
async fn a_refused_suggestion_never_comes_back_for_the_payment() {
    let mut desk = Desk::new("rv_reject").await;
    desk.command("invoice.create", invoice("INV-1", "A", "100.00")).await;
    desk.receive("T1", "100.00", "PAYERX1").await;
    let word = with(desk.word("T1", "A").await, &json!({ "reason": "by bob: not theirs" }));
    desk.command("match.reject", word).await;
    assert_eq!(desk.state("T1").await, "parked|amount_only");
    let kept = "SELECT status, reason, resolved_by_source, resolved_by_id FROM suggestions";
    assert_eq!(desk.lines(kept).await, ["rejected|by bob: not theirs|crm|c-2"]);
    assert_eq!(desk.confirm("T1", "A").await, "suggestion_closed");
    // The payer turns out to be A's for sure: the invoice is not taken for its amount all the same.
    let upsert = with(account("A"), &json!({ "payer_accounts": ["PAYERX1"] }));
    desk.command("account.upsert", upsert).await;
    assert_eq!(desk.rematch().await, "1 looked at again, 1 changed");
    assert_eq!(desk.state("T1").await, "on_account|A");
    assert_eq!(desk.suggestions().await, ["A|rejected|INV-1 100000000"]);
    // Another that fits is taken as soon as it is sent.
    desk.command("invoice.create", invoice("INV-2", "A", "100.00")).await;
    assert_eq!(desk.lines("SELECT invoice_id FROM allocations").await, ["INV-2"]);
    desk.direct.finish().await;
}

#[tokio::test]
async fn what_waits_for_a_person_is_listed_in_pages() {
    let mut desk = Desk::new("rv_operator").await;
    for (id, amount) in [("INV-1", "101.00"), ("INV-2", "102.00")] {
        desk.command("invoice.create", invoice(id, "A", amount)).await;
        desk.receive(&id.replace("INV-", "T"), amount, "DE89370400440532013000").await;
    }
    let (first, second) = (desk.suggestion("T1").await, desk.suggestion("T2").await);
    let page = Page { after: None, limit: 1 };
    let pool = desk.direct.pipeline.pool();
    let filter = ReviewFilter::default();
    let listed = views::list(pool, &filter, &page, Privacy::Masked).await.expect("listed");
    assert_eq!(listed.items.len(), 1);
    let row = &listed.items[0];
    assert_eq!(row.suggestion_id.as_deref(), Some(first.as_str()));
    assert_eq!((row.invoices.join(" "), row.proposed.as_str()), ("INV-1".to_owned(), "101.00"));
    assert_eq!(row.payer_account.as_deref(), Some("…3000"));
    assert_eq!(row.evidence, "Only the amount fits, one invoice in the whole book.");
    let page = Page { after: listed.next, limit: 5 };
    let rest = views::list(pool, &filter, &page, Privacy::Full).await.expect("listed");
    let rest: Vec<_> = rest.items.iter().map(|row| row.suggestion_id.as_deref()).collect();
    assert_eq!(rest, [Some(second.as_str())]);
    desk.direct.finish().await;
}

#[tokio::test]
async fn payers_are_learnt_from_two_confirmed_payments_and_shared_by_a_third() {
    let mut desk = Desk::new("rv_learn").await;
    for (id, amount) in [("T1", "101.00"), ("T2", "102.00")] {
        desk.command("invoice.create", invoice(&format!("I-{id}"), "A", amount)).await;
        desk.receive(id, amount, "payer x-1").await;
        assert_eq!(desk.confirm(id, "A").await, "applied");
    }
    let aliases = "SELECT payer_account, account_id, confirmations, demoted_at FROM payer_aliases
                   ORDER BY account_id";
    assert_eq!(desk.lines(aliases).await, ["PAYERX1|A|2"]);
    // Strong: the next one is decided, and says by what.
    desk.command("invoice.create", invoice("I-T3", "A", "103.00")).await;
    desk.command("invoice.create", invoice("OTHER", "B", "103.00")).await;
    desk.receive("T3", "103.00", "PAYERX1").await;
    assert_eq!(desk.state("T3").await, "allocated|A");
    let uses = "SELECT kind, payment_id, decision_id IS NOT NULL, suggestion_id IS NOT NULL
                FROM payer_alias_uses ORDER BY use_id";
    let expected = [
        format!("confirmed|{}|false|true", paid("T1")),
        format!("confirmed|{}|false|true", paid("T2")),
        format!("used|{}|true|false", paid("T3")),
    ];
    assert_eq!(desk.lines(uses).await, expected);
    let explained = "SELECT explanation FROM told.decisions WHERE payment_id LIKE '%T3'";
    assert!(desk.value(explained).await.contains("payments that a person confirmed"));
    let pool = desk.direct.pipeline.pool();
    let page = Page { after: None, limit: 5 };
    let listed =
        views::aliases(pool, Some("A"), None, &page, Privacy::Masked).await.expect("listed");
    assert_eq!(
        (listed.items[0].strength, listed.items[0].payer_account.as_str()),
        ("strong", "…X1")
    );
    // The payer pays for B as well: the book of A has changed too, and nobody is known by it.
    let version = "SELECT book_version FROM accounts WHERE account_id = 'A'";
    let before: i64 = desk.value(version).await.parse().expect("a number");
    desk.command("account.upsert", account("A")).await;
    let raised: i64 = desk.value(version).await.parse().expect("a number");
    desk.receive("T4", "7.00", "SOMEONE").await;
    // Money that is A's by the alias goes there; what a person gives to B comes from a payer that
    // A was never linked to by this payment.
    let gives = json!({ "payment_id": paid("T4"), "account_id": "B" });
    desk.command("payment.assign", gives).await;
    assert!(raised > before);
    let unchanged: i64 = desk.value(version).await.parse().expect("a number");
    assert_eq!(unchanged, raised, "another payer's lesson is nothing to A");
    desk.receive("T5", "8.00", "someone").await;
    let gives = json!({ "payment_id": paid("T5"), "account_id": "A" });
    let other = "SELECT book_version FROM accounts WHERE account_id = 'B'";
    let before: i64 = desk.value(other).await.parse().expect("a number");
    desk.command("payment.assign", gives).await;
    let after: i64 = desk.value(other).await.parse().expect("a number");
    assert!(after > before, "the payer is shared now, which B's payments must see");
    let expected = ["PAYERX1|A|2", "SOMEONE|A|1", "SOMEONE|B|1"];
    let aliases =
        "SELECT payer_account, account_id, confirmations FROM payer_aliases ORDER BY 1, 2";
    assert_eq!(desk.lines(aliases).await, expected);
    // What counts for A and B is nobody's, even when it is confirmed once more.
    desk.receive("T6", "9.00", "someone").await;
    assert_eq!(desk.state("T6").await, "parked|no_candidate");
    let explained = "SELECT explanation FROM told.decisions WHERE payment_id LIKE '%T6'";
    assert!(desk.value(explained).await.contains("shared"));
    desk.direct.finish().await;
}

/// A payment is decided by what was learnt while a person gives another of the same payer to
/// another customer: the first is tried again, and finds the payer shared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_who_becomes_shared_meanwhile_decides_nothing() {
    let mut desk = Desk::new("rv_shared").await;
    for id in ["T1", "T2", "T3"] {
        desk.receive(id, "5.00", "PAYERX1").await;
    }
    for id in ["T1", "T2"] {
        let given = json!({ "payment_id": paid(id), "account_id": "A" });
        desk.command("payment.assign", given).await;
    }
    desk.command("invoice.create", invoice("INV-1", "A", "100.00")).await;
    let given = json!({ "payment_id": paid("T3"), "account_id": "B" });
    let share = desk.next("payment.assign", &given);
    let from = json!({ "debtor": { "account": "PAYERX1" } });
    let value = bank("b-T4", &with(credit("T4", "100.00"), &from));
    let payment = desk.direct.item(Topic::BankPayments, None, value.as_bytes());
    let pipeline = &desk.direct.pipeline;
    let mut open = pipeline.pool().begin().await.expect("begin");
    desk.direct.run_in(&mut open, std::slice::from_ref(&share)).await.expect("shared");
    let late = async {
        let mut tx = pipeline.pool().begin().await?;
        let block = next_id_block(&mut tx).await?;
        let at = pipeline.clock().now();
        let batch = std::slice::from_ref(&payment);
        run_in_tx(pipeline, &mut tx, batch, block, Locks::Last, at).await
    };
    let (raced, ()) = tokio::join!(late, async {
        let waiting = "SELECT count(*) > 0 FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while desk.value(waiting).await == "false" {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        open.commit().await.expect("commit");
    });
    assert!(raced.expect_err("the payer is shared by now").is_race());
    desk.direct.applied(payment).await;
    assert_eq!(desk.state("T4").await, "parked|amount_only");
    desk.direct.finish().await;
}

/// What a reversal does to what was learnt, as rows: nothing is known any more, each customer's
/// book has changed, and the history says why. The audit at the end compares the two.
#[tokio::test]
async fn what_is_unlearnt_decides_nothing_any_more() {
    let mut desk = Desk::new("rv_unlearn").await;
    for id in ["T1", "T2"] {
        desk.receive(id, "5.00", "PAYERX1").await;
        let given = json!({ "payment_id": paid(id), "account_id": "A" });
        desk.command("payment.assign", given).await;
    }
    let at = desk.direct.pipeline.clock().now();
    let version = "SELECT book_version FROM accounts WHERE account_id = 'A'";
    let before: i64 = desk.value(version).await.parse().expect("a number");
    let link =
        PayerLink { payer_account: "PAYERX1".to_owned(), account_id: AccountId::trusted("A") };
    let on = "2099-01-05".parse().expect("a day");
    let alias = Alias { confirmations: 0, last_used_on: on, demoted_at: Some(at) };
    let mut after = WorkingSet::default();
    after.ask([Want::Payer(link.payer_account.clone())]);
    let customers = after.payer_mut(link.payer_account.clone());
    customers.learnt.insert(link.account_id.clone(), alias);
    let unlink = ReviewEffect::Unlink {
        used: AliasUse { link, on },
        payment_id: PaymentId::trusted(&paid("T2")),
        at,
        cause: RecordId { source: Source::trusted("crm"), id: MessageId::trusted("back") },
    };
    let effects = vec![Effect::Review(Box::new(unlink))];
    let write = BatchWrite { effects, ..BatchWrite::default() };
    let mut tx = desk.direct.pipeline.pool().begin().await.expect("begin");
    let none = WorkingSet::default();
    let written = batch_in_tx(&mut tx, &none, &mut after, &write, Locks::First, at).await;
    written.expect("written");
    tx.commit().await.expect("commit");
    let after: i64 = desk.value(version).await.parse().expect("a number");
    assert_eq!(after, before + 1);
    let kinds = "SELECT string_agg(kind, ' ' ORDER BY use_id) FROM payer_alias_uses";
    assert_eq!(desk.value(kinds).await, "confirmed confirmed demoted");
    desk.command("invoice.create", invoice("INV-1", "A", "100.00")).await;
    desk.receive("T3", "100.00", "PAYERX1").await;
    assert_eq!(desk.state("T3").await, "parked|amount_only");
    // It is earned again from the start.
    assert_eq!(desk.confirm("T3", "A").await, "applied");
    let aliases = "SELECT confirmations, demoted_at IS NULL FROM payer_aliases";
    assert_eq!(desk.lines(aliases).await, ["1|true"]);
    desk.direct.finish().await;
}

/// A person who assigned a payer's money to the wrong customer takes it out again, or shares it
/// out: what the assignments taught decides nothing any more.
#[tokio::test]
async fn a_wrong_assignment_that_is_corrected_teaches_nothing() {
    let mut desk = Desk::new("rv_corrected").await;
    for (payer, ids, command) in
        [("PAYERX1", ["T1", "T2"], "payment.remove"), ("PAYERX2", ["T3", "T4"], "payment.split")]
    {
        for id in ids {
            desk.receive(id, "5.00", payer).await;
            let given = json!({ "payment_id": paid(id), "account_id": "A" });
            desk.command("payment.assign", given.clone()).await;
            let shared = json!({ "parts": [{ "account_id": "B", "amount": "5.00" }] });
            let more = if command == "payment.split" { shared } else { json!({}) };
            desk.command(command, with(given, &more)).await;
        }
    }
    let taught = "SELECT payer_account, confirmations FROM payer_aliases ORDER BY 1, 2";
    assert_eq!(desk.lines(taught).await, ["PAYERX1|0", "PAYERX2|0"]);
    for (id, payer, amount) in [("T5", "PAYERX1", "100.00"), ("T6", "PAYERX2", "200.00")] {
        desk.command("invoice.create", invoice(id, "A", amount)).await;
        desk.receive(id, amount, payer).await;
        assert_eq!(desk.state(id).await, "parked|amount_only", "{payer}");
    }
    desk.direct.finish().await;
}

#[tokio::test]
async fn an_invoice_that_is_suggested_is_no_void_candidate() {
    let mut desk = Desk::new("rv_void").await;
    desk.command("invoice.create", invoice("INV-1", "A", "100.00")).await;
    desk.command("invoice.create", invoice("INV-2", "A", "55.00")).await;
    desk.receive("T1", "100.00", "PAYERX1").await;
    let now: DateTime<Utc> = Clock::System.now();
    let data = json!({
        "bank_account": BANK, "statement_id": "S1", "currency": "SGD", "entries": 0,
        "opening_balance": "0.00", "closing_balance": "0.00",
        "complete_through": now.to_rfc3339(),
    });
    let value = envelope("s-1", "bank-gateway", "topup.bank.statement.v1", &data);
    let item = desk.direct.item(Topic::BankPayments, None, value.as_bytes());
    desk.direct.applied(item).await;
    let age = "UPDATE invoices SET stale_since = now() - interval '40 days'";
    desk.direct.database.execute(age).await;
    let flag = async || {
        let (runner, _stop) = runner(&desk.direct, "test", None);
        runner.prepare().await.expect("prepared");
        let ran = runner.run_by(Job::FlagVoidCandidates, "alice", Clock::System.now()).await;
        said(&ran.expect("ran"))
    };
    let candidates = "SELECT string_agg(invoice_id, ' ' ORDER BY invoice_id) FROM invoice_states
                      WHERE candidate_since IS NOT NULL";
    assert_eq!(flag().await, "1 flagged, 0 cleared");
    assert_eq!(desk.value(candidates).await, "INV-2");
    let word = desk.word("T1", "A").await;
    let item = desk.direct.command("r-1", "match.reject", &word);
    desk.direct.applied(item).await;
    let (runner, _stop) = runner(&desk.direct, "test", None);
    let ran = runner.run_by(Job::FlagVoidCandidates, "alice", Clock::System.now()).await;
    assert_eq!(said(&ran.expect("ran")), "1 flagged, 0 cleared");
    assert_eq!(desk.value(candidates).await, "INV-1 INV-2");
    desk.direct.finish().await;
}

/// Two halves of one invoice: one choice, one word, one transaction; the views name both.
#[tokio::test]
async fn two_halves_are_confirmed_by_one_word() {
    let mut desk = Desk::new("rv_halves").await;
    let customer = with(account("A"), &json!({ "payer_accounts": ["PAYERA1"] }));
    desk.command("account.upsert", customer).await;
    desk.command("invoice.create", invoice("INV-1", "A", "100.00")).await;
    desk.receive("T1", "40.00", "PAYERA1").await;
    desk.receive("T2", "60.00", "PAYERA1").await;
    let (first, second) = (paid("T1"), paid("T2"));
    let pool = desk.direct.pipeline.pool().clone();
    let page = Page { limit: 10, after: None };
    let filter = ReviewFilter::default();
    let listed = views::list(&pool, &filter, &page, Privacy::Masked).await.expect("listed");
    let row = listed.items.iter().find(|row| !row.with_payments.is_empty()).expect("both halves");
    assert_eq!((&row.payment_id, &row.with_payments), (&second, &vec![first.clone()]));
    assert_eq!((row.proposed.as_str(), row.invoices.as_slice()), ("100.00", &["INV-1".into()][..]));
    assert_eq!(row.evidence, "The payments are exactly the invoice together.");
    let shown = topup::store::views::payments::show(&pool, &first, Privacy::Masked).await;
    let shown = shown.expect("read").expect("known");
    assert!(shown.suggestions.iter().any(|s| s.with_payments == [second.clone()]), "{shown:?}");
    assert_eq!(desk.confirm("T2", "A").await, "applied");
    for id in ["T1", "T2"] {
        assert_eq!(desk.state(id).await, "allocated|A", "{id}");
    }
    let allocated = "SELECT payment_id, invoice_id, rule, amount FROM allocations ORDER BY 1";
    assert_eq!(
        desk.lines(allocated).await,
        [format!("{first}|INV-1|R1|40000000"), format!("{second}|INV-1|R1|60000000")]
    );
    assert_eq!(desk.value("SELECT status FROM invoice_states").await, "provisioned");
    assert_eq!(desk.confirm("T2", "A").await, "suggestion_closed");
    desk.direct.finish().await;
}

/// One half went elsewhere: what was suggested with it holds no more, and a word on it is refused.
#[tokio::test]
async fn a_half_that_went_elsewhere_closes_what_was_suggested_with_it() {
    let mut desk = Desk::new("rv_half_gone").await;
    let customer = with(account("A"), &json!({ "payer_accounts": ["PAYERA1"] }));
    desk.command("account.upsert", customer).await;
    desk.command("invoice.create", invoice("INV-1", "A", "100.00")).await;
    desk.receive("T1", "40.00", "PAYERA1").await;
    desk.receive("T2", "60.00", "PAYERA1").await;
    let word = desk.word("T2", "A").await;
    desk.command("invoice.create", invoice("INV-2", "A", "40.00")).await;
    assert_eq!(desk.state("T1").await, "allocated|A");
    assert_eq!(desk.say("match.confirm", &word).await, "suggestion_closed");
    assert_eq!(desk.state("T2").await, "on_account|A");
    desk.direct.finish().await;
}

/// The database itself refuses a payment that cannot be part of a suggestion.
#[tokio::test]
async fn a_payment_of_another_customer_is_part_of_no_suggestion() {
    let mut desk = Desk::new("rv_half_foreign").await;
    for (id, payer) in [("A", "PAYERA1"), ("B", "PAYERB1")] {
        let customer = with(account(id), &json!({ "payer_accounts": [payer] }));
        desk.command("account.upsert", customer).await;
    }
    desk.command("invoice.create", invoice("INV-1", "A", "100.00")).await;
    desk.receive("T1", "40.00", "PAYERB1").await;
    desk.receive("T2", "60.00", "PAYERA1").await;
    let suggestion = desk.suggestion("T2").await;
    for other in ["T1", "T2"] {
        let plant = format!(
            "INSERT INTO suggestion_payments VALUES ('{suggestion}', '{}', 1)",
            paid(other)
        );
        let refused = desk.direct.database.refused(&plant).await;
        assert_eq!(refused, "suggestion_payments_fit");
    }
    desk.direct.finish().await;
}
