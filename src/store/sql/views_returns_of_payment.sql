-- What the bank took back of one payment, and what undid that. Index: payment_returns_payment.
SELECT return_id, bank_account, bank_key, undoes, currency, amount, unallocated, unspent,
       clawed_back, reason, returned_at
  FROM payment_returns
 WHERE payment_id = $1
 ORDER BY return_id
 LIMIT 200
