-- The last of the equal records without any id. Index: bank_transactions_equal.
SELECT b.bank_account, b.bank_key, b.content_hash, b.disposition, b.payment_id, b.currency,
       b.amount, b.credit_debit, b.reversal, b.booking_date, b.value_date, b.debtor_account,
       b.end_to_end_id, b.return_of ->> 0 AS returns, b.statement_id, b.entry_reference,
       b.virtual_account, b.debtor_name, b.creditor_reference, b.unstructured
FROM unnest($1::text[], $2::text[]) AS asked(bank_account, print)
CROSS JOIN LATERAL (
    SELECT t.* FROM bank_transactions t
     WHERE t.bank_account = asked.bank_account AND left(t.bank_key, 71) = asked.print
       AND t.bank_key LIKE 'print:%'
     ORDER BY length(t.bank_key) DESC, t.bank_key DESC LIMIT 1) b
