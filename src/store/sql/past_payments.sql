-- The bank payments of a time in the order in which they were recorded, page by page through a
-- cursor: one pass over the table, whatever its size, and a page of it in memory.
DECLARE past_payments NO SCROLL CURSOR FOR
SELECT p.account_id AS owner, p.amount - p.returned - p.refunded - p.split AS free, p.recorded_at,
       d.rule AS decided_rule, d.outcome AS decided_outcome, d.reason AS decided_reason,
       b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition,
       b.payment_id, b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date,
       b.value_date, b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id,
       b.debtor_name, b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured,
       b.return_of, b.instructed_currency, b.instructed_amount, b.detail_index,
       b.entry_amount, b.entry_details
  FROM payments p
  JOIN bank_transactions b ON b.payment_id = p.payment_id
  LEFT JOIN LATERAL (SELECT rule, outcome, reason FROM decisions d
                      WHERE d.payment_id = p.payment_id
                      ORDER BY place DESC NULLS LAST, decision_id DESC LIMIT 1) d ON true
 WHERE p.origin = 'bank' AND p.recorded_at >= $1::timestamptz AND p.recorded_at < $2::timestamptz
   AND ($3::text IS NULL OR p.account_id = $3)
   AND p.state NOT IN ('returned', 'removed', 'ignored', 'split')
   AND p.amount > p.returned + p.refunded + p.split
   -- What only a person decides, whatever the rules are.
   AND p.question IS NULL
 ORDER BY p.recorded_at, p.payment_id
