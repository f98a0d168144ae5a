-- The bank's payments with exactly this money, of which nothing is allocated: an advice of these
-- bank accounts, currencies and amounts may be about one of them. A bounded number for each.
-- Index: open_payments_by_money.
SELECT p.account_id AS owner, b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition,
       b.payment_id, b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date,
       b.value_date, b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id,
       b.debtor_name, b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured,
       b.return_of, b.instructed_currency, b.instructed_amount, b.detail_index,
       b.entry_amount, b.entry_details
FROM (SELECT DISTINCT f.payment_id
        FROM unnest($1::text[], $2::text[], $3::bigint[]) AS k(bank_account, currency, amount)
       CROSS JOIN LATERAL (
           SELECT o.payment_id FROM open_payments o
             JOIN bank_transactions t ON t.payment_id = o.payment_id
            WHERE o.bank AND o.free = k.amount AND o.currency = k.currency
              AND t.amount = k.amount AND t.bank_account = k.bank_account
            ORDER BY o.payment_id LIMIT $4) f) found
JOIN bank_transactions b ON b.payment_id = found.payment_id
JOIN payments p ON p.payment_id = found.payment_id
