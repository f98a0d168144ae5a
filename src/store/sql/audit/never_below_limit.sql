SELECT format('account %s, %s', r.account_id, r.currency) AS subject,
       format('after ledger transaction %s the balance was %s micros',
              r.ledger_transaction_id, r.balance) AS detail
  FROM (SELECT e.account_id, e.currency, e.ledger_transaction_id,
               sum(e.amount) OVER (PARTITION BY e.account_id, e.currency
                   -- As each batch left it: its postings become visible together.
                  ORDER BY t.posted_at
                   RANGE UNBOUNDED PRECEDING)
               -- A batch is stamped when it begins, and the account may be locked by one that
               -- began after it: of batches that overlapped the money may have come first.
               + coalesce(sum(greatest(e.amount, 0)) OVER (PARTITION BY e.account_id, e.currency
                  ORDER BY t.posted_at
                   RANGE BETWEEN CURRENT ROW AND interval '5 seconds' FOLLOWING EXCLUDE GROUP), 0)
                   AS balance
          FROM ledger_entries e JOIN ledger_transactions t USING (ledger_transaction_id)
         WHERE e.ledger_account = 'customer_balance') r
  LEFT JOIN credit_limits l ON l.account_id = r.account_id AND l.currency = r.currency
 WHERE r.balance < -coalesce(l.amount, 0)
   -- Usage and returns are facts: what no lot covered and what was clawed back may go beyond, and
   -- nothing else.
   AND r.balance < -coalesce((SELECT sum(c.uncovered) FROM usage_charges c
                               WHERE c.account_id = r.account_id AND c.currency = r.currency), 0)
                  -coalesce((SELECT sum(v.clawed_back)
                               FROM allocation_reversals v JOIN allocations a USING (allocation_id)
                              WHERE v.clawed_back > 0 AND a.account_id = r.account_id
                                AND a.currency = r.currency), 0)
