-- name: views_ledger_export
-- The books as they were recorded by $1, or all of them: for those who check them by a program of
-- their own. Days are those of zone $2. With account $3 only its postings, whole. One row for each
-- part of a file, in its order: the currencies; each ledger account with the day of its first
-- entry; the postings by day and id; each balance as it is stored, less what was posted since $1,
-- so that the entries must add up to it. All of it is one statement, so it is one state of the
-- books. It reads the whole ledger: what is sorted lies in the server's files, and a row is made
-- when it is asked for.
WITH lines AS NOT MATERIALIZED (
    SELECT ledger_transaction_id AS posting_id, kind, payment_id, posted_at,
           line, ledger_account, account_id, currency::text AS currency, amount
      FROM ledger_entries
     WHERE $3::text IS NULL OR ledger_transaction_id IN (
           SELECT ledger_transaction_id FROM ledger_entries WHERE account_id = $3)),
sums AS MATERIALIZED (
    SELECT ledger_account, account_id, currency, min(posted_at) AS opened_at,
           coalesce(sum(amount) FILTER (WHERE posted_at > $1), 0) AS since
      FROM lines
     GROUP BY ledger_account, account_id, currency),
opened AS (
    SELECT ledger_account, account_id, min(opened_at) AS opened_at,
           json_agg(currency ORDER BY currency) AS currencies
      FROM sums
     WHERE opened_at <= coalesce($1::timestamptz, 'infinity')
     GROUP BY ledger_account, account_id),
postings AS (
    SELECT posting_id, kind, payment_id, posted_at, (posted_at AT TIME ZONE $2)::date AS day,
           json_agg(json_build_object('ledger_account', ledger_account, 'account_id', account_id,
               'currency', currency, 'micros', amount::text) ORDER BY line) AS entries
      FROM lines
     WHERE posted_at <= coalesce($1, 'infinity')
     GROUP BY posting_id, kind, payment_id, posted_at),
-- What a posting is about. A record is known where it was a payment's decision that posted.
invoices_of AS (
    SELECT ledger_transaction_id, json_agg(DISTINCT invoice_id) AS invoices
      FROM (SELECT ledger_transaction_id, invoice_id FROM allocations
             UNION ALL
            SELECT r.ledger_transaction_id, a.invoice_id
              FROM allocation_reversals r
              JOIN allocations a ON a.allocation_id = r.allocation_id) paid
     GROUP BY ledger_transaction_id),
charges_of AS (
    SELECT ledger_transaction_id, json_agg(usage_id ORDER BY charge_id) AS charges
      FROM usage_charges
     WHERE ledger_transaction_id IS NOT NULL AND ($3 IS NULL OR account_id = $3)
     GROUP BY ledger_transaction_id),
refunds_of AS (
    SELECT ledger_transaction_id, json_agg(refund_id ORDER BY refund_number) AS refunds
      FROM usage_refunds
     WHERE ledger_transaction_id IS NOT NULL AND ($3 IS NULL OR account_id = $3)
     GROUP BY ledger_transaction_id),
records_of AS (
    SELECT payment_id, decided_at,
           json_agg(DISTINCT caused_by_source || ' ' || caused_by_id) AS records
      FROM decisions
     GROUP BY payment_id, decided_at),
held AS (
    SELECT coalesce(b.account_id, s.account_id) AS account_id,
           coalesce(b.currency, s.currency) AS currency,
           coalesce(b.amount, 0) - coalesce(s.since, 0) AS amount
      FROM (SELECT account_id, currency::text AS currency, amount FROM balances
             WHERE $3 IS NULL OR account_id = $3) b
      FULL JOIN (SELECT account_id, currency, opened_at, since FROM sums
                  WHERE ledger_account = 'customer_balance'
                    AND ($3 IS NULL OR account_id = $3)) s
        ON s.account_id = b.account_id AND s.currency = b.currency
     WHERE s.opened_at <= coalesce($1, 'infinity')
        OR coalesce(b.amount, 0) <> coalesce(s.since, 0))
SELECT part
  FROM (SELECT 1 AS place, NULL::date AS day, NULL::bigint AS posting_id, NULL AS ledger_account,
               NULL AS account_id, currency,
               json_build_object('part', 'currency', 'code', currency) AS part
          FROM (SELECT DISTINCT currency FROM sums
                 WHERE opened_at <= coalesce($1, 'infinity')
                 UNION
                SELECT currency FROM held) known
         UNION ALL
        SELECT 2, (opened_at AT TIME ZONE $2)::date, NULL, ledger_account, account_id, NULL,
               json_build_object('part', 'account', 'ledger_account', ledger_account,
                   'account_id', account_id, 'day', (opened_at AT TIME ZONE $2)::date,
                   'currencies', currencies)
          FROM opened
         UNION ALL
        SELECT 3, p.day, p.posting_id, NULL, NULL, NULL,
               json_build_object('part', 'posting', 'posting_id', p.posting_id, 'day', p.day,
                   'posted_at', to_char(p.posted_at AT TIME ZONE 'UTC',
                                        'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                   'kind', p.kind, 'payment_id', p.payment_id, 'records', d.records,
                   'invoices', i.invoices, 'charges', c.charges, 'refunds', r.refunds,
                   'entries', p.entries)
          FROM postings p
          LEFT JOIN invoices_of i ON i.ledger_transaction_id = p.posting_id
          LEFT JOIN charges_of c ON c.ledger_transaction_id = p.posting_id
          LEFT JOIN refunds_of r ON r.ledger_transaction_id = p.posting_id
          LEFT JOIN records_of d ON d.payment_id = p.payment_id AND d.decided_at = p.posted_at
         UNION ALL
        SELECT 4, NULL, NULL, NULL, account_id, currency,
               json_build_object('part', 'balance', 'account_id', account_id,
                   'currency', currency, 'micros', amount::text)
          FROM held) parts
 ORDER BY place, day, posting_id, ledger_account, account_id, currency
