-- The bank's payments with exactly this money that came since $4 and have paid something:
-- an advice of these bank accounts, currencies and amounts may be about one of them. The
-- newest of each. Index: payments_amount, bank_transactions_payment.
SELECT p.owner, b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition,
       b.payment_id, b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date,
       b.value_date, b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id,
       b.debtor_name, b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured,
       b.return_of, b.instructed_currency, b.instructed_amount, b.detail_index,
       b.entry_amount, b.entry_details
FROM (SELECT DISTINCT bank_account, currency, amount
        FROM unnest($1::text[], $2::text[], $3::bigint[]) AS u(bank_account, currency, amount)
     ) k
CROSS JOIN LATERAL (
    SELECT m.payment_id, m.account_id AS owner FROM payments m
     WHERE m.amount = k.amount AND m.received_on >= $4
       AND m.currency = k.currency AND m.allocated > 0
     ORDER BY m.received_on DESC, m.recorded_at DESC LIMIT $5) p
JOIN bank_transactions b ON b.payment_id = p.payment_id AND b.bank_account = k.bank_account
