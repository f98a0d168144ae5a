-- What is told twice in equal words, by one with the bank's id and by one without, or by entries of
-- two statements: unless a person was asked, the money counts twice.
SELECT format('payment %s', a.payment_id) AS subject,
       format('says the same as payment %s, and nobody was asked', b.payment_id) AS detail
  FROM payments_without_bank_id w
  JOIN bank_transactions a ON a.payment_id = w.payment_id
  JOIN bank_transactions b
    ON b.bank_account = w.bank_account AND b.booking_date = w.booking_date
   AND b.currency = w.currency AND b.amount = w.amount
   AND payer_key(b.debtor_account) = w.payer
   AND coalesce(b.unstructured, '') = coalesce(a.unstructured, '')
   AND coalesce(b.creditor_reference, '') = coalesce(a.creditor_reference, '')
   AND coalesce(b.end_to_end_id, '') = coalesce(a.end_to_end_id, '')
   AND coalesce(b.virtual_account, '') = coalesce(a.virtual_account, '')
   AND coalesce(b.detail_index, 0) = coalesce(a.detail_index, 0)
 WHERE b.disposition = 'payment' AND b.bank_transaction_id IS NOT NULL
   AND NOT coalesce(a.statement_id = b.statement_id AND a.entry_reference <> b.entry_reference,
                    false)
   AND NOT EXISTS (SELECT 1 FROM told_again t WHERE t.bank_account = a.bank_account
                      AND t.bank_key IN (a.bank_key, b.bank_key))
UNION ALL
SELECT format('return %s', a.bank_key),
       format('says the same as return %s, and nobody was asked', b.bank_key)
  FROM bank_transactions a
  JOIN bank_transactions b
    ON b.bank_account = a.bank_account AND b.booking_date = a.booking_date
   AND b.currency = a.currency AND b.amount = a.amount AND b.bank_key > a.bank_key
   AND b.return_of ->> 0 = a.return_of ->> 0
   AND coalesce(b.return_of ->> 1, '') = coalesce(a.return_of ->> 1, '')
   AND coalesce(b.detail_index, 0) = coalesce(a.detail_index, 0)
   AND coalesce(b.debtor_account, '') = coalesce(a.debtor_account, '')
 WHERE a.disposition = 'returned' AND b.disposition = 'returned'
   AND (a.bank_transaction_id IS NULL OR b.bank_transaction_id IS NULL)
   AND NOT coalesce(a.statement_id = b.statement_id AND a.entry_reference <> b.entry_reference,
                    false)
   AND NOT EXISTS (SELECT 1 FROM told_again t WHERE t.bank_account = a.bank_account
                      AND t.bank_key IN (a.bank_key, b.bank_key))
