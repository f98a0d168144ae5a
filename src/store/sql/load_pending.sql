-- What only announced money that this batch books, perhaps under another id. While nothing is
-- pending the last condition ends it before the first look-up. Index: bank_transactions_announced.
SELECT b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition, b.payment_id,
       b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date, b.value_date,
       b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id, b.debtor_name,
       b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured, b.return_of,
       b.instructed_currency, b.instructed_amount, b.detail_index, b.entry_amount, b.entry_details
FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])
      AS asked(bank_account, currency, amount, debtor_account, end_to_end_id)) n
JOIN bank_transactions b ON b.bank_account = n.bank_account AND b.currency = n.currency
 AND b.amount = n.amount
 AND (b.debtor_account = n.debtor_account OR b.end_to_end_id = n.end_to_end_id)
WHERE b.status = 'PDNG' AND b.disposition = 'not_booked'
  AND EXISTS (SELECT 1 FROM bank_transactions
               WHERE status = 'PDNG' AND disposition = 'not_booked')
ORDER BY b.bank_key LIMIT $6
