-- The entries that name a statement, with what became of each. Index: bank_transactions_pkey.
SELECT bank_key, status, credit_debit, reversal, currency, amount, booking_date, disposition,
       payment_id
  FROM bank_transactions
 WHERE bank_account = $1 AND statement_id = $2
 ORDER BY booking_date, bank_key LIMIT $3
