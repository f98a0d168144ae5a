//! The story: what is played, what must come of it, what is printed.

use super::stage::{DemoError, Stage, story_error};
use crate::clock::Clock;
use crate::domain::rejection::Rejection;
use crate::jobs::{Job, JobEnded, Runner};
use crate::operator::dead_letters::edit::{Edited, edit};
use crate::operator::dead_letters::replay::Replayed;
use crate::pipeline::Pipeline;

/// Plays every step; each checks that what it tells is what happened.
pub(super) async fn tell(stage: &Stage) -> Result<(), DemoError> {
    invoices(stage).await?;
    payments(stage).await?;
    twice(stage).await?;
    before_sent(stage).await?;
    unknown(stage).await?;
    dead_letters(stage).await?;
    nobody_pays(stage).await?;
    spent(stage).await?;
    ending(stage).await
}

fn chapter(number: u8, title: &str) {
    println!("\n{number}. {title}");
}

fn line(text: &str) {
    println!("     {text}");
}

async fn expect(stage: &Stage, fixture: &str, outcome: &str) -> Result<(), DemoError> {
    let got = stage.play(fixture).await?;
    if got == outcome {
        return Ok(());
    }
    Err(story_error(&format!("{fixture} ended {got}, the story says {outcome}")))
}

async fn invoices(stage: &Stage) -> Result<(), DemoError> {
    chapter(1, "Two customers, four topup invoices; one is still a draft");
    let fixtures = [
        "account-acme",
        "account-globex",
        "invoice-1001",
        "invoice-1002",
        "invoice-2001",
        "invoice-2002-draft",
    ];
    for fixture in fixtures {
        expect(stage, fixture, "applied").await?;
    }
    stage
        .table(
            &["invoice", "customer", "amount", "status", "payment reference (minted)"],
            "SELECT invoice_id, account_id, to_char(amount / 1e6, 'FM999999999990.00') || ' ' ||
                    currency, replace(status, '_', ' '), payment_reference
             FROM invoice_states ORDER BY invoice_id",
        )
        .await
}

async fn payments(stage: &Stage) -> Result<(), DemoError> {
    chapter(2, "The bank reports money: by reference, by a known payer, and too much");
    for fixture in ["payment-by-reference", "payment-by-payer", "payment-overpaid"] {
        expect(stage, fixture, "applied").await?;
    }
    stage
        .table(
            &["payment", "amount", "state", "paid", "rule", "left on payment"],
            "SELECT p.payment_id, to_char(p.amount / 1e6, 'FM999999999990.00'),
                    replace(p.state, '_', ' '), a.invoice_id, a.rule,
                    to_char((p.amount - p.allocated) / 1e6, 'FM999999999990.00')
             FROM payments p LEFT JOIN allocations a USING (payment_id) ORDER BY p.recorded_at",
        )
        .await?;
    line("R2: a checked reference. R7: a verified payer and one fitting invoice.");
    balances(stage).await
}

async fn balances(stage: &Stage) -> Result<(), DemoError> {
    stage
        .table(
            &["customer", "prepaid balance"],
            "SELECT account_id, to_char(amount / 1e6, 'FM999999999990.00') || ' ' || currency
             FROM balances ORDER BY account_id, currency",
        )
        .await
}

async fn twice(stage: &Stage) -> Result<(), DemoError> {
    chapter(3, "The same payment comes again through a second feed");
    expect(stage, "payment-again", "duplicate").await?;
    let payments = stage.value("SELECT count(*)::text FROM payments").await?;
    line(&format!("Outcome: duplicate. Still {payments} payments, no balance moved."));
    Ok(())
}

async fn before_sent(stage: &Stage) -> Result<(), DemoError> {
    chapter(4, "Money for an invoice that has not been sent");
    expect(stage, "payment-before-sent", "applied").await?;
    let parked = "SELECT state || ': ' || coalesce(reason, '') FROM payments
                  WHERE payment_id LIKE '%DBS-0004'";
    line(&format!("The payment is {}.", stage.value(parked).await?));
    expect(stage, "invoice-2002-sent", "applied").await?;
    let now = "SELECT i.invoice_id || ' is ' || i.status || ', paid by ' || a.payment_id
               FROM invoice_states i JOIN allocations a USING (invoice_id)
               WHERE i.invoice_id = 'INV-2002'";
    line(&format!("The invoice is sent: {}.", stage.value(now).await?));
    Ok(())
}

async fn unknown(stage: &Stage) -> Result<(), DemoError> {
    chapter(5, "Money from nobody we know, with hostile text");
    expect(stage, "payment-unknown", "applied").await?;
    let state = "SELECT state || ': ' || reason FROM payments WHERE payment_id LIKE '%DBS-0005'";
    line(&format!("It is money all the same: recorded, {}.", stage.value(state).await?));
    Ok(())
}

async fn dead_letters(stage: &Stage) -> Result<(), DemoError> {
    chapter(6, "A hostile record, and a command that came too early");
    let hostile = stage.play("hostile-amount").await?;
    line(&format!("An invoice over \"1e9\": {hostile}. Everything around it goes on."));
    let early = stage.play("allocate-too-early").await?;
    line(&format!("Allocate a payment nobody has reported: {early}."));
    stage
        .eventually("dead letter", || async {
            let count: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM dead_letters WHERE code = 'dependency_missing'",
            )
            .fetch_one(&stage.pool)
            .await?;
            Ok((count == 1).then_some(()))
        })
        .await?;
    stage
        .table(
            &["dead letter", "code", "message"],
            "SELECT dead_letter_id::text, code, left(message, 70) FROM dead_letters
             WHERE status = 'open' ORDER BY dead_letter_id",
        )
        .await?;
    line("Finance repairs the cause: the invoice is created, the cheque is recorded.");
    expect(stage, "invoice-2003", "applied").await?;
    expect(stage, "payment-cheque", "applied").await?;
    let id: i64 = sqlx::query_scalar(
        "SELECT dead_letter_id FROM dead_letters WHERE code = 'dependency_missing'",
    )
    .fetch_one(&stage.pool)
    .await?;
    let pipeline = stage.pipeline();
    let reason = Some("cause repaired");
    let dry = pipeline.replay(id, "demo", reason, true).await?;
    line(&format!("Replay, dry run: would be {}.", dry.word()));
    let first = pipeline.replay(id, "demo", reason, false).await?;
    let second = pipeline.replay(id, "demo", reason, false).await?;
    line(&format!("Replay: {}. Replayed again: {}.", first.word(), second.word()));
    let told = matches!(first, Replayed::Applied { .. }) && second == Replayed::AlreadyResolved;
    if !told {
        return Err(story_error("the replay came out differently"));
    }
    mended(stage).await
}

/// The hostile record, edited: its original stays, its revision is what is replayed.
async fn mended(stage: &Stage) -> Result<(), DemoError> {
    let hostile = "SELECT dead_letter_id, convert_from(record_value, 'UTF8') FROM dead_letters
                   WHERE code = 'amount_invalid'";
    let (id, value): (i64, String) = sqlx::query_as(hostile).fetch_one(&stage.pool).await?;
    let value = value.replace("\"1e9\"", "\"10.00\"");
    let reason = "the sender meant ten dollars";
    let edited = edit(&stage.pool, id, value.as_bytes(), "demo", reason, false).await?;
    if !matches!(edited, Edited::Revision { number: 1, .. }) {
        return Err(story_error(&format!("the edit came out as {edited:?}")));
    }
    let replayed = stage.pipeline().replay(id, "demo", Some(reason), false).await?;
    let word = replayed.word();
    line(&format!("The hostile amount, edited (the original stays) and replayed: {word}."));
    if replayed.resolves() { Ok(()) } else { Err(story_error("the edit did not help")) }
}

/// The clock of this chapter is a month ahead, so a month passes at once.
async fn nobody_pays(stage: &Stage) -> Result<(), DemoError> {
    chapter(7, "Two invoices that nobody pays, a month later");
    for fixture in ["invoice-3001", "invoice-3002"] {
        expect(stage, fixture, "applied").await?;
    }
    let clock = stage.pipeline().clock();
    let later = clock.now() + chrono::Duration::days(31);
    let (_, stop) = tokio::sync::watch::channel(false);
    let month = Pipeline::new(stage.pool.clone(), stage.pipeline().settings().clone(), {
        Clock::Fixed(later)
    });
    // The bank's statement of that day: one that speaks of the future would prove nothing.
    stage.process_then(&month, "statement").await?;
    let runner = Runner::new(month.clone(), stage.jobs.clone(), stop);
    runner.prepare().await?;
    let ended = runner.run_by(Job::FlagVoidCandidates, "demo", later).await?;
    let JobEnded::Done(report) = ended else {
        return Err(story_error(&format!("the job ended {ended:?}")));
    };
    line(&format!("The job of that day: {}.", report.summary));
    // A person keeps one and voids the other.
    for word in ["keep-3001", "void-3002"] {
        stage.process_then(&month, word).await?;
    }
    stage
        .table(
            &["void candidate", "stale since", "what a person did", "invoice now"],
            "SELECT c.invoice_id, to_char(c.stale_since, 'YYYY-MM-DD'), c.cleared_by,
                    replace(i.status, '_', ' ') || coalesce(' (' || i.void_reason || ')', '')
             FROM void_candidates c JOIN invoice_states i USING (invoice_id)
             ORDER BY c.invoice_id",
        )
        .await
}

/// A person may not take back what is spent. The bank does, and then it is owed.
async fn spent(stage: &Stage) -> Result<(), DemoError> {
    chapter(8, "Calls are made; then a payment is to be removed, and the bank takes one back");
    expect(stage, "usage-calls", "applied").await?;
    line("Acme calls for 130.00: all of INV-1001's money and 30.00 of INV-1002's.");
    let refusal = Rejection::LotSpent;
    expect(stage, "remove-spent", &format!("rejected ({})", refusal.code())).await?;
    line(&format!("Remove the payment of INV-1001: refused ({}).", refusal.code()));
    line(refusal.sentence());
    expect(stage, "payment-returned", "applied").await?;
    line("The bank returns the payment of INV-1002, account closed (AC04):");
    stage
        .table(
            &["taken back", "was unspent", "clawed back", "invoice", "now", "due"],
            "SELECT to_char(r.amount / 1e6, 'FM999999999990.00'),
                    to_char(r.unspent / 1e6, 'FM999999999990.00'),
                    to_char(r.clawed_back / 1e6, 'FM999999999990.00'), i.invoice_id,
                    replace(i.status, '_', ' '),
                    to_char((i.amount - i.allocated) / 1e6, 'FM999999999990.00')
             FROM payment_returns r JOIN allocation_reversals v USING (return_id)
             JOIN allocations a USING (allocation_id) JOIN invoice_states i USING (invoice_id)
             GROUP BY r.return_id, i.invoice_id, i.status, i.amount, i.allocated",
        )
        .await?;
    line("What was spent is owed: the balance of Acme is below zero.");
    balances(stage).await
}

async fn ending(stage: &Stage) -> Result<(), DemoError> {
    chapter(9, "How it ends");
    balances(stage).await?;
    stage
        .table(
            &["outcome of records", "count"],
            "SELECT outcome, count(*)::text FROM (SELECT outcome FROM inbox UNION ALL
                 SELECT outcome FROM inbox_repeats) r GROUP BY outcome ORDER BY outcome",
        )
        .await?;
    stage
        .eventually("empty outbox", || async {
            const LEFT: &str = "SELECT (SELECT count(*) FROM outbox_next(NULL))
                 + (SELECT count(*) FROM outbox_held)
                 + (SELECT count(*) FROM letter_copies WHERE published_at IS NULL)";
            let left: i64 = sqlx::query_scalar(LEFT).fetch_one(&stage.pool).await?;
            Ok((left == 0).then_some(()))
        })
        .await?;
    let events = stage.value("SELECT sum(events)::text FROM outbox").await?;
    line(&format!("{events} events published, in order per customer."));
    let findings = crate::store::audit::run(&stage.pool).await?;
    for finding in &findings {
        line(&format!("{}: {} {}", finding.code, finding.subject, finding.detail));
    }
    let checks = crate::store::audit::INVARIANTS.len();
    line(&format!("{checks} invariants checked, {} findings.", findings.len()));
    if findings.is_empty() { Ok(()) } else { Err(story_error("the audit has findings")) }
}
