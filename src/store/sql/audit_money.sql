-- name: audit_transactions_are_whole
-- The legs are numbered from one on, and say the same of their ledger transaction.
SELECT format('ledger transaction %s', ledger_transaction_id) AS subject,
       format('it has %s legs, from %s to %s, of %s kinds, payments and instants', count(*),
              min(leg), max(leg), count(DISTINCT (kind, currency, payment_id, said, posted_at)))
           AS detail
  FROM ledger_transfers
 GROUP BY ledger_transaction_id
HAVING (count(*), min(leg), count(DISTINCT leg)) <> (max(leg), 1, max(leg))
    OR count(DISTINCT (kind, currency, payment_id, said, posted_at)) <> 1

-- name: audit_transfers_move_money
-- The sum of the ledger is zero whatever stands in it: each amount is on both sides.
SELECT format('ledger transaction %s, leg %s', ledger_transaction_id, leg) AS subject,
       format('%s micros %s go from %s of %s to %s of %s', amount, currency, debit,
              coalesce(debit_account, 'nobody'), credit, coalesce(credit_account, 'nobody'))
           AS detail
  FROM ledger_transfers
 WHERE amount <= 0 OR debit = credit
    OR (debit = 'customer_balance') <> (debit_account IS NOT NULL)
    OR (credit = 'customer_balance') <> (credit_account IS NOT NULL)

-- name: audit_balance_is_sum_of_entries
SELECT format('account %s, %s', account_id, currency) AS subject,
       format('the balance is %s and its entries sum to %s micros', coalesce(b.amount, 0),
              coalesce(e.total, 0)) AS detail
  FROM (SELECT account_id, currency, sum(amount) AS total FROM ledger_entries
         WHERE ledger_account = 'customer_balance' GROUP BY account_id, currency) e
  FULL JOIN (SELECT account_id, currency, sum(amount) AS amount FROM balances
              GROUP BY account_id, currency) b USING (account_id, currency)
 WHERE coalesce(e.total, 0) <> coalesce(b.amount, 0)

-- name: audit_balance_within_limit
SELECT format('account %s, %s', b.account_id, b.currency) AS subject,
       format('the balance is %s and the credit limit %s micros', b.amount,
              coalesce(l.amount, 0)) AS detail
  FROM balances b
  LEFT JOIN credit_limits l ON l.account_id = b.account_id AND l.currency = b.currency
 WHERE b.amount < -coalesce(l.amount, 0)
   -- Usage and returns are facts: what no lot covered and what was clawed back may go beyond, and
   -- nothing else.
   AND b.amount < -coalesce((SELECT sum(c.uncovered) FROM usage_uncovered c
                              WHERE c.account_id = b.account_id AND c.currency = b.currency), 0)
                  -coalesce((SELECT sum(r.clawed_back)
                               FROM allocation_reversals r JOIN allocations a USING (allocation_id)
                              WHERE r.clawed_back > 0 AND a.account_id = b.account_id
                                AND a.currency = b.currency), 0)

-- name: audit_payment_not_exceeded
SELECT format('payment %s', p.payment_id) AS subject,
       format('%s micros are allocated of %s', sum(a.amount - a.reversed), p.amount) AS detail
  FROM payments p
  JOIN allocations a ON a.payment_id = p.payment_id
 GROUP BY p.payment_id, p.amount, p.returned, p.refunded, p.split
HAVING sum(a.amount - a.reversed) > p.amount - p.returned - p.refunded - p.split

-- name: audit_invoice_not_exceeded
SELECT format('invoice %s', i.invoice_id) AS subject,
       format('%s micros are allocated to %s', sum(a.amount - a.reversed), i.amount) AS detail
  FROM invoices i
  JOIN allocations a ON a.invoice_id = i.invoice_id
 GROUP BY i.invoice_id, i.amount
HAVING sum(a.amount - a.reversed) > i.amount

-- name: audit_provisioned_iff_covered
SELECT format('invoice %s', i.invoice_id) AS subject,
       format('it is %s with %s of %s micros allocated', i.status, coalesce(a.total, 0),
              i.amount) AS detail
  FROM invoice_states i
  LEFT JOIN (SELECT invoice_id, sum(amount - reversed) AS total FROM allocations
              GROUP BY invoice_id) a USING (invoice_id)
 WHERE (i.status = 'provisioned') <> (coalesce(a.total, 0) = i.amount)

-- name: audit_status_iff_stamped
-- What was sent and is not payable has an allocation that covered it; what is payable was sent and
-- is not voided.
SELECT format('invoice %s', i.invoice_id) AS subject,
       format('it is %s; sent %s, provisioned %s, voided %s', i.status, i.sent_at,
              i.provisioned_at, i.voided_at) AS detail
  FROM invoice_states i
  LEFT JOIN payable_invoices p USING (invoice_id)
 WHERE (i.status = 'provisioned') <> (i.provisioned_at IS NOT NULL)
    OR (p.invoice_id IS NOT NULL AND (i.sent_at IS NULL OR i.voided_at IS NOT NULL))

-- name: audit_allocation_posted_once
SELECT format('allocation %s', a.allocation_id) AS subject,
       CASE WHEN t.ledger_transaction_id IS NULL THEN 'its ledger transaction does not exist'
            ELSE format('its ledger transaction is %s of payment %s', t.kind, t.payment_id)
       END AS detail
  FROM allocations a
  LEFT JOIN ledger_transactions t USING (ledger_transaction_id)
 WHERE t.ledger_transaction_id IS NULL
    OR t.kind <> CASE WHEN a.restores IS NOT NULL THEN 'return_undone'
                      WHEN t.kind = 'provisioned' THEN t.kind ELSE 'payment_provisioned' END
    OR t.payment_id <> a.payment_id

-- name: audit_provisioned_is_allocated
-- Over an account the balance rises by its allocations, in the invoice's account and currency.
SELECT format('ledger transaction %s, account %s', ledger_transaction_id, account_id) AS subject,
       format('%s micros %s were provisioned and %s allocated', coalesce(e.total, 0), currency,
              coalesce(a.total, 0)) AS detail
  FROM (SELECT ledger_transaction_id, account_id, currency, sum(amount) AS total
          FROM ledger_entries
         WHERE ledger_account = 'customer_balance'
           AND kind IN ('payment_provisioned', 'provisioned', 'return_undone')
         GROUP BY ledger_transaction_id, account_id, currency) e
  FULL JOIN (SELECT a.ledger_transaction_id, i.account_id, i.currency, sum(a.amount) AS total
               FROM allocations a JOIN invoices i USING (invoice_id)
              GROUP BY a.ledger_transaction_id, i.account_id, i.currency) a
    USING (ledger_transaction_id, account_id, currency)
 WHERE coalesce(e.total, 0) <> coalesce(a.total, 0)

-- name: audit_same_tenant
SELECT format('allocation %s', a.allocation_id) AS subject,
       format('payment %s is of %s in %s, invoice %s of %s in %s, the allocation of %s in %s',
              p.payment_id, p.account_id, p.currency, i.invoice_id, i.account_id, i.currency,
              a.account_id, a.currency) AS detail
  FROM allocations a
  LEFT JOIN payments p USING (payment_id)
  LEFT JOIN invoices i USING (invoice_id)
 WHERE (p.account_id, p.currency) IS DISTINCT FROM (a.account_id, a.currency)
    OR (i.account_id, i.currency) IS DISTINCT FROM (a.account_id, a.currency)

-- name: audit_nothing_on_unpayable
SELECT format('allocation %s', a.allocation_id) AS subject,
       format('it is live on invoice %s, which is %s', i.invoice_id, i.status) AS detail
  FROM allocations a
  JOIN invoice_states i USING (invoice_id)
 WHERE a.reversed < a.amount AND i.status IN ('draft', 'voided')

-- name: audit_voided_was_never_paid
SELECT format('invoice %s', i.invoice_id) AS subject,
       format('it is voided with %s micros allocated, and payable by %s', coalesce(a.total, 0),
              coalesce(p.due, 0)) AS detail
  FROM invoices i
  LEFT JOIN (SELECT invoice_id, sum(amount - reversed) AS total FROM allocations
              GROUP BY invoice_id) a USING (invoice_id)
  LEFT JOIN payable_invoices p USING (invoice_id)
 WHERE i.voided_at IS NOT NULL AND (coalesce(a.total, 0) <> 0 OR p.invoice_id IS NOT NULL)

-- name: audit_one_payment_per_transaction
-- The money of a bank transaction is in the books once: what the ledger took in for it is what the
-- bank booked.
SELECT format('payment %s', b.payment_id) AS subject,
       format('%s bank transactions name it, with %s micros, and the ledger took in %s', count(*),
              sum(b.amount), coalesce(l.amount, 0)) AS detail
  FROM money_records b
  LEFT JOIN (SELECT payment_id, currency, sum(amount) AS amount FROM ledger_transfers
              WHERE kind IN ('payment_received', 'payment_provisioned')
              GROUP BY payment_id, currency) l
    ON l.payment_id = b.payment_id AND l.currency = b.currency
 WHERE b.payment_id IS NOT NULL AND b.bank_key IS NOT NULL
 GROUP BY b.payment_id, b.currency, l.amount
HAVING count(*) <> 1 OR sum(b.amount) <> coalesce(l.amount, 0)

-- name: audit_never_below_limit
SELECT format('account %s, %s', r.account_id, r.currency) AS subject,
       format('after ledger transaction %s the balance was %s micros',
              r.ledger_transaction_id, r.balance) AS detail
  FROM (SELECT e.account_id, e.currency, e.ledger_transaction_id,
               sum(e.amount) OVER (PARTITION BY e.account_id, e.currency
                   -- As each batch left it: its postings become visible together.
                  ORDER BY e.posted_at
                   RANGE UNBOUNDED PRECEDING)
               -- A batch is stamped when it begins, and the account may be locked by one that
               -- began after it: of batches that overlapped the money may have come first.
               + coalesce(sum(greatest(e.amount, 0)) OVER (PARTITION BY e.account_id, e.currency
                  ORDER BY e.posted_at
                   RANGE BETWEEN CURRENT ROW AND interval '5 seconds' FOLLOWING EXCLUDE GROUP), 0)
                   AS balance
          FROM ledger_entries e
         WHERE e.ledger_account = 'customer_balance') r
  LEFT JOIN credit_limits l ON l.account_id = r.account_id AND l.currency = r.currency
 WHERE r.balance < -coalesce(l.amount, 0)
   -- Usage and returns are facts: what no lot covered and what was clawed back may go beyond, and
   -- nothing else.
   AND r.balance < -coalesce((SELECT sum(c.uncovered) FROM usage_uncovered c
                               WHERE c.account_id = r.account_id AND c.currency = r.currency), 0)
                  -coalesce((SELECT sum(v.clawed_back)
                               FROM allocation_reversals v JOIN allocations a USING (allocation_id)
                              WHERE v.clawed_back > 0 AND a.account_id = r.account_id
                                AND a.currency = r.currency), 0)

-- name: audit_amounts_representable
-- Minor units that are not two, by ISO 4217; a test compares them with the domain's table.
SELECT format('%s %s', a.kind, a.id) AS subject,
       format('its amount is %s micros of %s', a.amount, a.currency) AS detail
  FROM (SELECT 'payment' AS kind, payment_id AS id, amount, currency FROM payments
        UNION ALL
        SELECT 'invoice', invoice_id, amount, currency FROM invoices
        UNION ALL
        SELECT 'allocation', allocation_id::text, amount, currency FROM allocations
        UNION ALL
        -- A lot has six decimals: of what goes back at once, the part that was spent and the part
        -- that was not may each have as many, and together they are what can be paid again.
        SELECT 'reversals of allocation', r.allocation_id::text, sum(r.amount)::bigint, a.currency
          FROM allocation_reversals r JOIN allocations a USING (allocation_id)
         GROUP BY r.allocation_id, r.return_id, a.currency) a
 WHERE a.amount <= 0
    OR a.amount % CASE
       WHEN a.currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG',
                               'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF')
           THEN 1000000
       WHEN a.currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND')
           THEN 1000
       WHEN a.currency IN ('CLF', 'UYW')
           THEN 100
       ELSE 10000 END <> 0

-- name: audit_money_is_conserved
-- Bank clearing is negative: the bank holds what we owe. What it took as its fee is the house's.
SELECT format('currency %s', currency) AS subject,
       format('payments here are %s, bank clearing %s, unallocated on payments %s, posted %s',
              coalesce(p.received, 0), coalesce(l.cleared, 0), coalesce(p.free, 0),
              coalesce(l.free, 0)) AS detail
  FROM (SELECT currency, sum(amount - returned - refunded - split) AS received,
               sum(amount - allocated - returned - refunded - split) AS free
          FROM payments WHERE state <> 'removed' GROUP BY currency) p
  FULL JOIN (SELECT currency,
                    -coalesce(sum(amount) FILTER (WHERE ledger_account
                        IN ('bank_clearing', 'fees')), 0) AS cleared,
                    coalesce(sum(amount) FILTER (WHERE ledger_account = 'unallocated_cash'), 0)
                        AS free
               FROM ledger_entries GROUP BY currency) l USING (currency)
 WHERE coalesce(p.received, 0) <> coalesce(l.cleared, 0)
    OR coalesce(p.free, 0) <> coalesce(l.free, 0)

-- name: audit_bank_clearing_is_booked
-- Per bank account, what bank clearing has is what the bank booked of customers' money. What a
-- person removed is out of the books, and so is what the bank took of that later. A posting belongs
-- to the bank account of its return, else to that of its payment.
WITH booked AS (
    SELECT bank_account, currency, sum(amount) AS total FROM (
        SELECT bank_account, currency,
               CASE disposition WHEN 'returned' THEN -amount ELSE amount END AS amount
          FROM bank_transactions WHERE disposition IN ('payment', 'returned', 'return_undone')
        UNION ALL
        SELECT bank_account, currency, CASE WHEN undoes IS NULL THEN removed ELSE -removed END
          FROM payment_returns) entries
     GROUP BY bank_account, currency
), cleared AS (
    SELECT coalesce(r.bank_account, b.bank_account) AS bank_account, e.currency,
           -sum(e.amount) AS total
      FROM ledger_entries e
      LEFT JOIN payment_returns r ON r.ledger_transaction_id = e.ledger_transaction_id
      LEFT JOIN money_records b ON b.payment_id = e.payment_id
     WHERE e.ledger_account = 'bank_clearing'
       AND e.kind NOT IN ('payment_removed', 'payment_refunded', 'payment_dismissed')
       AND coalesce(r.bank_account, b.bank_account) IS NOT NULL
     GROUP BY 1, 2
)
SELECT format('bank account %s in %s', bank_account, currency) AS subject,
       format('%s micros were booked and bank clearing has %s', coalesce(k.total, 0),
              coalesce(c.total, 0)) AS detail
  FROM booked k FULL JOIN cleared c USING (bank_account, currency)
 WHERE coalesce(k.total, 0) <> coalesce(c.total, 0)

-- name: audit_payable_is_awaiting
-- What awaits payment is said by the invoices and their allocations alone.
SELECT format('invoice %s', coalesce(i.invoice_id, p.invoice_id)) AS subject,
       CASE WHEN i.invoice_id IS NULL THEN 'it is payable and does not await payment'
            WHEN p.invoice_id IS NULL THEN 'it awaits payment and is not payable'
            ELSE format('due %s for %s, of %s in %s for %s in %s', p.due, i.due,
                        p.account_id, p.currency, i.account_id, i.currency)
       END AS detail
  FROM (SELECT x.*, x.amount - coalesce(a.total, 0) AS due FROM invoices x
          LEFT JOIN (SELECT invoice_id, sum(amount - reversed) AS total FROM allocations
                      GROUP BY invoice_id) a USING (invoice_id)
         WHERE x.sent_at IS NOT NULL AND x.voided_at IS NULL
           AND x.amount > coalesce(a.total, 0)) i
  FULL JOIN payable_invoices p ON p.invoice_id = i.invoice_id
 WHERE i.invoice_id IS NULL
    OR p.invoice_id IS NULL
    OR (p.due, p.currency, p.account_id, p.due_date, p.sent_at) IS DISTINCT FROM
       (i.due, i.currency, i.account_id, i.due_date, i.sent_at)
    OR (p.candidate_since IS NOT NULL AND p.due <> i.amount)

-- name: audit_payment_allocated_sum
SELECT format('payment %s', p.payment_id) AS subject,
       format('it says %s and its live allocations sum to %s micros', p.allocated,
              coalesce(a.total, 0)) AS detail
  FROM payments p
  LEFT JOIN (SELECT payment_id, sum(amount - reversed) AS total FROM allocations
              GROUP BY payment_id) a USING (payment_id)
 WHERE p.allocated <> coalesce(a.total, 0)

-- name: audit_invoice_allocated_sum
SELECT format('invoice %s', i.invoice_id) AS subject,
       format('it says %s and its live allocations sum to %s micros', i.allocated,
              coalesce(a.total, 0)) AS detail
  FROM invoice_states i
  LEFT JOIN (SELECT invoice_id, sum(amount - reversed) AS total FROM allocations
              GROUP BY invoice_id) a USING (invoice_id)
 WHERE i.allocated <> coalesce(a.total, 0)

-- name: audit_lot_within_allocation
SELECT format('allocation %s', lot_id) AS subject,
       format('of %s micros its lot has %s, %s were reversed and %s of those clawed back', amount,
              remaining, reversed, clawed_back) AS detail
  FROM lots
 WHERE remaining NOT BETWEEN 0 AND amount
    OR clawed_back NOT BETWEEN 0 AND reversed
    OR remaining + reversed - clawed_back > amount
    OR debt_cleared NOT BETWEEN 0 AND amount - remaining

-- name: audit_lots_make_the_balance
SELECT format('account %s, %s', account_id, currency) AS subject,
       format('the lots hold %s and the balance is %s micros', coalesce(l.remaining, 0),
              coalesce(b.amount, 0)) AS detail
  FROM (SELECT account_id, currency, sum(remaining) AS remaining FROM lots
         GROUP BY account_id, currency) l
  FULL JOIN balances b USING (account_id, currency)
 WHERE coalesce(l.remaining, 0) <> greatest(coalesce(b.amount, 0), 0)

-- name: audit_bank_payment_has_its_transaction
SELECT format('payment %s', payment_id) AS subject,
       format('its origin is %s and its record of the bank is %s', origin,
              coalesce(bank_account || ' ' || bank_key, 'missing')) AS detail
  FROM money_records
 WHERE payment_id IS NOT NULL AND (bank_key IS NOT NULL) <> (origin = 'bank')

-- name: audit_payment_is_posted
SELECT format('payment %s', payment_id) AS subject,
       CASE WHEN p.amount IS NULL THEN 'the ledger has it and there is no such payment'
            ELSE format('of %s micros, %s unallocated, the ledger has %s in, %s unallocated',
                        p.amount, p.free, coalesce(l.cleared, 0), coalesce(l.free, 0))
       END AS detail
  FROM (SELECT payment_id, currency,
               CASE state WHEN 'removed' THEN 0
                          ELSE amount - returned - refunded - split END AS amount,
               CASE state WHEN 'removed' THEN 0
                          ELSE amount - allocated - returned - refunded - split END AS free
          FROM payments) p
  FULL JOIN (SELECT payment_id, currency,
                    -coalesce(sum(amount) FILTER (WHERE ledger_account
                        IN ('bank_clearing', 'split_clearing', 'fees')), 0) AS cleared,
                    coalesce(sum(amount) FILTER (WHERE ledger_account = 'unallocated_cash'), 0)
                        AS free
               FROM ledger_entries
              WHERE payment_id IS NOT NULL
              GROUP BY payment_id, currency) l USING (payment_id, currency)
 WHERE p.amount IS NULL
    OR p.amount <> coalesce(l.cleared, 0)
    OR p.free <> coalesce(l.free, 0)

-- name: audit_lot_is_its_consumptions
SELECT format('lot %s', coalesce(l.lot_id, c.lot_id)) AS subject,
       format('of %s micros it has %s and cleared %s of debt; its consumptions are %s and %s',
              l.amount, l.remaining, l.debt_cleared, coalesce(c.burnt, 0), coalesce(c.debt, 0))
           AS detail
  FROM lots l
  FULL JOIN (SELECT lot_id, sum(amount) AS burnt,
                    coalesce(sum(amount) FILTER (WHERE kind IN ('debt', 'debt_refund')), 0) AS debt
               FROM lot_moves GROUP BY lot_id) c ON c.lot_id = l.lot_id
 WHERE l.lot_id IS NULL
    OR l.amount - l.remaining <> coalesce(c.burnt, 0)
    OR l.debt_cleared <> coalesce(c.debt, 0)

-- name: audit_charge_is_burnt
-- Of charges that are gone, what they came to together.
SELECT format('charge %s of account %s', c.usage_id, c.account_id) AS subject,
       format('of %s micros it burnt %s and %s were uncovered', c.amount, coalesce(b.burnt, 0),
              c.uncovered) AS detail
  FROM usage_charges c
  LEFT JOIN (SELECT cause_id, sum(amount) AS burnt FROM lot_moves
              WHERE kind = 'charge' GROUP BY cause_id) b ON b.cause_id = c.charge_id
 WHERE c.amount <> coalesce(b.burnt, 0) + c.uncovered
UNION ALL
SELECT format('pruned charges of account %s in %s', account_id, currency),
       format('they burnt %s micros and the lots lost %s by them', coalesce(p.burnt, 0),
              coalesce(m.lost, 0))
  FROM (SELECT account_id, currency, sum(amount - uncovered) AS burnt FROM pruned_usage
         GROUP BY account_id, currency) p
  FULL JOIN (SELECT l.account_id, l.currency, sum(m.amount) AS lost
               FROM (SELECT lot_id, amount FROM pruned_burns
                      UNION ALL
                     SELECT k.lot_id, k.amount FROM lot_consumptions k
                      WHERE k.kind = 'charge' AND EXISTS (SELECT FROM pruned_months)
                        AND NOT EXISTS (SELECT FROM usage_charges c
                                         WHERE c.charge_id = k.cause_id)) m
               JOIN lots l USING (lot_id)
              GROUP BY l.account_id, l.currency) m USING (account_id, currency)
 WHERE coalesce(p.burnt, 0) <> coalesce(m.lost, 0)

-- name: audit_usage_is_posted
-- Of charges that are gone, month by month.
SELECT format('ledger transaction %s, account %s', ledger_transaction_id, account_id) AS subject,
       format('the ledger has %s micros %s of usage and its records %s', coalesce(e.total, 0),
              currency, coalesce(u.total, 0)) AS detail
  FROM (SELECT ledger_transaction_id, account_id, currency, sum(amount) AS total
          FROM ledger_entries
         WHERE ledger_account = 'customer_balance'
           AND kind IN ('usage_charged', 'usage_refunded')
           AND NOT (kind = 'usage_charged' AND EXISTS (
               SELECT FROM pruned_months m WHERE posted_at >= m.since AND posted_at < m.until))
         GROUP BY ledger_transaction_id, account_id, currency) e
  FULL JOIN (SELECT ledger_transaction_id, account_id, currency, sum(amount) AS total
               FROM (SELECT ledger_transaction_id, account_id, currency, -amount AS amount
                       FROM usage_charges
                      WHERE NOT EXISTS (SELECT FROM pruned_months m
                                         WHERE charged_at >= m.since AND charged_at < m.until)
                      UNION ALL
                     SELECT ledger_transaction_id, account_id, currency, amount
                       FROM usage_refunds) r
              GROUP BY ledger_transaction_id, account_id, currency) u
    USING (ledger_transaction_id, account_id, currency)
 WHERE coalesce(e.total, 0) <> coalesce(u.total, 0)
UNION ALL
SELECT format('charges of account %s in the month of %s', account_id, since),
       format('the ledger has %s micros %s and they were %s', coalesce(e.total, 0), currency,
              coalesce(u.total, 0))
  FROM (SELECT m.since, e.account_id, e.currency, -sum(e.amount) AS total
          FROM pruned_months m
          JOIN ledger_entries e ON e.posted_at >= m.since AND e.posted_at < m.until
         WHERE e.ledger_account = 'customer_balance' AND e.kind = 'usage_charged'
         GROUP BY m.since, e.account_id, e.currency) e
  FULL JOIN (SELECT since, account_id, currency, sum(amount) AS total
               FROM (SELECT since, account_id, currency, amount FROM pruned_usage
                      UNION ALL
                     SELECT m.since, c.account_id, c.currency, c.amount
                       FROM pruned_months m
                       JOIN usage_charges c
                         ON c.charged_at >= m.since AND c.charged_at < m.until) all_of_it
              GROUP BY since, account_id, currency) u
    USING (since, account_id, currency)
 WHERE coalesce(e.total, 0) <> coalesce(u.total, 0)

-- name: audit_refunds_within_charge
SELECT format('charge %s of account %s', r.usage_id, r.account_id) AS subject,
       format('%s micros were refunded of %s', r.refunded, coalesce(c.amount, 0)) AS detail
  FROM (SELECT account_id, usage_id, currency, sum(amount) AS refunded FROM usage_refunds
         GROUP BY account_id, usage_id, currency) r
  LEFT JOIN usage_charges c USING (account_id, usage_id, currency)
 WHERE r.refunded > c.amount
    -- The refund stays when the charge is gone.
    OR c.amount IS NULL AND NOT EXISTS (
       SELECT FROM usage_ids i
         JOIN pruned_months m ON i.charged_at >= m.since AND i.charged_at < m.until
        WHERE i.account_id = r.account_id AND i.usage_id = r.usage_id)

-- name: audit_reversals_are_posted
-- What a step back takes from a balance is what its reversals say, transaction by transaction.
SELECT format('ledger transaction %s, account %s', ledger_transaction_id, account_id) AS subject,
       format('%s micros %s were taken from the balance and %s reversed', coalesce(e.total, 0),
              currency, coalesce(r.total, 0)) AS detail
  FROM (SELECT ledger_transaction_id, account_id, currency, -sum(amount) AS total
          FROM ledger_entries
         WHERE ledger_account = 'customer_balance'
           AND kind IN ('deallocated', 'payment_removed', 'payment_returned', 'claw_back',
                        'split_undone')
         GROUP BY ledger_transaction_id, account_id, currency) e
  FULL JOIN (SELECT v.ledger_transaction_id, a.account_id, a.currency, sum(v.amount) AS total
               FROM allocation_reversals v JOIN allocations a USING (allocation_id)
              GROUP BY v.ledger_transaction_id, a.account_id, a.currency) r
    USING (ledger_transaction_id, account_id, currency)
 WHERE coalesce(e.total, 0) <> coalesce(r.total, 0)

-- name: audit_reversed_is_recorded
SELECT format('allocation %s', a.lot_id) AS subject,
       format('%s micros are reversed (%s of them owed), its reversals are %s',
              a.reversed, a.clawed_back, coalesce(r.total, 0)) AS detail
  FROM lots a
  LEFT JOIN (SELECT allocation_id, sum(amount) AS total FROM allocation_reversals
              GROUP BY allocation_id) r ON r.allocation_id = a.lot_id
  LEFT JOIN (SELECT lot_id, sum(amount) AS total FROM lot_consumptions WHERE kind = 'reversal'
              GROUP BY lot_id) c USING (lot_id)
 WHERE a.reversed <> coalesce(r.total, 0)
    -- What was reversed and is not owed was taken out of the lot.
    OR a.reversed - a.clawed_back <> coalesce(c.total, 0)
    OR (a.reversed = a.amount) <> (a.closed_at IS NOT NULL)

-- name: audit_returns_sum_up
SELECT format('payment %s', p.payment_id) AS subject,
       format('%s micros are returned, its returns are %s, of which %s were taken from invoices '
              'and %s reversed for it', p.returned, coalesce(r.total, 0), coalesce(r.taken, 0),
              coalesce(v.total, 0)) AS detail
  FROM payments p
  LEFT JOIN (SELECT payment_id, sum(CASE WHEN undoes IS NULL THEN amount ELSE -amount END) AS total,
                    sum(CASE WHEN undoes IS NULL THEN unspent + clawed_back ELSE 0 END) AS taken
               FROM payment_returns GROUP BY payment_id) r USING (payment_id)
  -- Of a payment that is split, the allocations of its parts too.
  LEFT JOIN (SELECT k.payment_id, sum(v.amount) AS total
               FROM allocation_reversals v JOIN payment_returns k USING (return_id)
              WHERE v.kind = 'returned' GROUP BY k.payment_id) v USING (payment_id)
 WHERE p.returned <> coalesce(r.total, 0) OR coalesce(r.taken, 0) <> coalesce(v.total, 0)
UNION ALL
SELECT format('bank transaction %s of %s', b.bank_key, b.bank_account),
       format('it is %s and has %s returns, parked %s', b.disposition, count(r.return_id),
              count(k.bank_key))
  FROM bank_transactions b
  LEFT JOIN payment_returns r ON r.bank_account = b.bank_account AND r.bank_key = b.bank_key
  LEFT JOIN parked_returns k ON k.bank_account = b.bank_account AND k.bank_key = b.bank_key
 WHERE b.disposition IN ('returned', 'return_undone', 'return_parked')
    OR r.return_id IS NOT NULL OR k.bank_key IS NOT NULL
 GROUP BY b.bank_account, b.bank_key, b.disposition
HAVING (count(DISTINCT r.return_id) > 0) <> (b.disposition IN ('returned', 'return_undone'))
    OR (count(k.bank_key) > 0) <> (b.disposition = 'return_parked')
UNION ALL
SELECT format('return %s of payment %s', r.return_id, r.payment_id),
       format('of %s micros, %s of them removed, and a fee of %s there came back %s, %s and %s',
              r.amount, r.removed, r.fee, u.amount, u.removed, u.fee)
  FROM payment_returns r
  JOIN (SELECT undoes, sum(amount) AS amount, sum(removed) AS removed, sum(fee) AS fee
          FROM payment_returns WHERE undoes IS NOT NULL GROUP BY undoes) u
    ON u.undoes = r.return_id
 WHERE u.amount > r.amount OR u.removed > r.removed OR u.fee > r.fee

-- name: audit_debts_are_accounted_for
-- What charges and claw-backs ever owed, less what was given back of it, is owed still or was
-- cleared by a lot.
SELECT format('account %s, %s', account_id, currency) AS subject,
       format('%s micros of charges and %s of claw-backs were owed, %s are, lots cleared %s',
              coalesce(c.owed, 0), coalesce(l.clawed_back, 0),
              greatest(-coalesce(b.amount, 0), 0), coalesce(l.cleared, 0)) AS detail
  FROM (SELECT account_id, currency, sum(owed) AS owed
          FROM (SELECT c.account_id, c.currency,
                       c.uncovered - least(c.uncovered, coalesce(r.refunded, 0)) AS owed
                  FROM usage_charges c
                  LEFT JOIN (SELECT account_id, usage_id, sum(amount) AS refunded
                               FROM usage_refunds
                              GROUP BY account_id, usage_id) r USING (account_id, usage_id)
                 UNION ALL
                SELECT account_id, currency, owed FROM pruned_usage) o
         GROUP BY account_id, currency) c
  FULL JOIN (SELECT account_id, currency, sum(clawed_back) AS clawed_back,
                    sum(debt_cleared) AS cleared
               FROM lots GROUP BY account_id, currency) l USING (account_id, currency)
  FULL JOIN balances b USING (account_id, currency)
 WHERE coalesce(c.owed, 0) + coalesce(l.clawed_back, 0)
    <> greatest(-coalesce(b.amount, 0), 0) + coalesce(l.cleared, 0)

-- name: audit_open_payments_have_money
SELECT format('payment %s', coalesce(p.payment_id, o.payment_id)) AS subject,
       CASE WHEN p.payment_id IS NULL THEN 'it is open and has no money to give'
            WHEN o.payment_id IS NULL THEN 'it has money to give and is not open'
            ELSE format('%s micros are open of %s', o.free, p.free)
       END AS detail
  FROM (SELECT payment_id, account_id, currency, origin = 'bank' AS bank,
               amount - allocated - returned - refunded - split AS free
          FROM payments
         WHERE state NOT IN ('allocated', 'returned', 'removed', 'ignored', 'split')
           AND amount > allocated + returned + refunded + split) p
  FULL JOIN open_payments o ON o.payment_id = p.payment_id
 WHERE p.payment_id IS NULL
    OR o.payment_id IS NULL
    OR (o.free, o.currency, o.account_id, o.bank) IS DISTINCT FROM
       (p.free, p.currency, p.account_id, p.bank)

-- name: audit_unallocated_is_open
-- What the report and the daily lists show is what the ledger holds for nobody yet.
SELECT format('currency %s', currency) AS subject,
       format('open payments have %s micros, the ledger has %s as unallocated cash',
              coalesce(o.free, 0), coalesce(l.free, 0)) AS detail
  FROM (SELECT currency, sum(free) AS free FROM open_payments GROUP BY currency) o
  FULL JOIN (SELECT currency, sum(amount) AS free FROM ledger_entries
              WHERE ledger_account = 'unallocated_cash' GROUP BY currency) l USING (currency)
 WHERE coalesce(o.free, 0) <> coalesce(l.free, 0)

-- name: audit_splits_sum_up
-- A payment gave what its parts have; a part is what it was split from, and gave all back or none.
SELECT format('payment %s', p.payment_id) AS subject,
       format('it gave %s micros away, its parts have %s', p.split, coalesce(s.total, 0)) AS detail
  FROM payments p
  LEFT JOIN (SELECT s.payment_id, sum(s.amount - coalesce(u.amount, 0)) AS total
               FROM payment_splits s LEFT JOIN split_undos u USING (part_id)
              GROUP BY s.payment_id) s USING (payment_id)
 WHERE p.origin <> 'split' AND p.split <> coalesce(s.total, 0)
UNION ALL
SELECT format('part %s', p.payment_id),
       CASE WHEN s.part_id IS NULL THEN 'no payment was split for it'
            ELSE format('%s micros %s of account %s on %s, split from payment %s (%s, %s, '
                        'on %s) as %s micros of account %s; it gave %s back and %s are recorded',
                        p.amount, p.currency, p.account_id, p.received_on, s.payment_id, w.origin,
                        w.currency, w.received_on, s.amount, s.account_id, p.split,
                        coalesce(u.amount, 0)) END
  FROM payments p
  FULL JOIN payment_splits s ON s.part_id = p.payment_id
  LEFT JOIN payments w ON w.payment_id = s.payment_id
  LEFT JOIN split_undos u ON u.part_id = s.part_id
 WHERE (p.origin = 'split' OR s.part_id IS NOT NULL)
   AND ((p.origin, p.amount, p.currency, p.account_id, p.received_on, p.split)
        IS DISTINCT FROM ('split', s.amount, w.currency, s.account_id, w.received_on,
                          coalesce(u.amount, 0))
        OR s.currency <> w.currency OR w.origin = 'split')

-- name: audit_splits_are_posted
-- From the payment to its parts and back: the ledger account between them is empty at the end.
SELECT format('payment %s', payment_id) AS subject,
       format('%s micros %s are posted between it and its other half, its splits say %s',
              coalesce(l.total, 0), currency, coalesce(s.total, 0)) AS detail
  FROM (SELECT payment_id, currency, sum(amount) AS total FROM ledger_entries
         WHERE ledger_account = 'split_clearing' GROUP BY payment_id, currency) l
  FULL JOIN (SELECT payment_id, currency, sum(total) AS total
               FROM (SELECT s.payment_id, s.currency, s.amount - coalesce(u.amount, 0) AS total
                       FROM payment_splits s LEFT JOIN split_undos u USING (part_id)
                      UNION ALL
                     SELECT s.part_id, s.currency, coalesce(u.amount, 0) - s.amount
                       FROM payment_splits s LEFT JOIN split_undos u USING (part_id)) b
              GROUP BY payment_id, currency) s USING (payment_id, currency)
 WHERE coalesce(l.total, 0) <> coalesce(s.total, 0)
UNION ALL
SELECT format('currency %s', currency), format('%s micros are between payments', sum(amount))
  FROM ledger_entries WHERE ledger_account = 'split_clearing'
 GROUP BY currency HAVING sum(amount) <> 0

-- name: audit_returns_take_their_own
-- A return of a payment takes of its own allocations, and of those of the parts that went back
-- with it.
SELECT format('return %s of payment %s', r.return_id, r.payment_id) AS subject,
       format('it took %s micros of allocation %s of payment %s', v.amount, a.allocation_id,
              a.payment_id) AS detail
  FROM allocation_reversals v
  JOIN payment_returns r ON r.return_id = v.return_id
  JOIN allocations a ON a.allocation_id = v.allocation_id
  LEFT JOIN payment_splits s ON s.part_id = a.payment_id
  LEFT JOIN split_undos u ON u.part_id = s.part_id
 WHERE a.payment_id <> r.payment_id
   AND (s.payment_id, u.return_id) IS DISTINCT FROM (r.payment_id, r.return_id)
UNION ALL
SELECT format('part %s', u.part_id),
       format('return %s took it back and is of payment %s', u.return_id, r.payment_id)
  FROM split_undos u
  JOIN payment_splits s USING (part_id)
  JOIN payment_returns r USING (return_id)
 WHERE r.payment_id <> s.payment_id
