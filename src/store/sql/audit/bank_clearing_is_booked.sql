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
      JOIN ledger_transactions t USING (ledger_transaction_id)
      LEFT JOIN payment_returns r ON r.ledger_transaction_id = t.ledger_transaction_id
      LEFT JOIN bank_transactions b ON b.payment_id = t.payment_id
     WHERE e.ledger_account = 'bank_clearing'
       AND t.kind NOT IN ('payment_removed', 'payment_refunded', 'payment_dismissed')
       AND coalesce(r.bank_account, b.bank_account) IS NOT NULL
     GROUP BY 1, 2
)
SELECT format('bank account %s in %s', bank_account, currency) AS subject,
       format('%s micros were booked and bank clearing has %s', coalesce(k.total, 0),
              coalesce(c.total, 0)) AS detail
  FROM booked k FULL JOIN cleared c USING (bank_account, currency)
 WHERE coalesce(k.total, 0) <> coalesce(c.total, 0)
