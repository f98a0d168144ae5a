-- name: lock_bank_facts
-- Two batches that bring money in two ways to one bank account must see each other: one of them
-- brings it without an id, or announces it, or advises of it, or takes some back. Those take their
-- bank accounts ($1) alone, whoever books money shares them ($2); 128 slots at the most, in the
-- order of the slot. Under the locks: whether an advice waits for what is booked, and whether money
-- without an id came there from $3 to $4.
WITH locked AS MATERIALIZED (
    SELECT count(CASE WHEN wanted.exclusive THEN pg_advisory_xact_lock(wanted.slot)::text
                      ELSE pg_advisory_xact_lock_shared(wanted.slot)::text END) AS locks
    FROM (SELECT slot, bool_or(exclusive) AS exclusive
          FROM (SELECT (hashtextextended(account, 0) & 127) + 7210553 AS slot, true AS exclusive
                  FROM unnest($1::text[]) AS account
                UNION ALL
                SELECT (hashtextextended(account, 0) & 127) + 7210553, false
                  FROM unnest($2::text[]) AS account) h
          GROUP BY slot ORDER BY slot OFFSET 0) wanted
)
SELECT advices_wait($2::text[]) AS advices,
       came_without_id($2::text[], $3::date, $4::date) AS nameless FROM locked

-- name: load_bank_keys
-- Which of these keys are recorded. On the way it takes the shared locks of lock_bank_facts for
-- $3: they wait only for a batch that announces money of these bank accounts, or advises of some;
-- and it tells whether an advice waits for them, and whether money without a bank id came to them
-- from $4 to $5. One row is empty where nothing is recorded.
WITH locked AS MATERIALIZED (
    SELECT count(pg_advisory_xact_lock_shared(slot)::text) AS locks
      FROM (SELECT DISTINCT (hashtextextended(account, 0) & 127) + 7210553 AS slot
              FROM unnest($3::text[]) AS account ORDER BY slot OFFSET 0) h
), seen AS MATERIALIZED (
    SELECT advices_wait($3::text[]) AS advices,
           came_without_id($3::text[], $4::date, $5::date) AS nameless FROM locked
)
SELECT found.bank_account, found.bank_key, found.content_hash, found.disposition,
       found.payment_id, found.currency, found.amount, found.credit_debit, found.reversal,
       found.booking_date, found.value_date, found.debtor_account, found.end_to_end_id,
       found.returns, found.statement_id, found.entry_reference, found.virtual_account,
       found.debtor_name, found.creditor_reference, found.unstructured, seen.advices, seen.nameless
FROM seen LEFT JOIN (
    SELECT b.bank_account, b.bank_key, b.content_hash, b.disposition, b.payment_id, b.currency,
           b.amount, b.credit_debit, b.reversal, b.booking_date, b.value_date, b.debtor_account,
           b.end_to_end_id, b.return_of ->> 0 AS returns, b.statement_id, b.entry_reference,
           b.virtual_account, b.debtor_name, b.creditor_reference, b.unstructured
      FROM bank_transactions b
      JOIN unnest($1::text[], $2::text[]) AS asked(bank_account, bank_key)
        ON b.bank_account = asked.bank_account AND b.bank_key = asked.bank_key) found ON true

-- name: load_last_equal
-- The last of the equal records without any id. Index: bank_transactions_equal.
SELECT b.bank_account, b.bank_key, b.content_hash, b.disposition, b.payment_id, b.currency,
       b.amount, b.credit_debit, b.reversal, b.booking_date, b.value_date, b.debtor_account,
       b.end_to_end_id, b.return_of ->> 0 AS returns, b.statement_id, b.entry_reference,
       b.virtual_account, b.debtor_name, b.creditor_reference, b.unstructured
FROM unnest($1::text[], $2::text[]) AS asked(bank_account, print)
CROSS JOIN LATERAL (
    SELECT t.* FROM bank_transactions t
     WHERE t.bank_account = asked.bank_account AND left(t.bank_key, 71) = asked.print
       AND t.bank_key LIKE 'print:%'
     ORDER BY length(t.bank_key) DESC, t.bank_key DESC LIMIT 1) b

-- name: load_pending
-- What only announced money that this batch books under another id. Where nothing is pending,
-- nothing is looked up. Indexes: bank_transactions_pending_payer, bank_transactions_pending_order.
SELECT b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition, b.payment_id,
       b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date, b.value_date,
       b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id, b.debtor_name,
       b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured, b.return_of,
       b.instructed_currency, b.instructed_amount, b.detail_index, b.entry_amount, b.entry_details
FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])
        AS one (bank_account, currency, amount, payer, end_to_end_id)) asked
CROSS JOIN LATERAL (
    (SELECT p.* FROM bank_transactions p
      WHERE p.status = 'PDNG' AND p.disposition = 'not_booked'
        AND p.bank_account = asked.bank_account AND p.currency = asked.currency
        AND p.amount = asked.amount AND payer_key(p.debtor_account) = asked.payer
      ORDER BY p.bank_key LIMIT $6)
    UNION ALL
    (SELECT p.* FROM bank_transactions p
      WHERE p.status = 'PDNG' AND p.disposition = 'not_booked'
        AND p.bank_account = asked.bank_account AND p.currency = asked.currency
        AND p.amount = asked.amount AND p.end_to_end_id = asked.end_to_end_id
      ORDER BY p.bank_key LIMIT $6)) b
WHERE EXISTS (SELECT 1 FROM bank_transactions any_one
               WHERE any_one.status = 'PDNG' AND any_one.disposition = 'not_booked')

-- name: load_announced_late
-- What was booked already of what this batch announces, and no other record announced. It is
-- booked on the day that is announced or in the week after. Index: bank_transactions_days.
SELECT DISTINCT b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition, b.payment_id,
       b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date, b.value_date,
       b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id, b.debtor_name,
       b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured, b.return_of,
       b.instructed_currency, b.instructed_amount, b.detail_index, b.entry_amount, b.entry_details
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::date[])
       AS asked (bank_account, currency, amount, payer, end_to_end_id, announced_for)
JOIN bank_transactions b ON b.bank_account = asked.bank_account AND b.currency = asked.currency
 AND b.amount = asked.amount
WHERE b.status = 'BOOK' AND NOT b.announced
  AND b.booking_date BETWEEN $7 AND $8
  AND b.booking_date BETWEEN asked.announced_for AND asked.announced_for + 7
  AND (payer_key(b.debtor_account) = asked.payer OR b.end_to_end_id = asked.end_to_end_id)
  AND NOT EXISTS (SELECT 1 FROM bank_transactions s
                   WHERE s.bank_account = b.bank_account AND s.superseded_by = b.bank_key)

-- name: load_lookalikes
-- Payments of the same bank account, day and amount that the bank gave no id: of the same
-- payer the first that came, which tell most; of nobody; and for a record of nobody all. A payer is
-- looked for by the last eight characters, which all forms of an account number share.
-- Indexes: payments_without_bank_id_same, money_records_payment.
WITH asked AS MATERIALIZED (
    SELECT DISTINCT bank_account, booking_date, currency, amount, right(payer, 8) AS tail
      FROM unnest($1::text[], $2::date[], $3::text[], $4::bigint[], $5::text[])
        AS a (bank_account, booking_date, currency, amount, payer)
), days AS MATERIALIZED (
    SELECT bank_account, booking_date, currency, amount, bool_or(tail IS NULL) AS of_nobody
      FROM asked GROUP BY 1, 2, 3, 4
)
SELECT b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition, b.payment_id,
       b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date, b.value_date,
       b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id, b.debtor_name,
       b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured, b.return_of,
       b.instructed_currency, b.instructed_amount, b.detail_index, b.entry_amount, b.entry_details,
       d.source, d.delivered_at,
       -- It may be one that has an id, and nobody has said that it is money of its own.
       b.state IN ('parked', 'removed') AND EXISTS (
           SELECT 1 FROM bank_transactions e
            WHERE e.payment_id = d.looks_like AND e.bank_transaction_id IS NOT NULL) AS in_doubt
FROM (
    SELECT w.* FROM asked
    CROSS JOIN LATERAL (
        SELECT payment_id, source, delivered_at, looks_like FROM payments_without_bank_id s
        WHERE s.bank_account = asked.bank_account AND s.booking_date = asked.booking_date
          AND s.currency = asked.currency AND s.amount = asked.amount
          AND right(s.payer, 8) = asked.tail
        ORDER BY s.delivered_at LIMIT $6) w
    UNION ALL
    SELECT w.* FROM days
    CROSS JOIN LATERAL (
        SELECT payment_id, source, delivered_at, looks_like FROM payments_without_bank_id s
        WHERE s.bank_account = days.bank_account AND s.booking_date = days.booking_date
          AND s.currency = days.currency AND s.amount = days.amount
          AND right(s.payer, 8) IS NULL
        ORDER BY s.delivered_at LIMIT $7) w
    UNION ALL
    SELECT w.* FROM days
    CROSS JOIN LATERAL (
        SELECT payment_id, source, delivered_at, looks_like FROM payments_without_bank_id s
        WHERE s.bank_account = days.bank_account AND s.booking_date = days.booking_date
          AND s.currency = days.currency AND s.amount = days.amount
          AND right(s.payer, 8) IS NOT NULL AND days.of_nobody
        ORDER BY s.delivered_at LIMIT $7) w) d
JOIN money_records b ON b.payment_id = d.payment_id
ORDER BY b.bank_key

-- name: load_lookalikes_with_id
-- Payments of the same bank account, day, currency and amount that the bank gave an id, at most $6
-- of each, those first whose payers end as those that are asked for do. Nothing is looked for on
-- bank accounts that have none. Indexes: payments_amount, bank_transactions_other_day,
-- money_records_bank_key.
WITH days AS MATERIALIZED (
    SELECT bank_account, booking_date, currency, amount,
           array_agg(DISTINCT right(payer, 8)) AS tails
      FROM unnest($1::text[], $2::date[], $3::text[], $4::bigint[], $5::text[])
        AS a (bank_account, booking_date, currency, amount, payer)
     GROUP BY 1, 2, 3, 4
)
SELECT b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition, b.payment_id,
       b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date, b.value_date,
       b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id, b.debtor_name,
       b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured, b.return_of,
       b.instructed_currency, b.instructed_amount, b.detail_index, b.entry_amount, b.entry_details
FROM days
CROSS JOIN LATERAL (
    SELECT t.* FROM (
        SELECT t.* FROM money_records t
         WHERE t.amount = days.amount AND t.received_on = days.booking_date
           AND t.origin IS NOT NULL
        UNION ALL
        SELECT t.* FROM money_records t
         WHERE t.bank_account = days.bank_account AND t.booking_date = days.booking_date
           AND t.amount = days.amount AND t.disposition = 'payment'
           AND t.bank_transaction_id IS NOT NULL AND t.value_date <> t.booking_date) t
     WHERE t.bank_account = days.bank_account AND t.booking_date = days.booking_date
       AND t.currency = days.currency AND t.amount = days.amount
       AND t.bank_transaction_id IS NOT NULL
     ORDER BY coalesce(right(payer_key(t.debtor_account), 8) = ANY(days.tails), false) DESC,
              t.bank_key
     LIMIT $6) b
WHERE EXISTS (SELECT 1 FROM money_records k WHERE k.bank_account = days.bank_account
                 AND k.bank_key >= 'id:' AND k.bank_key < 'id;')
   OR EXISTS (SELECT 1 FROM money_records k WHERE k.bank_account = days.bank_account
                 AND k.bank_key >= 'detail:' AND k.bank_key < 'detail;')
ORDER BY b.bank_key

-- name: load_told_steps
-- What the bank took back or gave back again on the same bank account and day, of the same amount,
-- at most $6 of each; where only records with an id are asked for, those without. Indexes:
-- bank_transactions_nameless_back, bank_transactions_steps_back.
SELECT b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition, b.payment_id,
       b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date, b.value_date,
       b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id, b.debtor_name,
       b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured, b.return_of,
       b.instructed_currency, b.instructed_amount, b.detail_index, b.entry_amount, b.entry_details
FROM unnest($1::text[], $2::date[], $3::text[], $4::bigint[], $5::boolean[])
       AS asked (bank_account, booking_date, currency, amount, without_id)
CROSS JOIN LATERAL (
    SELECT t.* FROM (
        SELECT n.* FROM bank_transactions n
         WHERE n.bank_account = asked.bank_account AND n.booking_date = asked.booking_date
           AND n.currency = asked.currency AND n.amount = asked.amount
           AND n.bank_transaction_id IS NULL
           AND n.disposition IN ('return_parked', 'returned', 'return_undone', 'return_ended',
                                 'refund_bounced')
        UNION ALL
        SELECT n.* FROM bank_transactions n
         WHERE asked.without_id
           AND n.bank_account = asked.bank_account AND n.booking_date = asked.booking_date
           AND n.currency = asked.currency AND n.amount = asked.amount
           AND n.bank_transaction_id IS NOT NULL
           AND n.disposition IN ('return_parked', 'returned', 'return_undone', 'return_ended',
                                 'refund_bounced')) t LIMIT $6) b

-- name: load_told_twice
-- The payments that may be the same transfer as these, told before or again: at most $2 of each.
-- Indexes: money_records_payment, told_again_pkey, told_again_earlier.
SELECT n.payment_id, t.payment_id AS other, t.account_id
  FROM unnest($1::text[]) AS n(payment_id)
  JOIN money_records b ON b.payment_id = n.payment_id
  CROSS JOIN LATERAL (
    SELECT a.earlier_key AS bank_key FROM told_again a
     WHERE a.bank_account = b.bank_account AND a.bank_key = b.bank_key
    UNION ALL
    (SELECT a.bank_key FROM told_again a
      WHERE a.bank_account = b.bank_account AND a.earlier_key = b.bank_key LIMIT $2)) k
  JOIN money_records t ON t.bank_account = b.bank_account AND t.bank_key = k.bank_key
 WHERE t.disposition = 'payment'

-- name: supersede_pending
UPDATE records_without_payment b SET disposition = 'superseded', superseded_by = n.by_key
FROM unnest($1::text[], $2::text[], $3::text[]) AS n(bank_account, bank_key, by_key)
WHERE b.bank_account = n.bank_account AND b.bank_key = n.bank_key
  AND b.status = 'PDNG' AND b.disposition = 'not_booked'

-- name: insert_without_bank_id
INSERT INTO payments_without_bank_id (payment_id, bank_account, booking_date, currency, amount,
    source, delivered_at, looks_like, payer)
SELECT * FROM unnest($1::text[], $2::text[], $3::date[], $4::text[], $5::bigint[], $6::text[],
    $7::timestamptz[], $8::text[], $9::text[])

-- name: insert_told_again
-- Records that may be an earlier one, which is named by its key or by the payment that it became.
INSERT INTO told_again (bank_account, bank_key, earlier_key)
SELECT n.bank_account, n.bank_key, coalesce(n.earlier_key, e.bank_key)
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
       AS n (bank_account, bank_key, earlier_key, earlier_payment)
  LEFT JOIN bank_transactions e ON e.payment_id = n.earlier_payment

-- name: insert_entry_statements
-- Statements that name an entry beside its own.
INSERT INTO entry_statements (bank_account, bank_key, statement_id, recorded_at)
SELECT n.bank_account, n.bank_key, n.statement_id, $4
  FROM unnest($1::text[], $2::text[], $3::text[]) AS n (bank_account, bank_key, statement_id)
ON CONFLICT (bank_account, bank_key, statement_id) DO NOTHING

-- name: upsert_statement
INSERT INTO bank_statements (bank_account, statement_id, currency, opening_balance,
    closing_balance, entries, complete_through, recorded_at)
VALUES ($1, $2, $3, $4::text::numeric, $5::text::numeric, $6, $7, $8)
ON CONFLICT (bank_account, statement_id, currency, day) DO UPDATE
SET opening_balance = EXCLUDED.opening_balance, closing_balance = EXCLUDED.closing_balance,
    entries = EXCLUDED.entries, complete_through = EXCLUDED.complete_through,
    recorded_at = EXCLUDED.recorded_at

-- name: statement_reset
WITH gone AS (DELETE FROM bank_statements
               WHERE bank_account = $1 AND statement_id = $2 AND currency = $3
                 AND complete_through = $4
              RETURNING *)
INSERT INTO statement_resets (bank_account, statement_id, currency, opening_balance,
    closing_balance, entries, complete_through, recorded_at, operator, reason, reset_at)
SELECT bank_account, statement_id, currency, opening_balance, closing_balance, entries,
       complete_through, recorded_at, $5, $6, $7 FROM gone

-- name: statements_of_the_future
-- Statements that said, when they came, that all is known up to an instant more than a day later,
-- and that instant is after $1 still. A bank may close its day before it is over.
SELECT bank_account, statement_id, currency, complete_through, recorded_at
  FROM bank_statements
 WHERE complete_through > recorded_at + interval '1 day' AND complete_through > $1
 ORDER BY bank_account, statement_id, currency, complete_through LIMIT 100
