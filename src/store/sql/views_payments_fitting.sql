-- Of these payments, in their order, those that fit. Indexes: payments_pkey,
-- bank_transactions_payment_id_key, decisions_pkey, allocations_live_pair.
SELECT p.payment_id, p.account_id, p.currency, p.amount, p.allocated, p.returned, p.refunded,
       p.split, p.state, p.reason, p.origin, p.received_on, p.recorded_at,
       (SELECT e.payment_id FROM bank_transactions t
          JOIN told_again d USING (bank_account, bank_key)
          JOIN bank_transactions e
            ON e.bank_account = d.bank_account AND e.bank_key = d.earlier_key
         WHERE t.payment_id = p.payment_id) AS looks_like,
       b.debtor_name, b.debtor_account, b.said,
       concat_ws(' ', p.reference, p.remark, p.method) AS noted
  FROM unnest($1::text[]) WITH ORDINALITY w (payment_id, place)
  JOIN payments p ON p.payment_id = w.payment_id
  LEFT JOIN LATERAL (
      SELECT t.debtor_name, t.debtor_account,
             concat_ws(' ', t.unstructured, t.creditor_reference, t.end_to_end_id,
                       t.bank_transaction_id) AS said
        FROM bank_transactions t WHERE $9::boolean AND t.payment_id = p.payment_id) b ON true
 WHERE ($2::text IS NULL OR p.account_id = $2)
   AND ($3::text IS NULL OR p.state = $3)
   AND ($4::text IS NULL OR p.reason = $4
        OR p.reason = 'two_person_limit' AND $4 = 'above_auto_limit')
   AND ($5::text IS NULL OR p.currency = $5)
   AND ($6::bigint IS NULL OR p.amount = $6)
   AND p.received_on BETWEEN $7 AND $8
   AND ($10::text IS NULL
        OR $10 = (SELECT d.rule FROM decisions d WHERE d.payment_id = p.payment_id
                   ORDER BY d.place DESC NULLS LAST, d.decision_id DESC LIMIT 1)
        OR EXISTS (SELECT 1 FROM allocations a
                    WHERE a.payment_id = p.payment_id AND a.rule = $10
                      AND a.reversed_at IS NULL AND a.restores IS NULL))
 ORDER BY w.place
