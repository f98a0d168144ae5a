-- The payments that returns may mean: by the bank's id, as a detail of that amount of the entry of
-- that id, by the id under which the bank undid an earlier return of that amount, by the end-to-end
-- id, by payer and amount. Of those that have the same in common $11 are
-- read: that is too many to tell apart by it.
SELECT 'id' AS how, n.bank_account, n.word, p.payment_id, p.account_id, 0::bigint AS amount,
       b.currency, b.amount AS booked, b.bank_transaction_id, b.detail_index, b.end_to_end_id,
       b.debtor_account
  FROM unnest($1::text[], $2::text[]) AS n(bank_account, word)
  JOIN bank_transactions b ON b.bank_account = n.bank_account AND b.bank_key = 'id:' || n.word
  JOIN payments p ON p.payment_id = b.payment_id
UNION ALL
SELECT 'detail', n.bank_account, n.word, p.payment_id, p.account_id, n.amount, b.currency, b.amount,
       b.bank_transaction_id, b.detail_index, b.end_to_end_id, b.debtor_account
  FROM unnest($1::text[], $2::text[], $9::text[], $10::bigint[])
       AS n(bank_account, word, currency, amount)
  CROSS JOIN LATERAL (SELECT d.* FROM bank_transactions d
                       WHERE d.bank_account = n.bank_account AND d.bank_transaction_id = n.word
                         AND d.detail_index IS NOT NULL AND d.disposition = 'payment'
                         AND d.currency = n.currency AND d.amount = n.amount
                       ORDER BY d.detail_index LIMIT $11) b
  JOIN payments p ON p.payment_id = b.payment_id
UNION ALL
SELECT 'undone', n.bank_account, n.word, p.payment_id, p.account_id, n.amount, b.currency, b.amount,
       b.bank_transaction_id, b.detail_index, b.end_to_end_id, b.debtor_account
  FROM unnest($1::text[], $2::text[], $9::text[], $10::bigint[])
       AS n(bank_account, word, currency, amount)
  CROSS JOIN LATERAL (SELECT r.payment_id FROM payment_returns r
                       WHERE r.bank_account = n.bank_account AND r.bank_transaction_id = n.word
                         AND r.undoes IS NOT NULL AND r.currency = n.currency
                         AND r.amount = n.amount LIMIT $11) r
  JOIN bank_transactions b ON b.payment_id = r.payment_id
  JOIN payments p ON p.payment_id = r.payment_id
UNION ALL
SELECT 'e2e', n.bank_account, n.word, p.payment_id, p.account_id, 0, b.currency, b.amount,
       b.bank_transaction_id, b.detail_index, b.end_to_end_id, b.debtor_account
  FROM unnest($3::text[], $4::text[]) AS n(bank_account, word)
  CROSS JOIN LATERAL (SELECT d.* FROM bank_transactions d
                       WHERE d.end_to_end_id = n.word AND d.bank_account = n.bank_account
                         AND d.disposition = 'payment' LIMIT $11) b
  JOIN payments p ON p.payment_id = b.payment_id
UNION ALL
SELECT 'payer', n.bank_account, n.word, p.payment_id, p.account_id, n.amount, b.currency, b.amount,
       b.bank_transaction_id, b.detail_index, b.end_to_end_id, b.debtor_account
  FROM unnest($5::text[], $6::text[], $7::text[], $8::bigint[])
       AS n(bank_account, word, currency, amount)
  CROSS JOIN LATERAL (SELECT d.* FROM bank_transactions d
                       WHERE d.debtor_account = n.word AND d.bank_account = n.bank_account
                         AND d.currency = n.currency AND d.amount = n.amount
                         AND d.disposition = 'payment' LIMIT $11) b
  JOIN payments p ON p.payment_id = b.payment_id
