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
