-- The payments that returns may mean: by the bank's id, as a detail of that amount of the entry of
-- that id, by the end-to-end id, by payer and amount. Of details alike 64 are read: that is too
-- many to tell apart by what the bank says of its entry.
SELECT 'id' AS how, n.bank_account, n.word, p.payment_id, p.account_id, 0::bigint AS amount,
       p.currency, b.debtor_account
  FROM unnest($1::text[], $2::text[]) AS n(bank_account, word)
  JOIN bank_transactions b ON b.bank_account = n.bank_account AND b.bank_key = 'id:' || n.word
  JOIN payments p ON p.payment_id = b.payment_id
UNION ALL
SELECT 'detail', n.bank_account, n.word, p.payment_id, p.account_id, n.amount, n.currency,
       b.debtor_account
  FROM unnest($1::text[], $2::text[], $9::text[], $10::bigint[])
       AS n(bank_account, word, currency, amount)
  CROSS JOIN LATERAL (SELECT d.payment_id, d.debtor_account FROM bank_transactions d
                       WHERE d.bank_account = n.bank_account AND d.bank_transaction_id = n.word
                         AND d.detail_index IS NOT NULL AND d.disposition = 'payment'
                         AND d.currency = n.currency AND d.amount = n.amount
                       ORDER BY d.detail_index LIMIT 64) b
  JOIN payments p ON p.payment_id = b.payment_id
UNION ALL
SELECT 'e2e', n.bank_account, n.word, p.payment_id, p.account_id, 0, p.currency, b.debtor_account
  FROM unnest($3::text[], $4::text[]) AS n(bank_account, word)
  JOIN bank_transactions b ON b.end_to_end_id = n.word AND b.bank_account = n.bank_account
  JOIN payments p ON p.payment_id = b.payment_id
UNION ALL
SELECT 'payer', n.bank_account, n.word, p.payment_id, p.account_id, n.amount, n.currency,
       b.debtor_account
  FROM unnest($5::text[], $6::text[], $7::text[], $8::bigint[])
       AS n(bank_account, word, currency, amount)
  JOIN bank_transactions b ON b.debtor_account = n.word AND b.bank_account = n.bank_account
   AND b.currency = n.currency AND b.amount = n.amount
  JOIN payments p ON p.payment_id = b.payment_id
