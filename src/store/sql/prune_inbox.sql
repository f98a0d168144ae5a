-- Only what had its effect, was not repeated since, and is known again by a key of its own. What
-- was refused, waits or is dead stays for ever. Of a row that an earlier version wrote, the type
-- says whether there is such a key.
DELETE FROM inbox WHERE (source, message_id) IN (
    SELECT i.source, i.message_id FROM inbox i
    WHERE i.processed_at < $1 AND i.outcome IN ('applied', 'duplicate')
      AND NOT coalesce(i.guards, i.message_type NOT IN ('topup.invoice.create.v1',
          'topup.payment.record.v1', 'topup.usage.charge.v1', 'topup.usage.refund.v1'))
      AND NOT EXISTS (SELECT 1 FROM inbox_repeats r
                       WHERE r.source = i.source AND r.message_id = i.message_id)
      AND NOT EXISTS (SELECT 1 FROM dead_letters d
                       WHERE d.source = i.source AND d.message_id = i.message_id)
    LIMIT $2)
