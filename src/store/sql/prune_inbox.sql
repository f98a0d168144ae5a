-- Only what had its effect, was not repeated since, and is known again by a key of its own. What
-- was refused, waits or is dead stays for ever. Of a row that an earlier version wrote, the type
-- says whether there is such a key. The next page behind $3 in time: what stays of it is read once
-- a run. Index: inbox_prunable.
WITH page AS (
    SELECT i.processed_at FROM inbox i
    WHERE i.processed_at < $1 AND i.processed_at > coalesce($3::timestamptz, '-infinity')
      AND i.outcome IN ('applied', 'duplicate')
      AND NOT coalesce(i.guards, i.message_type NOT IN ('topup.invoice.create.v1',
          'topup.payment.record.v1', 'topup.usage.charge.v1', 'topup.usage.refund.v1'))
    ORDER BY i.processed_at LIMIT $2),
gone AS (
    DELETE FROM inbox i
    WHERE i.processed_at <= (SELECT max(processed_at) FROM page)
      AND i.processed_at > coalesce($3::timestamptz, '-infinity')
      AND i.outcome IN ('applied', 'duplicate')
      AND NOT coalesce(i.guards, i.message_type NOT IN ('topup.invoice.create.v1',
          'topup.payment.record.v1', 'topup.usage.charge.v1', 'topup.usage.refund.v1'))
      AND NOT EXISTS (SELECT 1 FROM inbox_repeats r
                       WHERE r.source = i.source AND r.message_id = i.message_id)
      AND NOT EXISTS (SELECT 1 FROM dead_letters d
                       WHERE d.source = i.source AND d.message_id = i.message_id)
    RETURNING 1)
SELECT (SELECT max(processed_at) FROM page) AS until, (SELECT count(*) FROM gone) AS gone
