-- name: insert_money_records
-- A payment and what the bank told of it are one row.
INSERT INTO money_records (payment_id, account_id, currency, amount, allocated, returned, refunded,
    split, state, reason, origin, received_on, method, reference, remark, event_sequence, question,
    first_decision_id, first_rule_set_version, first_policy_version, first_form, first_rule,
    first_outcome, first_reason, first_explanation, first_caused_by_source, first_caused_by_id,
    bank_account, bank_key, content_hash, status, disposition, credit_debit, reversal, announced,
    charges, booking_date, value_date, bank_transaction_id, statement_id, entry_reference,
    end_to_end_id, debtor_name, debtor_account, virtual_account, creditor_reference, unstructured,
    instructed_currency, instructed_amount, detail_index, entry_amount, entry_details, return_of,
    recorded_at)
SELECT n.payment_id, n.account_id, n.currency, n.amount, n.allocated, n.returned, n.refunded,
    n.split, n.state, n.reason, n.origin, n.received_on, n.method, n.reference, n.remark,
    n.event_sequence, n.question, n.first_decision_id, n.first_rule_set_version,
    n.first_policy_version, n.first_form, n.first_rule, n.first_outcome, n.first_reason,
    n.first_explanation, n.first_caused_by_source, n.first_caused_by_id, n.bank_account,
    n.bank_key, n.content_hash, n.status, n.disposition, n.credit_debit, n.reversal, n.announced,
    n.charges, n.booking_date, n.value_date, n.bank_transaction_id, n.statement_id,
    n.entry_reference, n.end_to_end_id, n.debtor_name, n.debtor_account, n.virtual_account,
    n.creditor_reference, n.unstructured, n.instructed_currency, n.instructed_amount,
    n.detail_index, n.entry_amount, n.entry_details, n.return_of::jsonb, $54
FROM (SELECT unnest($1::text[]) AS payment_id, unnest($2::text[]) AS account_id,
    unnest($3::text[]) AS currency, unnest($4::bigint[]) AS amount,
    unnest($5::bigint[]) AS allocated, unnest($6::bigint[]) AS returned,
    unnest($7::bigint[]) AS refunded, unnest($8::bigint[]) AS split, unnest($9::text[]) AS state,
    unnest($10::text[]) AS reason, unnest($11::text[]) AS origin,
    unnest($12::date[]) AS received_on, unnest($13::text[]) AS method,
    unnest($14::text[]) AS reference, unnest($15::text[]) AS remark,
    unnest($16::bigint[]) AS event_sequence, unnest($17::text[]) AS question,
    unnest($18::bigint[]) AS first_decision_id, unnest($19::integer[]) AS first_rule_set_version,
    unnest($20::integer[]) AS first_policy_version, unnest($21::smallint[]) AS first_form,
    unnest($22::text[]) AS first_rule, unnest($23::text[]) AS first_outcome,
    unnest($24::text[]) AS first_reason, unnest($25::bytea[]) AS first_explanation,
    unnest($26::text[]) AS first_caused_by_source, unnest($27::text[]) AS first_caused_by_id,
    unnest($28::text[]) AS bank_account, unnest($29::text[]) AS bank_key,
    unnest($30::bytea[]) AS content_hash, unnest($31::text[]) AS status,
    unnest($32::text[]) AS disposition, unnest($33::text[]) AS credit_debit,
    unnest($34::boolean[]) AS reversal, unnest($35::boolean[]) AS announced,
    unnest($36::bigint[]) AS charges, unnest($37::date[]) AS booking_date,
    unnest($38::date[]) AS value_date, unnest($39::text[]) AS bank_transaction_id,
    unnest($40::text[]) AS statement_id, unnest($41::text[]) AS entry_reference,
    unnest($42::text[]) AS end_to_end_id, unnest($43::text[]) AS debtor_name,
    unnest($44::text[]) AS debtor_account, unnest($45::text[]) AS virtual_account,
    unnest($46::text[]) AS creditor_reference, unnest($47::text[]) AS unstructured,
    unnest($48::text[]) AS instructed_currency, unnest($49::bigint[]) AS instructed_amount,
    unnest($50::integer[]) AS detail_index, unnest($51::bigint[]) AS entry_amount,
    unnest($52::integer[]) AS entry_details, unnest($53::text[]) AS return_of) AS n

-- name: update_money_records
-- What the bank told before and tells anew, in place: what was pending is booked, and becomes the
-- payment that it announced.
UPDATE records_without_payment b SET payment_id = n.payment_id, account_id = n.account_id,
    currency = n.currency, amount = n.amount, allocated = n.allocated, returned = n.returned,
    refunded = n.refunded, split = n.split, state = n.state, reason = n.reason, origin = n.origin,
    received_on = n.received_on, method = n.method, reference = n.reference, remark = n.remark,
    event_sequence = n.event_sequence, question = n.question,
    first_decision_id = n.first_decision_id, first_rule_set_version = n.first_rule_set_version,
    first_policy_version = n.first_policy_version, first_form = n.first_form,
    first_rule = n.first_rule, first_outcome = n.first_outcome, first_reason = n.first_reason,
    first_explanation = n.first_explanation, first_caused_by_source = n.first_caused_by_source,
    first_caused_by_id = n.first_caused_by_id, content_hash = n.content_hash, status = n.status,
    disposition = n.disposition, credit_debit = n.credit_debit, reversal = n.reversal,
    charges = n.charges, booking_date = n.booking_date, value_date = n.value_date,
    statement_id = n.statement_id, entry_reference = n.entry_reference,
    end_to_end_id = n.end_to_end_id, debtor_name = n.debtor_name,
    debtor_account = n.debtor_account, virtual_account = n.virtual_account,
    creditor_reference = n.creditor_reference, unstructured = n.unstructured,
    instructed_currency = n.instructed_currency, instructed_amount = n.instructed_amount,
    detail_index = n.detail_index, entry_amount = n.entry_amount, entry_details = n.entry_details,
    return_of = n.return_of::jsonb, superseded_by = NULL,
    announced = b.announced OR b.status = 'PDNG',
    recorded_at = CASE WHEN n.payment_id IS NULL THEN b.recorded_at ELSE $54 END,
    told_at = CASE WHEN n.payment_id IS NOT NULL THEN nullif(b.recorded_at, $54) END
FROM (SELECT unnest($1::text[]) AS payment_id, unnest($2::text[]) AS account_id,
    unnest($3::text[]) AS currency, unnest($4::bigint[]) AS amount,
    unnest($5::bigint[]) AS allocated, unnest($6::bigint[]) AS returned,
    unnest($7::bigint[]) AS refunded, unnest($8::bigint[]) AS split, unnest($9::text[]) AS state,
    unnest($10::text[]) AS reason, unnest($11::text[]) AS origin,
    unnest($12::date[]) AS received_on, unnest($13::text[]) AS method,
    unnest($14::text[]) AS reference, unnest($15::text[]) AS remark,
    unnest($16::bigint[]) AS event_sequence, unnest($17::text[]) AS question,
    unnest($18::bigint[]) AS first_decision_id, unnest($19::integer[]) AS first_rule_set_version,
    unnest($20::integer[]) AS first_policy_version, unnest($21::smallint[]) AS first_form,
    unnest($22::text[]) AS first_rule, unnest($23::text[]) AS first_outcome,
    unnest($24::text[]) AS first_reason, unnest($25::bytea[]) AS first_explanation,
    unnest($26::text[]) AS first_caused_by_source, unnest($27::text[]) AS first_caused_by_id,
    unnest($28::text[]) AS bank_account, unnest($29::text[]) AS bank_key,
    unnest($30::bytea[]) AS content_hash, unnest($31::text[]) AS status,
    unnest($32::text[]) AS disposition, unnest($33::text[]) AS credit_debit,
    unnest($34::boolean[]) AS reversal, unnest($35::boolean[]) AS announced,
    unnest($36::bigint[]) AS charges, unnest($37::date[]) AS booking_date,
    unnest($38::date[]) AS value_date, unnest($39::text[]) AS bank_transaction_id,
    unnest($40::text[]) AS statement_id, unnest($41::text[]) AS entry_reference,
    unnest($42::text[]) AS end_to_end_id, unnest($43::text[]) AS debtor_name,
    unnest($44::text[]) AS debtor_account, unnest($45::text[]) AS virtual_account,
    unnest($46::text[]) AS creditor_reference, unnest($47::text[]) AS unstructured,
    unnest($48::text[]) AS instructed_currency, unnest($49::bigint[]) AS instructed_amount,
    unnest($50::integer[]) AS detail_index, unnest($51::bigint[]) AS entry_amount,
    unnest($52::integer[]) AS entry_details, unnest($53::text[]) AS return_of) AS n
WHERE b.bank_account = n.bank_account AND b.bank_key = n.bank_key
-- A parked return is applied in place; a booking of nothing gives its place to money.
  AND b.disposition IN ('not_booked', 'superseded', 'return_parked', 'no_money')

-- name: lock_payments
SELECT payment_id, account_id, currency, amount, allocated, coalesce(returned, 0) AS returned,
       coalesce(refunded, 0) AS refunded, coalesce(split, 0) AS split, state, reason, question,
       origin, received_on, method, reference, remark,
       coalesce(event_sequence, 0) AS event_sequence, recorded_at
FROM money_records WHERE payment_id = ANY($1::text[])
ORDER BY payment_id FOR NO KEY UPDATE

-- name: update_payments
UPDATE money_records p SET allocated = n.now, account_id = n.account_id, state = n.state,
       reason = n.reason, event_sequence = nullif(n.event_sequence, 0),
       returned = nullif(n.returned, 0), split = nullif(n.split, 0),
       refunded = nullif(n.refunded, 0), question = n.question
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[],
            $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
            $13::text[])
     AS n(payment_id, was, now, account_id, state, reason, event_sequence, was_returned, returned,
          was_split, split, refunded, question)
WHERE p.payment_id = n.payment_id AND p.allocated = n.was
  AND coalesce(p.returned, 0) = n.was_returned AND coalesce(p.split, 0) = n.was_split

-- name: load_payment_owners
-- Index: money_records_payment.
SELECT payment_id, account_id FROM payments WHERE payment_id = ANY($1::text[])

-- name: load_taken_ids
-- Index: money_records_payment.
SELECT payment_id FROM payments WHERE payment_id = ANY($1::text[])

-- name: load_held
-- Payments that wait for a customer, those with the least left first, up to a limit; not what may
-- be another's money or none, nor what a person took off an invoice. Index: open_payments_amount.
SELECT asked.account_id, asked.currency, o.payment_id, o.free
FROM unnest($1::text[], $2::text[]) AS asked(account_id, currency)
CROSS JOIN LATERAL (
    SELECT payment_id, free FROM open_payments o
    WHERE o.account_id = asked.account_id AND o.currency = asked.currency
    ORDER BY o.free, o.payment_id LIMIT $3) o
JOIN payments p ON p.payment_id = o.payment_id
WHERE p.question IS NULL
  AND coalesce(p.reason, '') NOT IN ('identity_conflict', 'several_accounts', 'internal_transfer',
      'account_closed', 'undecided')
  AND NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.payment_id = o.payment_id)

-- name: insert_allocations
-- With the lots that they open.
INSERT INTO allocations (allocation_id, payment_id, invoice_id, account_id, currency, amount,
                         rule, ledger_transaction_id, restores, remaining, debt_cleared, reversed,
                         clawed_back, allocated_at, reversed_at)
SELECT n.allocation_id, n.payment_id, n.invoice_id, n.account_id, n.currency, n.amount, n.rule,
       n.ledger_transaction_id, n.restores, n.remaining, nullif(n.debt_cleared, 0), n.reversed,
       nullif(n.clawed_back, 0), $14, CASE WHEN n.reversed = n.amount THEN $14::timestamptz END
  FROM (SELECT unnest($1::bigint[]) AS allocation_id,
    unnest($2::text[]) AS payment_id, unnest($3::text[]) AS invoice_id,
    unnest($4::text[]) AS account_id, unnest($5::text[]) AS currency,
    unnest($6::bigint[]) AS amount, unnest($7::text[]) AS rule,
    unnest($8::bigint[]) AS ledger_transaction_id, unnest($9::bigint[]) AS restores,
    unnest($10::bigint[]) AS remaining, unnest($11::bigint[]) AS debt_cleared,
    unnest($12::bigint[]) AS reversed, unnest($13::bigint[]) AS clawed_back) AS n

-- name: load_allocations
-- The index of live pairs leaves out what an undone return opened again: that is found by it.
SELECT allocation_id, payment_id, invoice_id, account_id, currency, amount, reversed, rule,
       ledger_transaction_id, restores
  FROM allocations
 WHERE payment_id = ANY($1::text[]) AND reversed_at IS NULL AND restores IS NULL
 UNION ALL
SELECT allocation_id, payment_id, invoice_id, account_id, currency, amount, reversed, rule,
       ledger_transaction_id, restores
  FROM allocations
 WHERE restores IN (SELECT return_id FROM payment_returns WHERE payment_id = ANY($1::text[]))
   AND payment_id = ANY($1::text[]) AND reversed_at IS NULL

-- name: load_live_pairs
-- The index of live pairs leaves out what an undone return opened again: that is found by it.
SELECT payment_id, invoice_id
  FROM allocations
 WHERE payment_id = ANY($1::text[]) AND reversed_at IS NULL AND restores IS NULL
 UNION ALL
SELECT payment_id, invoice_id
  FROM allocations
 WHERE restores IN (SELECT return_id FROM payment_returns WHERE payment_id = ANY($1::text[]))
   AND payment_id = ANY($1::text[]) AND reversed_at IS NULL

-- name: insert_watches
INSERT INTO watches (watch_key, payment_id) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT DO NOTHING

-- name: load_watched
SELECT w.watch_key, b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition,
       b.payment_id, b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date,
       b.value_date, b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id,
       b.debtor_name, b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured,
       b.return_of, b.instructed_currency, b.instructed_amount, b.detail_index,
       b.entry_amount, b.entry_details
-- A bounded number for each invoice: those that name it, those whose money is exactly its amount
-- (one more for each further invoice of that amount), and some of the others that are held for its
-- customer.
FROM (SELECT w.watch_key, w.payment_id
        FROM unnest($1::text[]) AS named(watch_key)
       CROSS JOIN LATERAL (SELECT n.watch_key, n.payment_id FROM watches n
              WHERE n.watch_key = named.watch_key ORDER BY n.payment_id LIMIT $6) w
      UNION
      SELECT w.watch_key, w.payment_id
        FROM (SELECT DISTINCT watch_key FROM unnest($2::text[]) AS u(watch_key) OFFSET 0) held
       CROSS JOIN LATERAL (SELECT n.watch_key, n.payment_id FROM watches n
              WHERE n.watch_key = held.watch_key ORDER BY n.payment_id LIMIT $7) w
      UNION
      SELECT w.watch_key, w.payment_id
        FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $8::bigint[])
               AS sent(watch_key, account_id, currency, due, most)
       CROSS JOIN LATERAL (SELECT p.payment_id FROM open_payments p
              WHERE p.account_id = sent.account_id AND p.currency = sent.currency
                AND p.free = sent.due
              ORDER BY p.payment_id LIMIT sent.most) p
        JOIN watches w ON w.watch_key = sent.watch_key AND w.payment_id = p.payment_id) w
JOIN bank_transactions b ON b.payment_id = w.payment_id

-- name: delete_watches
DELETE FROM watches WHERE payment_id = ANY($1::text[])

-- name: insert_decisions
-- Those that are not in the rows of their payments. Under the locks of the payments, so that of one
-- payment the later place is the later decision, whichever batch began first.
INSERT INTO further_decisions (decision_id, payment_id, rule, rule_set_version, outcome, reason,
    form, explanation, caused_by_source, caused_by_id, decided_at, policy_version, place)
SELECT n.decision_id, n.payment_id, n.rule, $4, n.outcome, n.reason, n.form, n.explanation,
       n.source, n.id, n.decided_at, n.policy_version, (SELECT nextval('decision_places'))
FROM (SELECT unnest($1::bigint[]) AS decision_id, unnest($2::text[]) AS payment_id,
    unnest($3::text[]) AS rule, unnest($5::text[]) AS outcome, unnest($6::text[]) AS reason,
    unnest($7::smallint[]) AS form, unnest($8::bytea[]) AS explanation,
    unnest($9::text[]) AS source, unnest($10::text[]) AS id,
    unnest($11::timestamptz[]) AS decided_at, unnest($12::integer[]) AS policy_version) AS n

-- name: insert_splits
-- Parts, and those of them or of earlier ones that went back: what a payment gave is what both say,
-- so both are written by one statement.
WITH made AS (
    INSERT INTO payment_splits (part_id, payment_id, part, account_id, currency, amount, reason,
        ledger_transaction_id, split_at)
    SELECT n.*, $14 FROM (SELECT unnest($1::text[]), unnest($2::text[]), unnest($3::integer[]),
        unnest($4::text[]), unnest($5::text[]), unnest($6::bigint[]), unnest($7::text[]),
        unnest($8::bigint[])) AS n
)
INSERT INTO split_undos (part_id, amount, return_id, reason, ledger_transaction_id, undone_at)
SELECT n.*, $14 FROM (SELECT unnest($9::text[]), unnest($10::bigint[]), unnest($11::bigint[]),
    unnest($12::text[]), unnest($13::bigint[])) AS n

-- name: load_parts
-- All parts that payments ever had, in the order of their numbers, and whose they are.
SELECT s.payment_id, s.part_id, s.account_id
  FROM payment_splits s WHERE s.payment_id = ANY($1::text[])
 ORDER BY s.payment_id, s.part

-- name: past_payments
-- The bank payments of a time in the order in which they were recorded, page by page through a
-- cursor: one pass over the table, whatever its size, and a page of it in memory.
DECLARE past_payments NO SCROLL CURSOR FOR
SELECT b.account_id AS owner, b.amount - gone_of(b.returned, b.refunded, b.split) AS free,
       b.recorded_at,
       d.rule AS decided_rule, d.outcome AS decided_outcome, d.reason AS decided_reason,
       b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition,
       b.payment_id, b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date,
       b.value_date, b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id,
       b.debtor_name, b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured,
       b.return_of, b.instructed_currency, b.instructed_amount, b.detail_index,
       b.entry_amount, b.entry_details
  FROM money_records b
  LEFT JOIN LATERAL (SELECT rule, outcome, reason FROM decisions d
                      WHERE d.payment_id = b.payment_id
                      ORDER BY place DESC NULLS LAST, decision_id DESC LIMIT 1) d ON true
 WHERE b.origin = 'bank' AND b.recorded_at >= $1::timestamptz AND b.recorded_at < $2::timestamptz
   AND ($3::text IS NULL OR b.account_id = $3)
   AND b.state NOT IN ('returned', 'removed', 'ignored', 'split')
   AND b.amount > gone_of(b.returned, b.refunded, b.split)
   -- What only a person decides, whatever the rules are.
   AND b.question IS NULL
 ORDER BY b.recorded_at, b.payment_id

-- name: past_payments_next
FETCH FORWARD 200 FROM past_payments

-- name: past_allocations
-- The index of live pairs leaves out what an undone return opened again: that is found by it.
SELECT payment_id, invoice_id, currency, amount - reversed AS amount
  FROM allocations
 WHERE payment_id = ANY($1::text[]) AND reversed_at IS NULL AND restores IS NULL
 UNION ALL
SELECT payment_id, invoice_id, currency, amount - reversed AS amount
  FROM allocations
 WHERE restores IN (SELECT return_id FROM payment_returns WHERE payment_id = ANY($1::text[]))
   AND payment_id = ANY($1::text[]) AND reversed_at IS NULL
 ORDER BY payment_id, invoice_id
