-- Money of each payment that lay unallocated at $1: what is open now, less what came and went
-- since. Age by the days of zone $2. A report of a month's end: it reads the ledger since $1.
WITH since AS (
    SELECT t.payment_id, sum(e.amount)::bigint AS moved
      FROM ledger_transactions t
      JOIN ledger_entries e ON e.ledger_transaction_id = t.ledger_transaction_id
     WHERE t.posted_at > $1 AND e.ledger_account = 'unallocated_cash'
     GROUP BY t.payment_id),
held AS (
    SELECT coalesce(o.payment_id, s.payment_id) AS payment_id, coalesce(s.moved, 0) <> 0 AS moved,
           coalesce(o.free, 0) - coalesce(s.moved, 0) AS free
      FROM open_payments o FULL JOIN since s ON s.payment_id = o.payment_id)
SELECT h.payment_id, p.account_id, p.currency, h.free::text AS unallocated, p.received_on, p.reason,
       (($1::timestamptz AT TIME ZONE $2)::date - p.received_on)::bigint AS age_days,
       CASE WHEN NOT h.moved AND p.state = 'partly_allocated' THEN 'rest'
            WHEN NOT h.moved THEN p.state
            -- It has gone somewhere since: what was decided of it by then.
            WHEN h.free < p.amount AND EXISTS (SELECT 1 FROM allocations a
                  WHERE a.payment_id = h.payment_id AND a.allocated_at <= $1) THEN 'rest'
            WHEN (SELECT d.outcome FROM decisions d
                   WHERE d.payment_id = h.payment_id AND d.decided_at <= $1
                   ORDER BY d.place DESC NULLS LAST, d.decision_id DESC LIMIT 1)
                 IN ('parked', 'suggested') THEN 'parked'
            ELSE 'on_account' END AS kind
  FROM held h
  JOIN payments p ON p.payment_id = h.payment_id
 WHERE h.free <> 0
 ORDER BY p.currency, p.account_id NULLS FIRST, p.received_on, h.payment_id
