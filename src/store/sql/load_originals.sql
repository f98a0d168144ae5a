-- The payments that returns may mean: by the bank's id, by the end-to-end id, by payer and amount.
SELECT 'id' AS how, n.bank_account, n.word, p.payment_id, p.account_id, 0::bigint AS amount,
       p.currency
  FROM unnest($1::text[], $2::text[]) AS n(bank_account, word)
  JOIN bank_transactions b ON b.bank_account = n.bank_account AND b.bank_key = 'id:' || n.word
  JOIN payments p ON p.payment_id = b.payment_id
UNION ALL
SELECT 'e2e', n.bank_account, n.word, p.payment_id, p.account_id, 0, p.currency
  FROM unnest($3::text[], $4::text[]) AS n(bank_account, word)
  JOIN bank_transactions b ON b.end_to_end_id = n.word AND b.bank_account = n.bank_account
  JOIN payments p ON p.payment_id = b.payment_id
UNION ALL
SELECT 'payer', n.bank_account, n.word, p.payment_id, p.account_id, n.amount, n.currency
  FROM unnest($5::text[], $6::text[], $7::text[], $8::bigint[])
       AS n(bank_account, word, currency, amount)
  JOIN bank_transactions b ON b.debtor_account = n.word AND b.bank_account = n.bank_account
   AND b.currency = n.currency AND b.amount = n.amount
  JOIN payments p ON p.payment_id = b.payment_id
