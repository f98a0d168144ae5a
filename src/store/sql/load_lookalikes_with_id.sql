-- Payments of the same bank account, day, currency and amount that the bank gave an id, at most $6
-- of each, those first whose payers end as those that are asked for do. Nothing is looked for on
-- bank accounts that have none. Indexes: payments_amount, bank_transactions_other_day,
-- bank_transactions_payment_id_key, bank_transactions_pkey.
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
        SELECT t.* FROM payments p
         CROSS JOIN LATERAL (SELECT o.* FROM bank_transactions o
                              WHERE o.payment_id = p.payment_id OFFSET 0) t
         WHERE p.amount = days.amount AND p.received_on = days.booking_date
        UNION ALL
        SELECT t.* FROM bank_transactions t
         WHERE t.bank_account = days.bank_account AND t.booking_date = days.booking_date
           AND t.amount = days.amount AND t.disposition = 'payment'
           AND t.bank_transaction_id IS NOT NULL AND t.value_date <> t.booking_date) t
     WHERE t.bank_account = days.bank_account AND t.booking_date = days.booking_date
       AND t.currency = days.currency AND t.amount = days.amount
       AND t.bank_transaction_id IS NOT NULL
     ORDER BY coalesce(right(payer_key(t.debtor_account), 8) = ANY(days.tails), false) DESC,
              t.bank_key
     LIMIT $6) b
WHERE EXISTS (SELECT 1 FROM bank_transactions k WHERE k.bank_account = days.bank_account
                 AND k.bank_key >= 'id:' AND k.bank_key < 'id;')
   OR EXISTS (SELECT 1 FROM bank_transactions k WHERE k.bank_account = days.bank_account
                 AND k.bank_key >= 'detail:' AND k.bank_key < 'detail;')
ORDER BY b.bank_key
