-- What the bank said of one payment. Index: bank_transactions_payment_id_key.
SELECT bank_account, bank_key, status, credit_debit, reversal, currency, amount, charges,
       booking_date, value_date, bank_transaction_id, statement_id, entry_reference,
       end_to_end_id, debtor_name, debtor_account, virtual_account, creditor_reference,
       unstructured, recorded_at
  FROM bank_transactions
 WHERE payment_id = $1
