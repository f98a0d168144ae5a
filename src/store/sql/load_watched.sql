SELECT w.watch_key, b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition,
       b.payment_id, b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date,
       b.value_date, b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id,
       b.debtor_name, b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured,
       b.return_of, b.instructed_currency, b.instructed_amount, b.detail_index,
       b.entry_amount, b.entry_details
-- A bounded number for each invoice: those that name it, those whose money is exactly its amount
-- (one more for each further invoice of that amount), and some of the others that are held for its
-- customer.
FROM (SELECT w.watch_key, w.payment_id
        FROM unnest($1::text[]) AS named(watch_key)
       CROSS JOIN LATERAL (SELECT n.watch_key, n.payment_id FROM watches n
              WHERE n.watch_key = named.watch_key ORDER BY n.payment_id LIMIT $6) w
      UNION
      SELECT w.watch_key, w.payment_id
        FROM (SELECT DISTINCT watch_key FROM unnest($2::text[]) AS u(watch_key) OFFSET 0) held
       CROSS JOIN LATERAL (SELECT n.watch_key, n.payment_id FROM watches n
              WHERE n.watch_key = held.watch_key ORDER BY n.payment_id LIMIT $7) w
      UNION
      SELECT w.watch_key, w.payment_id
        FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $8::bigint[])
               AS sent(watch_key, account_id, currency, due, most)
       CROSS JOIN LATERAL (SELECT p.payment_id FROM open_payments p
              WHERE p.account_id = sent.account_id AND p.currency = sent.currency
                AND p.free = sent.due
              ORDER BY p.payment_id LIMIT sent.most) p
        JOIN watches w ON w.watch_key = sent.watch_key AND w.payment_id = p.payment_id) w
JOIN bank_transactions b ON b.payment_id = w.payment_id
