-- What the bank took back or gave back again on the same bank account and day, of the same amount,
-- at most $6 of each; where only records with an id are asked for, those without. Indexes:
-- bank_transactions_nameless_back, bank_transactions_steps_back.
SELECT b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition, b.payment_id,
       b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date, b.value_date,
       b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id, b.debtor_name,
       b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured, b.return_of,
       b.instructed_currency, b.instructed_amount, b.detail_index, b.entry_amount, b.entry_details
FROM unnest($1::text[], $2::date[], $3::text[], $4::bigint[], $5::boolean[])
       AS asked (bank_account, booking_date, currency, amount, without_id)
CROSS JOIN LATERAL (
    SELECT t.* FROM (
        SELECT n.* FROM bank_transactions n
         WHERE n.bank_account = asked.bank_account AND n.booking_date = asked.booking_date
           AND n.currency = asked.currency AND n.amount = asked.amount
           AND n.bank_transaction_id IS NULL
           AND n.disposition IN ('return_parked', 'returned', 'return_undone', 'return_ended',
                                 'refund_bounced')
        UNION ALL
        SELECT n.* FROM bank_transactions n
         WHERE asked.without_id
           AND n.bank_account = asked.bank_account AND n.booking_date = asked.booking_date
           AND n.currency = asked.currency AND n.amount = asked.amount
           AND n.bank_transaction_id IS NOT NULL
           AND n.disposition IN ('return_parked', 'returned', 'return_undone', 'return_ended',
                                 'refund_bounced')) t LIMIT $6) b
