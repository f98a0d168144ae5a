-- What only announced money that this batch books under another id. What is pending is read once,
-- and each is looked up in the batch by hash, however large the tables were when this was planned.
-- Index: bank_transactions_pending.
SELECT b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition, b.payment_id,
       b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date, b.value_date,
       b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id, b.debtor_name,
       b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured, b.return_of,
       b.instructed_currency, b.instructed_amount, b.detail_index, b.entry_amount, b.entry_details
FROM bank_transactions b
WHERE b.status = 'PDNG' AND b.disposition = 'not_booked'
  AND ((b.bank_account, b.currency, b.amount, b.debtor_account) IN
         (SELECT unnest($1::text[]), unnest($2::text[]), unnest($3::bigint[]), unnest($4::text[]))
       OR (b.bank_account, b.currency, b.amount, b.end_to_end_id) IN
         (SELECT unnest($1::text[]), unnest($2::text[]), unnest($3::bigint[]), unnest($5::text[])))
ORDER BY b.bank_key LIMIT $6
