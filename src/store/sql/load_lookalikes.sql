-- Payments of the same bank account, day and amount that the bank gave no id either.
-- Indexes: payments_without_bank_id_same, bank_transactions_payment_id_key.
SELECT b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition, b.payment_id,
       b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date, b.value_date,
       b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id, b.debtor_name,
       b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured, b.return_of,
       b.instructed_currency, b.instructed_amount, b.detail_index, b.entry_amount, b.entry_details,
       d.source, d.delivered_at
FROM unnest($1::text[], $2::date[], $3::text[], $4::bigint[])
       AS asked (bank_account, booking_date, currency, amount)
CROSS JOIN LATERAL (
    SELECT payment_id, source, delivered_at FROM payments_without_bank_id w
    WHERE w.bank_account = asked.bank_account AND w.booking_date = asked.booking_date
      AND w.currency = asked.currency AND w.amount = asked.amount
    ORDER BY payment_id LIMIT $5) d
JOIN bank_transactions b ON b.payment_id = d.payment_id
ORDER BY b.bank_key
