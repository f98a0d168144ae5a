-- Payments of the same bank account, day and amount that the bank gave no id: of the same
-- payer the first that came, which tell most; of nobody; and for a record of nobody all. A payer is
-- looked for by the last eight characters, which all forms of an account number share.
-- Indexes: payments_without_bank_id_same, bank_transactions_payment_id_key, payments_pkey.
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
       p.state IN ('parked', 'removed') AND EXISTS (
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
JOIN bank_transactions b ON b.payment_id = d.payment_id
JOIN payments p ON p.payment_id = d.payment_id
ORDER BY b.bank_key
