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
