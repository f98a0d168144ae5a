SELECT bank_account, bank_key, content_hash, status, disposition, payment_id, credit_debit,
       reversal, currency, amount, charges, booking_date, value_date, bank_transaction_id,
       statement_id, entry_reference, end_to_end_id, debtor_name, debtor_account, virtual_account,
       creditor_reference, unstructured, return_of, instructed_currency, instructed_amount,
       detail_index, entry_amount, entry_details
FROM bank_transactions
WHERE status = 'PDNG' AND disposition = 'not_booked' AND (bank_account, bank_key) > ($1, $2)
ORDER BY bank_account, bank_key LIMIT $3
