-- The last of the equal records without any id. Index: bank_transactions_equal.
SELECT b.bank_account, b.bank_key, b.content_hash, b.disposition, b.payment_id
FROM unnest($1::text[], $2::text[]) AS asked(bank_account, print)
CROSS JOIN LATERAL (
    SELECT t.bank_account, t.bank_key, t.content_hash, t.disposition,
           t.payment_id FROM bank_transactions t
     WHERE t.bank_account = asked.bank_account AND left(t.bank_key, 71) = asked.print
       AND t.bank_key LIKE 'print:%'
     ORDER BY length(t.bank_key) DESC, t.bank_key DESC LIMIT 1) b
