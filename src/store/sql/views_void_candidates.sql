-- By the partial index on live episodes.
SELECT c.invoice_id, c.account_id, c.currency, c.amount_due, c.due_date, c.stale_since,
       c.stale_after_days, c.feed_complete_through, c.flagged_at, c.episode
FROM void_candidates c
WHERE c.cleared_at IS NULL AND c.invoice_id > $1 AND ($2::text IS NULL OR c.account_id = $2)
ORDER BY c.invoice_id LIMIT $3
