-- One payment, with what it waits for: not what was paid or voided, which is never sent again; and
-- whether it was sent already. Indexes: payments_pkey, watches_payment, invoices_folded_key,
-- invoices_number_key, invoices_payment_reference_key.
SELECT payment_id, account_id, currency, amount, allocated, returned, refunded, split, state,
       reason, question, origin, received_on, method, reference, remark, recorded_at,
       coalesce(n.watches, '{}') AS watches, coalesce(n.sent, '{}') AS sent,
       (SELECT e.payment_id FROM bank_transactions b
          JOIN told_again t USING (bank_account, bank_key)
          JOIN bank_transactions e
            ON e.bank_account = t.bank_account AND e.bank_key = t.earlier_key
         WHERE b.payment_id = p.payment_id) AS looks_like
  FROM payments p
  LEFT JOIN LATERAL (
       SELECT array_agg(w.watch_key ORDER BY w.watch_key) AS watches,
              array_agg(coalesce(i.sent, false) ORDER BY w.watch_key) AS sent
         FROM watches w
        CROSS JOIN LATERAL (
              SELECT bool_and(k.status IN ('provisioned', 'voided')) AS is_over,
                     bool_or(k.status = 'awaiting_payment') AS sent
                FROM (SELECT status FROM invoices
                       WHERE folded_key = substring(w.watch_key FROM '^number:(.*)$')
                      UNION ALL
                      SELECT status FROM invoices
                       WHERE number_key = substring(w.watch_key FROM '^number:(.*)$')
                      UNION ALL
                      SELECT status FROM invoices
                       WHERE payment_reference = substring(w.watch_key FROM '^ref:(.*)$')) k) i
        WHERE w.payment_id = p.payment_id AND NOT coalesce(i.is_over, false)) n ON true
 WHERE payment_id = $1
