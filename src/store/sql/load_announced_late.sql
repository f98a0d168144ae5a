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
