SELECT p.account_id AS owner, b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition,
       b.payment_id, b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date,
       b.value_date, b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id,
       b.debtor_name, b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured,
       b.return_of, b.instructed_currency, b.instructed_amount, b.detail_index,
       b.entry_amount, b.entry_details
FROM bank_transactions b JOIN payments p ON p.payment_id = b.payment_id
WHERE b.payment_id = ANY($1::text[])
