-- name: load_originals
-- The payments that returns may mean: by the bank's id, as a detail of that amount of the entry of
-- that id, by the id under which the bank undid an earlier return of that amount, by the end-to-end
-- id, by payer and amount. Of those that have the same in common $11 are
-- read: that is too many to tell apart by it.
SELECT 'id' AS how, n.bank_account, n.word, b.payment_id, b.account_id, 0::bigint AS amount,
       b.currency, b.amount AS booked, b.bank_transaction_id, b.detail_index, b.end_to_end_id,
       b.debtor_account
  FROM unnest($1::text[], $2::text[]) AS n(bank_account, word)
  JOIN money_records b ON b.bank_account = n.bank_account AND b.bank_key = 'id:' || n.word
 WHERE b.disposition = 'payment'
UNION ALL
SELECT 'detail', n.bank_account, n.word, b.payment_id, b.account_id, n.amount, b.currency, b.amount,
       b.bank_transaction_id, b.detail_index, b.end_to_end_id, b.debtor_account
  FROM unnest($1::text[], $2::text[], $9::text[], $10::bigint[])
       AS n(bank_account, word, currency, amount)
  CROSS JOIN LATERAL (SELECT d.* FROM money_records d
                       WHERE d.bank_account = n.bank_account AND d.bank_transaction_id = n.word
                         AND d.detail_index IS NOT NULL AND d.disposition = 'payment'
                         AND d.currency = n.currency AND d.amount = n.amount
                       ORDER BY d.detail_index LIMIT $11) b
UNION ALL
SELECT 'undone', n.bank_account, n.word, b.payment_id, b.account_id, n.amount, b.currency, b.amount,
       b.bank_transaction_id, b.detail_index, b.end_to_end_id, b.debtor_account
  FROM unnest($1::text[], $2::text[], $9::text[], $10::bigint[])
       AS n(bank_account, word, currency, amount)
  CROSS JOIN LATERAL (SELECT r.payment_id FROM payment_returns r
                       WHERE r.bank_account = n.bank_account AND r.bank_transaction_id = n.word
                         AND r.undoes IS NOT NULL AND r.currency = n.currency
                         AND r.amount = n.amount LIMIT $11) r
  JOIN money_records b ON b.payment_id = r.payment_id AND b.disposition = 'payment'
UNION ALL
SELECT 'e2e', n.bank_account, n.word, b.payment_id, b.account_id, 0, b.currency, b.amount,
       b.bank_transaction_id, b.detail_index, b.end_to_end_id, b.debtor_account
  FROM unnest($3::text[], $4::text[]) AS n(bank_account, word)
  CROSS JOIN LATERAL (SELECT d.* FROM money_records d
                       WHERE d.end_to_end_id = n.word AND d.bank_account = n.bank_account
                         AND d.disposition = 'payment' LIMIT $11) b
UNION ALL
SELECT 'payer', n.bank_account, n.word, b.payment_id, b.account_id, n.amount, b.currency, b.amount,
       b.bank_transaction_id, b.detail_index, b.end_to_end_id, b.debtor_account
  FROM unnest($5::text[], $6::text[], $7::text[], $8::bigint[])
       AS n(bank_account, word, currency, amount)
  CROSS JOIN LATERAL (SELECT d.* FROM money_records d
                       WHERE d.debtor_account = n.word AND d.bank_account = n.bank_account
                         AND d.currency = n.currency AND d.amount = n.amount
                         AND d.disposition = 'payment' LIMIT $11) b

-- name: load_returns
-- Returns that were applied, by the bank's ids of them or of what they returned (of its parts too),
-- and those of the payments $3 and of their parts, with what was undone since.
SELECT r.return_id, r.bank_account, r.bank_transaction_id, r.payment_id, p.account_id, r.currency,
       r.amount, coalesce(u.amount, 0)::bigint AS undone,
       (r.removed - coalesce(u.removed, 0))::bigint AS removed,
       (r.fee - coalesce(u.fee, 0))::bigint AS fee
  FROM (SELECT k.return_id
          FROM unnest($1::text[], $2::text[]) AS n(bank_account, word)
          JOIN payment_returns k ON k.bank_account = n.bank_account
           AND k.bank_transaction_id = n.word
         UNION
        SELECT k.return_id
          FROM unnest($1::text[], $2::text[]) AS n(bank_account, word)
          JOIN money_records b ON b.bank_account = n.bank_account
           AND b.bank_key = 'id:' || n.word
          JOIN payment_returns k ON k.payment_id = b.payment_id
         UNION
        SELECT k.return_id
          FROM unnest($1::text[], $2::text[]) AS n(bank_account, word)
          JOIN money_records b ON b.bank_account = n.bank_account
           AND b.bank_key = 'id:' || n.word
          JOIN payment_splits s ON s.payment_id = b.payment_id
          JOIN payment_returns k ON k.payment_id = s.part_id
         UNION
        SELECT k.return_id FROM payment_returns k WHERE k.payment_id = ANY($3::text[])
         UNION
        SELECT k.return_id
          FROM payment_splits s JOIN payment_returns k ON k.payment_id = s.part_id
         WHERE s.payment_id = ANY($3::text[])) f
  JOIN payment_returns r USING (return_id)
  JOIN money_records p ON p.payment_id = r.payment_id
  LEFT JOIN LATERAL (SELECT sum(k.amount) AS amount, sum(k.removed) AS removed, sum(k.fee) AS fee
                       FROM payment_returns k WHERE k.undoes = r.return_id) u ON true
 WHERE r.undoes IS NULL

-- name: load_return_parts
SELECT r.return_id, a.invoice_id, r.amount
  FROM allocation_reversals r JOIN allocations a USING (allocation_id)
 WHERE r.return_id = ANY($1::bigint[])
 ORDER BY r.reversal_id

-- name: insert_returns
INSERT INTO payment_returns (return_id, bank_account, bank_key, payment_id, undoes, currency,
    amount, unallocated, unspent, clawed_back, reason, returned_at, removed, fee,
    bank_transaction_id, ledger_transaction_id, said)
SELECT n.return_id, n.bank_account, n.bank_key, n.payment_id, n.undoes, n.currency, n.amount,
    n.unallocated, n.unspent, n.clawed_back, n.reason, $12, n.removed, n.fee,
    n.bank_transaction_id, n.ledger_transaction_id, n.said
FROM (SELECT unnest($1::bigint[]) AS return_id, unnest($2::text[]) AS bank_account,
    unnest($3::text[]) AS bank_key, unnest($4::text[]) AS payment_id,
    unnest($5::bigint[]) AS undoes,
    unnest($6::text[]) AS currency, unnest($7::bigint[]) AS amount,
    unnest($8::bigint[]) AS unallocated, unnest($9::bigint[]) AS unspent,
    unnest($10::bigint[]) AS clawed_back, unnest($11::text[]) AS reason,
    unnest($13::bigint[]) AS removed, unnest($14::bigint[]) AS fee,
    unnest($15::text[]) AS bank_transaction_id,
    unnest($16::bigint[]) AS ledger_transaction_id, unnest($17::text[]) AS said) AS n

-- name: insert_reversals
INSERT INTO allocation_reversals (reversal_id, allocation_id, kind, amount, clawed_back,
    return_id, reason, ledger_transaction_id, reversed_at)
SELECT n.*, $9 FROM (SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::text[]),
    unnest($4::bigint[]), unnest($5::bigint[]), unnest($6::bigint[]), unnest($7::text[]),
    unnest($8::bigint[])) AS n

-- name: insert_tombstones
INSERT INTO tombstones (payment_id, invoice_id, laid_at)
SELECT n.payment_id, n.invoice_id, $3
  FROM unnest($1::text[], $2::text[]) AS n(payment_id, invoice_id)
ON CONFLICT DO NOTHING

-- name: load_tombstones
SELECT payment_id, invoice_id FROM tombstones WHERE payment_id = ANY($1::text[])

-- name: insert_parked_returns
INSERT INTO parked_returns (bank_account, bank_key, original_key, why, parked_at, tried_at)
SELECT b.bank_account, b.bank_key, 'id:' || (b.return_of ->> 0), n.why, $4, $4
  FROM unnest($1::text[], $2::text[], $3::text[]) AS n(bank_account, bank_key, why)
  JOIN bank_transactions b ON b.bank_account = n.bank_account AND b.bank_key = n.bank_key

-- name: load_parked_returns
SELECT b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition,
       b.payment_id, b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date,
       b.value_date, b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id,
       b.debtor_name, b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured,
       b.return_of, b.instructed_currency, b.instructed_amount, b.detail_index, b.entry_amount,
       b.entry_details,
       EXISTS (SELECT 1 FROM told_again t
                WHERE t.bank_account = b.bank_account AND t.bank_key = b.bank_key) AS in_doubt
FROM unnest($1::text[], $2::text[]) AS n(bank_account, bank_key)
JOIN bank_transactions b ON b.bank_account = n.bank_account AND b.bank_key = n.bank_key
WHERE b.disposition = 'return_parked'

-- name: delete_parked_returns
-- What a person ends is no failing item any more either.
WITH ended AS (
    SELECT * FROM unnest($1::text[], $2::text[]) AS n(bank_account, bank_key)
), tried AS (
    DELETE FROM failing_items f USING ended n
     WHERE f.kind = 'return' AND f.item = key_joined(n.bank_account, n.bank_key)
)
DELETE FROM parked_returns p USING ended n
 WHERE p.bank_account = n.bank_account AND p.bank_key = n.bank_key

-- name: parked_return_tried
-- A moment later than it was parked, so that "never tried" is told apart. Why it still waits may be
-- another reason than before.
UPDATE parked_returns
   SET tried_at = greatest($3::timestamptz, parked_at + interval '1 microsecond'),
       why = coalesce($4, why)
 WHERE bank_account = $1 AND bank_key = $2

-- name: wake_returns
-- Parked returns of the bank accounts of these payments that wait for this reason are tried again:
-- those that name one of the payments first, then the longest parked, and $4 of them; the others
-- within the hour. The order is that in which all lock them. Indexes:
-- money_records_payment, parked_returns_wait_for_persons, parked_returns_pkey.
UPDATE parked_returns r SET woken_at = $3
  FROM (SELECT p.bank_account, p.bank_key
          FROM (SELECT p.bank_account, p.bank_key
                  FROM (SELECT b.bank_account, b.bank_key, n.why
                          FROM unnest($1::text[], $2::text[]) AS n(payment_id, why)
                          JOIN bank_transactions b ON b.payment_id = n.payment_id) n
                  JOIN parked_returns p ON p.bank_account = n.bank_account AND p.why = n.why
                 WHERE p.why IN ('original_in_doubt', 'split_payment')
                 GROUP BY p.bank_account, p.bank_key
                 ORDER BY bool_or(coalesce(p.original_key = n.bank_key, false)) DESC,
                       min(p.parked_at), p.bank_account, p.bank_key
                 LIMIT $4) few
          JOIN parked_returns p USING (bank_account, bank_key)
         ORDER BY p.bank_account, p.bank_key
           FOR UPDATE OF p) woken
 WHERE r.bank_account = woken.bank_account AND r.bank_key = woken.bank_key

-- name: returns_page
-- Of the parked returns behind $4 and $5, up to $6 and $7 and at most $3 of them: those to be tried
-- again that never failed, and the last that was looked at. To be tried is what was never tried
-- since it was parked, or an hour ago, what names something that has come since, and what a person
-- did something for since. What was on its way when the return was tried is looked for a minute
-- longer. What may be an earlier one told again waits for a person.
WITH page AS (
    SELECT p.*, row_number() OVER (ORDER BY p.bank_account, p.bank_key) AS place
      FROM (SELECT bank_account, bank_key, original_key, why, parked_at, tried_at, woken_at
              FROM parked_returns
             WHERE (bank_account, bank_key) > ($4, $5)
               AND ($6::text IS NULL OR (bank_account, bank_key) <= ($6, $7))
             ORDER BY bank_account, bank_key LIMIT $3) p)
SELECT p.bank_account, p.bank_key, p.parked_at, p.place, d.due, p.tried_at
  FROM page p
 CROSS JOIN LATERAL (
    SELECT (SELECT true FROM failing_items f WHERE f.kind = 'return'
               AND f.item = key_joined(p.bank_account, p.bank_key) LIMIT 1) IS NULL
       AND p.why <> 'possible_duplicate'
       AND coalesce(p.tried_at = p.parked_at OR p.tried_at <= $1::timestamptz - interval '1 hour'
        OR p.woken_at > p.tried_at - interval '1 minute'
        OR (p.why = 'no_original' AND (
            SELECT true FROM bank_transactions b WHERE b.bank_account = p.bank_account
               AND b.bank_key = p.original_key AND b.disposition = 'payment'
               AND b.recorded_at > p.tried_at - interval '1 minute' LIMIT 1))
        OR (p.why IN ('no_return', 'several_payments') AND (
            SELECT true FROM payment_returns r WHERE r.bank_account = p.bank_account
               AND r.bank_transaction_id = substr(p.original_key, 4) AND r.undoes IS NULL
               AND r.returned_at > p.tried_at - interval '1 minute' LIMIT 1)), false) AS due
        OFFSET 0) d
 WHERE d.due OR p.place = $3
 ORDER BY p.place LIMIT $2

-- name: returns_again
-- Parked returns that failed and are to be tried again, the longest untried first.
SELECT p.bank_account, p.bank_key, p.parked_at
  FROM failing_items f
  JOIN parked_returns p ON p.bank_account = key_whole(split_part(f.item, '/', 1))
   AND p.bank_key = key_whole(split_part(f.item, '/', 2))
 WHERE f.kind = 'return' AND next_try(f.tried_at, f.attempts, f.code) <= $1
 ORDER BY f.tried_at, p.bank_account, p.bank_key LIMIT $2
