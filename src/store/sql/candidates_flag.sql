WITH flagged AS (
    UPDATE invoices i SET candidate_since = $6
    FROM unnest($1::text[]) AS n(invoice_id)
    WHERE i.invoice_id = n.invoice_id AND i.candidate_since IS NULL
      AND i.status = 'awaiting_payment' AND i.allocated = 0
    RETURNING i.invoice_id, i.account_id, i.currency, i.amount, i.due_date
)
INSERT INTO void_candidates (invoice_id, episode, account_id, currency, amount_due, due_date,
    stale_since, stale_after_days, feed_complete_through, flagged_at)
SELECT f.invoice_id,
       1 + coalesce((SELECT max(c.episode) FROM void_candidates c
                      WHERE c.invoice_id = f.invoice_id), 0),
       f.account_id, f.currency, n.due, f.due_date, n.stale_since, n.days, $5, $6
FROM flagged f
JOIN unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::integer[])
     AS n(invoice_id, due, stale_since, days) ON n.invoice_id = f.invoice_id
