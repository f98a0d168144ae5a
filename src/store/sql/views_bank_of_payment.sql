-- What the bank said of one payment. Indexes: bank_transactions_payment_id_key,
-- bank_transactions_superseded.
SELECT bank_account, bank_key, status, credit_debit, reversal, currency, amount, charges,
       booking_date, value_date, bank_transaction_id, statement_id, entry_reference,
       end_to_end_id, debtor_name, debtor_account, virtual_account, creditor_reference,
       unstructured, recorded_at,
       (SELECT min(a.recorded_at) FROM bank_transactions a
         WHERE a.bank_account = t.bank_account AND a.superseded_by = t.bank_key) AS announced_at
  FROM bank_transactions t
 WHERE payment_id = $1
