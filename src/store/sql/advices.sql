-- name: insert_advices
INSERT INTO remittance_advices (bank_account, advice_id, content_hash, payer_account,
    payment_reference, payer_key, reference_key, currency, amount, state, used_by_payment,
    received_at, expires_at, source, message_id, end_reason, ended_about, same_hash)
SELECT n.bank_account, n.advice_id, n.content_hash, n.payer_account, n.payment_reference,
       n.payer_key, n.reference_key, n.currency, n.amount, n.state, n.used_by_payment,
       n.received_at, n.expires_at, n.source, n.message_id, n.end_reason, n.ended_about,
       sha256(convert_to(n.words, 'UTF8'))
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[],
         $7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::timestamptz[],
         $13::timestamptz[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[])
       AS n(bank_account, advice_id, content_hash, payer_account, payment_reference, payer_key,
            reference_key, currency, amount, state, used_by_payment, received_at, expires_at,
            source, message_id, words, end_reason, ended_about)

-- name: insert_advice_lines
INSERT INTO remittance_advice_lines (bank_account, advice_id, line, invoice_id, reference, amount)
SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::bigint[])

-- name: load_advices
-- The advices of these ids ($1, $2), those that belong to the payments of $3, and those that wait
-- and may be about a payment of this bank account, currency, amount and key ($4 to $8; $8: the key
-- is the payer's account, else a reference). Last the newest 16 that say the same ($9, $10).
-- Index: remittance_advices_pkey, _one_per_payment, _payer, _reference, _same.
WITH found AS (
    SELECT a.bank_account, a.advice_id
      FROM unnest($1::text[], $2::text[]) AS k(bank_account, advice_id)
      JOIN remittance_advices a ON a.bank_account = k.bank_account AND a.advice_id = k.advice_id
    UNION
    SELECT a.bank_account, a.advice_id
      FROM remittance_advices a WHERE a.used_by_payment = ANY($3::text[])
    UNION
    SELECT a.bank_account, a.advice_id
      FROM unnest($4::text[], $5::text[], $6::bigint[], $7::text[], $8::boolean[])
             AS k(bank_account, currency, amount, key, payer)
      JOIN remittance_advices a ON a.payer_key = k.key AND a.amount = k.amount
       AND a.currency = k.currency AND a.bank_account = k.bank_account
     WHERE k.payer AND a.state IN ('open', 'ambiguous')
    UNION
    SELECT a.bank_account, a.advice_id
      FROM unnest($4::text[], $5::text[], $6::bigint[], $7::text[], $8::boolean[])
             AS k(bank_account, currency, amount, key, payer)
      JOIN remittance_advices a ON a.reference_key = k.key AND a.amount = k.amount
       AND a.currency = k.currency AND a.bank_account = k.bank_account
     WHERE NOT k.payer AND a.state IN ('open', 'ambiguous')
    UNION
    SELECT s.bank_account, s.advice_id
      FROM unnest($9::text[], $10::text[]) AS k(bank_account, words)
     CROSS JOIN LATERAL (
         SELECT a.bank_account, a.advice_id FROM remittance_advices a
          WHERE a.bank_account = k.bank_account
            AND a.same_hash = sha256(convert_to(k.words, 'UTF8'))
          ORDER BY a.received_at DESC LIMIT 16) s
)
SELECT a.bank_account, a.advice_id, a.content_hash, a.payer_account, a.payment_reference,
       a.currency, a.amount, a.state, a.used_by_payment, a.received_at, a.expires_at,
       a.source, a.message_id, l.invoice_ids, l.line_references, l.amounts
FROM found JOIN remittance_advices a USING (bank_account, advice_id)
CROSS JOIN LATERAL (
    SELECT array_agg(l.invoice_id ORDER BY l.line) AS invoice_ids,
           array_agg(l.reference ORDER BY l.line) AS line_references,
           array_agg(l.amount ORDER BY l.line) AS amounts
      FROM remittance_advice_lines l
     WHERE l.bank_account = a.bank_account AND l.advice_id = a.advice_id) l

-- name: load_advised
-- The bank's payments with exactly this money, of which nothing is allocated: an advice of these
-- bank accounts, currencies and amounts may be about one of them. A bounded number for each.
-- Index: open_payments_by_money.
SELECT b.account_id AS owner, b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition,
       b.payment_id, b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date,
       b.value_date, b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id,
       b.debtor_name, b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured,
       b.return_of, b.instructed_currency, b.instructed_amount, b.detail_index,
       b.entry_amount, b.entry_details
FROM (SELECT DISTINCT f.payment_id
        FROM unnest($1::text[], $2::text[], $3::bigint[]) AS k(bank_account, currency, amount)
       CROSS JOIN LATERAL (
           SELECT o.payment_id FROM open_payments o
             JOIN money_records t ON t.payment_id = o.payment_id
            WHERE o.bank AND o.free = k.amount AND o.currency = k.currency
              AND t.amount = k.amount AND t.bank_account = k.bank_account
            ORDER BY o.payment_id LIMIT $4) f) found
JOIN money_records b ON b.payment_id = found.payment_id

-- name: load_advised_matched
-- The bank's payments with exactly this money that pay an invoice which a line of an advice names:
-- by its id, by a folded number, by our reference or one of upstream. The advice may be about one
-- of them. One row of the arrays is a line.
-- Index: invoices_pkey, invoices_folded_key, invoices_payment_reference_key,
-- invoice_references_pkey, allocations_invoice, money_records_payment.
SELECT DISTINCT ON (b.payment_id)
       b.account_id AS owner, b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition,
       b.payment_id, b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date,
       b.value_date, b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id,
       b.debtor_name, b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured,
       b.return_of, b.instructed_currency, b.instructed_amount, b.detail_index,
       b.entry_amount, b.entry_details
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[])
       AS k(bank_account, currency, amount, invoice_id, number, reference)
CROSS JOIN LATERAL (
    SELECT i.invoice_id FROM invoices i WHERE i.invoice_id = k.invoice_id
    UNION
    SELECT i.invoice_id FROM invoices i WHERE i.folded_key = k.number
    UNION
    SELECT i.invoice_id FROM invoices i WHERE i.payment_reference = k.reference
    UNION
    SELECT r.invoice_id FROM invoice_references r
     WHERE r.reference IN (k.reference, k.number)) named
JOIN allocations a ON a.invoice_id = named.invoice_id AND a.reversed_at IS NULL
-- OFFSET 0: by the key, never from all payments of the amount to these.
CROSS JOIN LATERAL (SELECT m.* FROM money_records m
                     WHERE m.payment_id = a.payment_id AND m.disposition = 'payment' OFFSET 0) b
WHERE b.bank_account = k.bank_account AND b.currency = k.currency AND b.amount = k.amount
ORDER BY b.payment_id

-- name: load_advised_placed
-- The bank's payments with exactly this money that came since $4 and have paid something:
-- an advice of these bank accounts, currencies and amounts may be about one of them. The
-- newest of each. Index: payments_amount.
SELECT b.account_id AS owner, b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition,
       b.payment_id, b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date,
       b.value_date, b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id,
       b.debtor_name, b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured,
       b.return_of, b.instructed_currency, b.instructed_amount, b.detail_index,
       b.entry_amount, b.entry_details
FROM (SELECT DISTINCT bank_account, currency, amount
        FROM unnest($1::text[], $2::text[], $3::bigint[]) AS u(bank_account, currency, amount)
     ) k
CROSS JOIN LATERAL (
    SELECT m.* FROM money_records m
     WHERE m.origin IS NOT NULL AND m.amount = k.amount AND m.received_on >= $4
       AND m.currency = k.currency AND m.allocated > 0
     ORDER BY m.received_on DESC, m.recorded_at DESC LIMIT $5) b
WHERE b.bank_account = k.bank_account

-- name: settle_advices
-- Guarded: another batch may have used it meanwhile.
UPDATE remittance_advices a
   SET state = n.state, used_by_payment = n.used_by_payment, end_reason = n.end_reason,
       ended_about = n.ended_about
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
       AS n(bank_account, advice_id, state, used_by_payment, end_reason, ended_about)
WHERE a.bank_account = n.bank_account AND a.advice_id = n.advice_id
  AND (a.state = 'open' OR n.state = 'ended' AND a.state = 'ambiguous')

-- name: advices_expire
-- Advices whose payment did not come in time, a bounded number. Index: remittance_advices_expiry.
UPDATE remittance_advices a SET state = 'expired'
FROM (SELECT w.bank_account, w.advice_id FROM remittance_advices w
       WHERE w.state IN ('open', 'ambiguous') AND w.expires_at <= $1
       ORDER BY w.expires_at LIMIT $2 FOR UPDATE SKIP LOCKED) due
WHERE a.bank_account = due.bank_account AND a.advice_id = due.advice_id
