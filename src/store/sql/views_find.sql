-- name: views_find_names
-- Customers whose names have these words. Index: accounts_name_words.
SELECT account_id
  FROM accounts
 WHERE name_words(name) @> array_remove(name_words($1), '')
 LIMIT 20

-- name: views_find_payer
-- Customers to whom this account of a payer, or virtual account, belongs. Indexes:
-- payer_accounts_pkey, payer_aliases_pkey, virtual_accounts_pkey.
SELECT account_id FROM payer_accounts WHERE payer_account = $1
UNION SELECT account_id FROM payer_aliases WHERE payer_account = $1
UNION SELECT account_id FROM virtual_accounts WHERE virtual_account = $1
 LIMIT 20

-- name: views_find_bank_id
-- Payments that the bank knows by this id, in any of our bank accounts. Index:
-- money_records_bank_key, once per bank account: the recursive part jumps from one to the next.
WITH RECURSIVE banks (bank_account) AS (
    (SELECT bank_account FROM bank_transactions ORDER BY bank_account LIMIT 1)
    UNION ALL
    SELECT (SELECT t.bank_account FROM bank_transactions t
             WHERE t.bank_account > b.bank_account ORDER BY t.bank_account LIMIT 1)
      FROM banks b
     WHERE b.bank_account IS NOT NULL
)
SELECT t.payment_id
  FROM banks b
 CROSS JOIN LATERAL (
       -- OFFSET 0: by the key, never from all payments to this id.
       SELECT o.payment_id FROM bank_transactions o
        WHERE o.bank_account = b.bank_account AND o.bank_key = 'id:' || $1 OFFSET 0) t
 WHERE t.payment_id IS NOT NULL
 LIMIT 20

-- name: views_find_by_amount
-- The newest payments of these amounts. Index: payments_days, which has the amounts.
SELECT p.payment_id
  FROM unnest($1::bigint[]) a (amount)
 CROSS JOIN LATERAL (SELECT payment_id FROM payments
                      WHERE amount = a.amount AND received_on >= $2
                      ORDER BY received_on DESC, recorded_at DESC LIMIT 100) p

-- name: views_find_by_day
-- Payments that were received on these days, of these amounts if any. Index: payments_days.
SELECT p.payment_id
  FROM unnest($1::date[]) d (received_on)
 CROSS JOIN LATERAL (SELECT payment_id FROM payments
                      WHERE received_on = d.received_on
                        AND ($2::bigint[] IS NULL OR amount = ANY($2))
                      ORDER BY recorded_at DESC LIMIT 100) p

-- name: views_find_by_account
-- The newest payments of these customers, of these amounts if any. Index: payments_account_days.
SELECT p.payment_id
  FROM unnest($1::text[]) c (account_id)
 CROSS JOIN LATERAL (SELECT payment_id FROM payments
                      WHERE account_id = c.account_id
                        AND ($2::bigint[] IS NULL OR amount = ANY($2))
                      ORDER BY received_on DESC, recorded_at DESC LIMIT 50) p

-- name: views_find_invoices_by_amount
-- The newest invoices of these amounts. Index: invoices_amount.
SELECT i.invoice_id
  FROM unnest($1::bigint[]) a (amount)
 CROSS JOIN LATERAL (SELECT invoice_id FROM invoices
                      WHERE amount = a.amount ORDER BY created_at DESC LIMIT 100) i

-- name: views_find_invoices_by_account
-- Invoices of these customers, of these amounts if any. Index: invoices_account.
SELECT i.invoice_id
  FROM unnest($1::text[]) c (account_id)
 CROSS JOIN LATERAL (SELECT invoice_id FROM invoices
                      WHERE account_id = c.account_id
                        AND ($2::bigint[] IS NULL OR amount = ANY($2))
                      ORDER BY invoice_id DESC LIMIT 50) i

-- name: views_find_payments
-- What is known of these payments. Indexes: money_records_payment, accounts_pkey.
SELECT p.payment_id, p.account_id, a.name, p.currency, p.amount, p.allocated, p.returned,
       p.refunded, p.split, p.state, p.reason, p.received_on, p.recorded_at,
       p.debtor_name, p.debtor_account, p.bank_transaction_id, p.end_to_end_id,
       p.creditor_reference, p.unstructured, p.reference,
       concat_ws(' ', p.remark, p.method) AS noted
  FROM payments p
  LEFT JOIN accounts a ON a.account_id = p.account_id
 WHERE p.payment_id = ANY($1)

-- name: views_find_invoices
-- What is known of these invoices. Indexes: invoices_pkey, accounts_pkey,
-- invoice_references_invoice.
SELECT i.invoice_id, i.account_id, a.name, i.name AS title, i.currency, i.amount, i.allocated,
       i.status, i.payment_reference, i.due_date, i.created_at,
       ARRAY(SELECT r.given FROM invoice_references r WHERE r.invoice_id = i.invoice_id
              LIMIT 20) AS references
  FROM invoice_states i
  JOIN accounts a ON a.account_id = i.account_id
 WHERE i.invoice_id = ANY($1)

-- name: views_find_accounts
-- What is known of these customers. Indexes: accounts_pkey, payer_accounts_account,
-- virtual_accounts_account.
SELECT a.account_id, a.name, a.closed_at, a.created_at,
       ARRAY(SELECT p.payer_account FROM payer_accounts p WHERE p.account_id = a.account_id
              LIMIT 100)
       || ARRAY(SELECT v.virtual_account FROM virtual_accounts v
                 WHERE v.account_id = a.account_id LIMIT 100)
       || ARRAY(SELECT s.payer_account FROM payer_aliases s WHERE s.account_id = a.account_id
                 LIMIT 100) AS numbers
  FROM accounts a
 WHERE a.account_id = ANY($1)

-- name: views_find_letters
-- The dead letter of this number, and of the newest open ones those that have one of the words.
-- Indexes: dead_letters_pkey, dead_letters_open_ids.
SELECT l.dead_letter_id, l.code, l.topic, l.source, l.message_id, l.status, l.last_failed_at, f.fits
  FROM ((SELECT * FROM dead_letters WHERE status = 'open' ORDER BY dead_letter_id DESC LIMIT $3)
        UNION ALL (SELECT * FROM dead_letters WHERE dead_letter_id = ANY($4))) l
 CROSS JOIN LATERAL (
       SELECT array_agg(position(encode(convert_to(w.word, 'UTF8'), 'escape') IN s.said) > 0
                        OR coalesce(s.said ~ w.amount, false) ORDER BY w.place) AS fits
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w (word, amount, place)
        CROSS JOIN (SELECT lower(concat_ws(' ', l.message_id, l.code,
                        encode(l.record_key, 'escape'),
                        encode(substr(l.record_value, 1, 20000), 'escape'))) AS said OFFSET 0) s) f
 WHERE true = ANY(f.fits) OR l.dead_letter_id = ANY($4)
 ORDER BY l.dead_letter_id DESC
 LIMIT 200

-- name: views_find_waiting
-- Of the newest commands that wait those that have one of the words. Index: waiting_commands_pkey.
SELECT l.source, l.message_id, l.wait_key, l.needs, l.since, i.message_type, f.fits
  FROM (SELECT * FROM waiting_commands ORDER BY waiting_id DESC LIMIT $3) l
  JOIN inbox i ON i.source = l.source AND i.message_id = l.message_id
 CROSS JOIN LATERAL (
       SELECT array_agg(position(encode(convert_to(w.word, 'UTF8'), 'escape') IN s.said) > 0
                        OR coalesce(s.said ~ w.amount, false) ORDER BY w.place) AS fits
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w (word, amount, place)
        CROSS JOIN (SELECT lower(concat_ws(' ', l.message_id, l.needs, l.wait_key,
                        encode(substr(l.record_value, 1, 20000), 'escape'))) AS said OFFSET 0) s) f
 WHERE true = ANY(f.fits)
 ORDER BY l.since DESC
 LIMIT 200

-- name: views_find_said
-- What was written on payments, the newest first. Index: payments_days.
SELECT p.payment_id, p.received_on, p.recorded_at, p.debtor_name, p.debtor_account,
       concat_ws(' ', p.unstructured, p.creditor_reference, p.end_to_end_id,
                 p.bank_transaction_id) AS said,
       concat_ws(' ', p.reference, p.remark, p.method) AS noted
  FROM payments p
 WHERE (received_on, recorded_at, payment_id) < ($1, $2, $3) AND received_on >= $4
 ORDER BY received_on DESC, recorded_at DESC, payment_id DESC
 LIMIT $5

-- name: views_payments_fitting
-- Of these payments, in their order, those that fit. Indexes: money_records_payment,
-- further_decisions_pkey, allocations_live_pair.
SELECT p.payment_id, p.account_id, p.currency, p.amount, p.allocated, p.returned, p.refunded,
       p.split, p.state, p.reason, p.origin, p.received_on, p.recorded_at,
       (SELECT e.payment_id FROM told_again d
          JOIN money_records e
            ON e.bank_account = d.bank_account AND e.bank_key = d.earlier_key
         WHERE d.bank_account = p.bank_account AND d.bank_key = p.bank_key) AS looks_like,
       CASE WHEN $9::boolean THEN p.debtor_name END AS debtor_name,
       CASE WHEN $9 THEN p.debtor_account END AS debtor_account,
       CASE WHEN $9 AND p.bank_key IS NOT NULL
            THEN concat_ws(' ', p.unstructured, p.creditor_reference, p.end_to_end_id,
                           p.bank_transaction_id) END AS said,
       concat_ws(' ', p.reference, p.remark, p.method) AS noted
  FROM unnest($1::text[]) WITH ORDINALITY w (payment_id, place)
  JOIN payments p ON p.payment_id = w.payment_id
 WHERE ($2::text IS NULL OR p.account_id = $2)
   AND ($3::text IS NULL OR p.state = $3)
   AND ($4::text IS NULL OR p.reason = $4
        OR p.reason = 'two_person_limit' AND $4 = 'above_auto_limit')
   AND ($5::text IS NULL OR p.currency = $5)
   AND ($6::bigint IS NULL OR p.amount = $6)
   AND p.received_on BETWEEN $7 AND $8
   AND ($10::text IS NULL
        OR $10 = (SELECT d.rule FROM decisions d WHERE d.payment_id = p.payment_id
                   ORDER BY d.place DESC NULLS LAST, d.decision_id DESC LIMIT 1)
        OR EXISTS (SELECT 1 FROM allocations a
                    WHERE a.payment_id = p.payment_id AND a.rule = $10
                      AND a.reversed_at IS NULL AND a.restores IS NULL))
 ORDER BY w.place

-- name: views_walk_id
-- The next payments in the order of their ids. Index: money_records_payment.
SELECT payment_id, received_on, recorded_at
  FROM payments
 WHERE payment_id > $1
 ORDER BY payment_id
 LIMIT $2

-- name: views_walk_open
-- The next payments that have money to give, in the order of their ids. Index: open_payments_pkey.
SELECT o.payment_id, p.received_on, p.recorded_at
  FROM open_payments o
  JOIN payments p ON p.payment_id = o.payment_id
 WHERE o.payment_id > $1
 ORDER BY o.payment_id
 LIMIT $2

-- name: views_walk_time_newest
-- Payments by the day on which they were received, the newest first. Index: payments_days.
SELECT payment_id, received_on, recorded_at
  FROM payments
 WHERE (received_on, recorded_at, payment_id) < ($1, $2, $3)
   AND received_on BETWEEN $4 AND $5
 ORDER BY received_on DESC, recorded_at DESC, payment_id DESC
 LIMIT $6

-- name: views_walk_time_oldest
-- Payments by the day on which they were received, the oldest first. Index: payments_days.
SELECT payment_id, received_on, recorded_at
  FROM payments
 WHERE (received_on, recorded_at, payment_id) > ($1, $2, $3)
   AND received_on BETWEEN $4 AND $5
 ORDER BY received_on, recorded_at, payment_id
 LIMIT $6

-- name: views_walk_amount_newest
-- Payments of one amount, the newest first. Index: payments_days.
SELECT payment_id, received_on, recorded_at
  FROM payments
 WHERE (received_on, recorded_at, payment_id) < ($1, $2, $3)
   AND received_on BETWEEN $4 AND $5
   AND amount = $7
 ORDER BY received_on DESC, recorded_at DESC, payment_id DESC
 LIMIT $6

-- name: views_walk_amount_oldest
-- Payments of one amount, the oldest first. Index: payments_days.
SELECT payment_id, received_on, recorded_at
  FROM payments
 WHERE (received_on, recorded_at, payment_id) > ($1, $2, $3)
   AND received_on BETWEEN $4 AND $5
   AND amount = $7
 ORDER BY received_on, recorded_at, payment_id
 LIMIT $6

-- name: views_walk_account_newest
-- Payments of one account, the newest first. Index: payments_account_days.
SELECT payment_id, received_on, recorded_at
  FROM payments
 WHERE (received_on, recorded_at, payment_id) < ($1, $2, $3)
   AND received_on BETWEEN $4 AND $5
   AND account_id = $7
 ORDER BY received_on DESC, recorded_at DESC, payment_id DESC
 LIMIT $6

-- name: views_walk_account_oldest
-- Payments of one account, the oldest first. Index: payments_account_days.
SELECT payment_id, received_on, recorded_at
  FROM payments
 WHERE (received_on, recorded_at, payment_id) > ($1, $2, $3)
   AND received_on BETWEEN $4 AND $5
   AND account_id = $7
 ORDER BY received_on, recorded_at, payment_id
 LIMIT $6

-- name: views_near_accounts
-- Ids that begin as a mistyped one does; no id has a character beyond '~'. Index: accounts_pkey.
SELECT account_id AS id
  FROM accounts
 WHERE account_id >= $1 AND account_id < $1 || '~'
 ORDER BY account_id
 LIMIT 200

-- name: views_near_invoices
-- Ids that begin as a mistyped one does; no id has a character beyond '~'. Index: invoices_pkey.
SELECT invoice_id AS id
  FROM invoices
 WHERE invoice_id >= $1 AND invoice_id < $1 || '~'
 ORDER BY invoice_id
 LIMIT 200

-- name: views_near_payments
-- Ids that begin as a mistyped one does; no id has a character beyond '~'. Index:
-- money_records_payment.
SELECT payment_id AS id
  FROM payments
 WHERE payment_id >= $1 AND payment_id < $1 || '~'
 ORDER BY payment_id
 LIMIT 200

-- name: views_at_least_accounts
-- The first id that is not before this one. Index: accounts_pkey.
SELECT account_id AS id
  FROM accounts
 WHERE account_id >= $1
 ORDER BY account_id
 LIMIT 1

-- name: views_at_least_invoices
-- The first id that is not before this one. Index: invoices_pkey.
SELECT invoice_id AS id
  FROM invoices
 WHERE invoice_id >= $1
 ORDER BY invoice_id
 LIMIT 1

-- name: views_at_least_payments
-- The first id that is not before this one. Index: money_records_payment.
SELECT payment_id AS id
  FROM payments
 WHERE payment_id >= $1
 ORDER BY payment_id
 LIMIT 1
