//! The state of a model and of a database as the same sorted lines of text.

use topup::domain::event::Fact;
use topup::domain::ids::RecordId;
use topup::domain::model::Model;
use topup::domain::money::Money;

use crate::harness::Database;

fn micros(money: Money) -> i64 {
    money.to_micros().expect("micros")
}

/// Sums of zero are left out on both sides: a key that was touched and one that was not are equal.
pub fn of_model(model: &Model) -> Vec<String> {
    let summary = model.summary();
    assert_eq!(summary.stopped, None, "the model never stops");
    let mut lines = Vec::new();
    for (id, invoice) in &summary.invoices {
        let (allocated, due) = (micros(invoice.allocated), micros(invoice.due));
        lines.push(format!("invoice {id} {} {allocated} {due}", invoice.status));
    }
    for (id, payment) in &summary.payments {
        let account = payment.account_id.as_ref().map_or("-", |id| id.as_str());
        let (state, reason) = (payment.state, payment.reason.unwrap_or("-"));
        let (allocated, amount) = (micros(payment.allocated), micros(payment.amount));
        let (returned, split) = (micros(payment.returned), micros(payment.split));
        let refunded = micros(model.set.payments_here()[id].refunded);
        lines.push(format!(
            "payment {id} {account} {state} {reason} {allocated} {returned} {refunded} {split} \
             {amount}"
        ));
    }
    for ((account, currency), sum) in &summary.balances {
        lines.push(format!("balance {account} {} {}", currency.code(), micros(*sum)));
    }
    for ((payment, invoice, _), allocation) in &summary.allocations {
        let (account, rule) = (&allocation.account_id, allocation.rule);
        let (amount, left) = (micros(allocation.amount), micros(allocation.lot_remaining));
        lines.push(format!("allocation {payment} {invoice} {account} {amount} {rule} {left}"));
    }
    for ((word, account, currency), sum) in &summary.ledger {
        let account = account.as_ref().map_or("-", |id| id.as_str());
        lines.push(format!("ledger {word} {account} {} {}", currency.code(), micros(*sum)));
    }
    for (key, count) in &summary.events {
        lines.push(format!("events {} {} {count}", key.kind(), key.as_str()));
    }
    for (account, records) in &summary.waiting {
        let ids: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
        lines.push(format!("waiting {account} {}", ids.join(",")));
    }
    lines.extend(of_money(model));
    lines.extend(of_review(model));
    let closed = model.set.accounts_here().values().filter(|account| account.closed);
    lines.extend(closed.map(|account| format!("closed {}", account.account_id)));
    let own = |record: &&RecordId| record.source.as_str() != "topup-jobs";
    for (record, (_, outcome)) in model.inbox.iter().filter(|entry| own(&entry.0)) {
        let word = outcome.word();
        let told = if word == "waiting" { None } else { outcome.code() };
        lines.push(format!("inbox {} {word} {}", record.id.as_str(), told.unwrap_or("-")));
    }
    for (key, stored) in model.set.bank_here() {
        let (account, word) = (&key.bank_account, stored.disposition.word());
        lines.push(format!("bank {account} {} {word}", key.key));
    }
    for advice in model.set.advices.here().values() {
        let (id, state) = (&advice.told.key.advice_id, advice.state.word());
        let used_by = advice.used_by.as_ref().map_or("-", |id| id.as_str());
        lines.push(format!("advice {id} {state} {used_by}"));
    }
    for (reference, invoice) in model.set.given_here() {
        lines.push(format!("reference {reference} {invoice}"));
    }
    for event in &model.set.events {
        if let Fact::BalanceThreshold { account_id, level, balance, direction, .. } = &event.fact {
            let (level, balance) = (micros(*level), micros(*balance));
            lines.push(format!("crossing {account_id} {level} {balance} {}", direction.word()));
        }
    }
    lines.retain(|line| !is_zero_sum(line));
    lines.sort();
    lines
}

/// Holds, charges, lots, and what was taken apart or waits to be.
fn of_money(model: &Model) -> Vec<String> {
    let mut lines = Vec::new();
    for hold in model.set.usage.holds_here().values() {
        let (account, id, state) = (&hold.account_id, &hold.hold_id, hold.state.word());
        let (amount, released) = (micros(hold.amount), micros(hold.released));
        lines.push(format!("hold {account} {id} {state} {amount} {released}"));
    }
    for charged in model.set.usage.charges_here().values() {
        let (account, id) = (&charged.charge.account_id, &charged.charge.usage_id);
        let (amount, uncovered) = (micros(charged.charge.amount), micros(charged.uncovered));
        let refunded = micros(charged.refunded);
        lines.push(format!("charge {account} {id} {amount} {uncovered} {refunded}"));
    }
    for link in model.set.allocations.values() {
        let lots = &model.set.usage;
        let lot = lots.lot(&link.account_id, link.amount.currency(), link.id).expect("its lot");
        let sums = [lot.amount, lot.remaining, lot.debt_cleared, lot.reversed, lot.clawed_back];
        let sums = sums.map(|sum| micros(sum).to_string()).join(" ");
        lines.push(format!("lot {} {} {sums}", link.payment_id, link.invoice_id));
    }
    for payment in model.set.payments_here().keys() {
        let taken_off = model.set.taken_off(payment).into_iter().flatten();
        lines.extend(taken_off.map(|invoice| format!("tombstone {payment} {invoice}")));
    }
    for key in model.set.parked_here().keys() {
        lines.push(format!("parked {}", key.key));
    }
    lines
}

/// Suggestions without their numbers, which are those of decisions; and what was learnt.
fn of_review(model: &Model) -> Vec<String> {
    let mut lines = Vec::new();
    for suggestion in model.set.suggestions_here().values().flatten() {
        let part = |(invoice, amount): &(_, Money)| format!("{invoice} {}", micros(*amount));
        let mut parts: Vec<String> = suggestion.parts.iter().map(part).collect();
        parts.sort();
        let (payment, account) = (&suggestion.payment_id, &suggestion.account_id);
        let (status, parts) = (suggestion.status.word(), parts.join(","));
        let with = |(id, amount): &(_, Money)| format!("{id} {}", micros(*amount));
        let mut with: Vec<String> = suggestion.with.iter().map(with).collect();
        with.sort();
        let with = with.join(",");
        lines.push(format!("suggestion {payment} {account} {status} {parts} with {with}"));
    }
    for (payer, known) in model.set.payers_here() {
        for (account, alias) in &known.learnt {
            let (count, last) = (alias.confirmations, alias.last_used_on);
            lines.push(format!("alias {payer} {account} {count} {last}"));
        }
    }
    lines
}

pub async fn of_database(database: &Database) -> Vec<String> {
    const QUERIES: [&str; 20] = [
        "SELECT concat_ws(' ', 'closed', account_id) FROM accounts
         WHERE closed_at IS NOT NULL",
        "SELECT concat_ws(' ', 'advice', advice_id, state, coalesce(used_by_payment, '-'))
         FROM remittance_advices",
        "SELECT concat_ws(' ', 'reference', reference, invoice_id) FROM invoice_references",
        "SELECT concat_ws(' ', 'crossing', d ->> 'account_id',
           ((d ->> 'level')::numeric * 1000000)::bigint,
           ((d ->> 'balance')::numeric * 1000000)::bigint, d ->> 'direction')
         FROM (SELECT (e::jsonb) -> 'data' AS d, e::jsonb ->> 'type' AS kind FROM told.outbox,
                 unnest(string_to_array(payload, E'\\n')) AS e) told
         WHERE kind = 'topup.balance.threshold.v1'",
        "SELECT concat_ws(' ', 'invoice', invoice_id, status, allocated, amount - allocated)
         FROM invoice_states",
        "SELECT concat_ws(' ', 'payment', payment_id, coalesce(account_id, '-'), state,
           coalesce(reason, '-'), allocated, returned, refunded, split, amount) FROM payments",
        "SELECT concat_ws(' ', 'balance', account_id, currency, amount) FROM balances",
        "SELECT concat_ws(' ', 'allocation', payment_id, invoice_id, a.account_id,
           a.amount - a.reversed, rule, l.remaining) FROM allocations a
         JOIN lots l ON lot_id = allocation_id WHERE reversed_at IS NULL",
        "SELECT concat_ws(' ', 'ledger', ledger_account, coalesce(account_id, '-'), currency,
           sum(amount)) FROM ledger_entries GROUP BY ledger_account, account_id, currency",
        "SELECT concat_ws(' ', 'events', key_kind, record_key, sum(events)) FROM outbox
         GROUP BY key_kind, record_key",
        "SELECT concat_ws(' ', 'hold', account_id, hold_id, state, amount, released) FROM holds",
        "SELECT concat_ws(' ', 'charge', account_id, usage_id, amount, uncovered,
           coalesce((SELECT sum(r.amount) FROM usage_refunds r
             WHERE (r.account_id, r.usage_id) = (c.account_id, c.usage_id)), 0))
         FROM usage_charges c",
        "SELECT concat_ws(' ', 'lot', payment_id, invoice_id, l.amount, l.remaining, l.debt_cleared,
           l.reversed, l.clawed_back) FROM allocations JOIN lots l ON lot_id = allocation_id",
        "SELECT concat_ws(' ', 'tombstone', payment_id, invoice_id) FROM tombstones",
        "SELECT concat_ws(' ', 'parked', bank_key) FROM parked_returns",
        "SELECT concat_ws(' ', 'bank', bank_account, bank_key, disposition)
         FROM bank_transactions",
        "SELECT concat_ws(' ', 'suggestion', s.payment_id, s.account_id, s.status, string_agg(
           i.invoice_id || ' ' || i.amount, ',' ORDER BY i.invoice_id || ' ' || i.amount))
           || ' with ' || coalesce((SELECT string_agg(w.payment_id || ' ' || w.amount, ',' ORDER BY
             w.payment_id || ' ' || w.amount) FROM suggestion_payments w
             WHERE w.suggestion_id = s.suggestion_id), '')
         FROM suggestions s JOIN suggestion_invoices i USING (suggestion_id)
         GROUP BY s.suggestion_id",
        "SELECT concat_ws(' ', 'alias', payer_account, account_id, confirmations, last_used_on)
         FROM payer_aliases",
        "SELECT concat_ws(' ', 'waiting', wait_key, string_agg(message_id, ',' ORDER BY
           waiting_id)) FROM waiting_commands GROUP BY wait_key",
        "SELECT concat_ws(' ', 'inbox', message_id, outcome, CASE WHEN outcome = 'waiting' THEN '-'
           ELSE coalesce(code, '-') END) FROM inbox
         WHERE source NOT IN ('topup-returns', 'topup-jobs')",
    ];
    let mut lines = Vec::new();
    for query in QUERIES {
        lines.extend(database.lines(query).await);
    }
    lines.retain(|line| !is_zero_sum(line));
    lines.sort();
    lines
}

fn is_zero_sum(line: &str) -> bool {
    let sum = line.starts_with("balance ") || line.starts_with("ledger ");
    sum && line.ends_with(" 0")
}
