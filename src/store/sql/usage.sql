-- name: insert_charges
INSERT INTO usage_charges (account_id, usage_id, charge_id, currency, amount, uncovered, kind,
                           hold_id, occurred_at, ledger_transaction_id, lot_id, charged_at)
SELECT n.*, $12 FROM (SELECT unnest($1::text[]) AS account_id, unnest($2::text[]) AS usage_id,
    unnest($3::bigint[]) AS charge_id, unnest($4::text[]) AS currency,
    unnest($5::bigint[]) AS amount, unnest($6::bigint[]) AS uncovered, unnest($7::text[]) AS kind,
    unnest($8::text[]) AS hold_id, unnest($9::timestamptz[]) AS occurred_at,
    unnest($10::bigint[]) AS ledger_transaction_id, unnest($11::bigint[]) AS lot_id) AS n

-- name: load_charges
-- Of a charge that is not kept any more the name alone.
SELECT u.account_id, u.usage_id, c.charge_id, c.currency, c.amount, c.uncovered, c.kind, c.hold_id,
       c.occurred_at, c.ledger_transaction_id, c.lot_id
FROM unnest($1::text[], $2::text[]) AS n(account_id, usage_id)
JOIN usage_ids u ON u.account_id = n.account_id AND u.usage_id = n.usage_id
LEFT JOIN usage_charges c ON c.charge_id = u.charge_id AND c.charged_at = u.charged_at
      AND u.charged_at >= (SELECT since FROM usage_kept WHERE only_row)

-- name: insert_refunds
INSERT INTO usage_refunds (account_id, refund_id, refund_number, usage_id, currency, amount,
                           ledger_transaction_id, refunded_at)
SELECT n.*, $8 FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[],
                           $6::bigint[], $7::bigint[])
     AS n(account_id, refund_id, refund_number, usage_id, currency, amount, posting)

-- name: load_refunds
SELECT r.account_id, r.refund_id, r.usage_id, r.currency, r.amount
FROM unnest($1::text[], $2::text[]) AS n(account_id, refund_id)
JOIN usage_refunds r ON r.account_id = n.account_id AND r.refund_id = n.refund_id

-- name: load_refunds_of_charges
SELECT r.account_id, r.usage_id, sum(r.amount)::bigint AS refunded
FROM unnest($1::text[], $2::text[]) AS n(account_id, usage_id)
JOIN usage_refunds r ON r.account_id = n.account_id AND r.usage_id = n.usage_id
GROUP BY r.account_id, r.usage_id

-- name: upsert_watermarks
-- One beyond $5 was written before such were refused: an honest one takes its place.
INSERT INTO usage_watermarks AS w (topic, partition, complete_through, updated_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (topic, partition) DO UPDATE
SET complete_through = CASE WHEN w.complete_through > $5 THEN EXCLUDED.complete_through
                            ELSE greatest(w.complete_through, EXCLUDED.complete_through) END,
    updated_at = EXCLUDED.updated_at

-- name: watermark_reset
WITH gone AS (DELETE FROM usage_watermarks WHERE topic = $1 AND partition = $2
              RETURNING topic, partition, complete_through)
INSERT INTO watermark_resets (topic, partition, complete_through, operator, reason, reset_at)
SELECT topic, partition, complete_through, $3, $4, $5 FROM gone

-- name: usage_proof
-- How far the usage feed is known: in all of its partitions, or not at all. A watermark beyond $3
-- proves nothing, nor does a feed with a partition that was never opened, or cannot be read, or
-- whose log changed and nobody has seen to it. What a partition holds that was not there when Kafka
-- was asked how many there are, is not known: nothing is after that instant.
SELECT CASE WHEN bool_and(w.complete_through IS NOT NULL AND w.complete_through <= $3)
             AND count(*) = max(p.partition) + 1
             AND count(*) >= coalesce((SELECT f.partitions FROM feed_partitions f
                                        WHERE f.consumer_group = $1 AND f.topic = $2), 0)
             AND NOT EXISTS (SELECT 1 FROM log_changes c WHERE c.settled_at IS NULL
                              AND c.consumer_group = $1 AND c.topic = $2)
             AND NOT EXISTS (SELECT 1 FROM partition_states s
                              WHERE s.consumer_group = $1 AND s.topic = $2
                                AND s.state IN ('held', 'unreadable', 'unauthorised'))
            THEN least(min(w.complete_through), (SELECT f.asked_at FROM feed_partitions f
                                        WHERE f.consumer_group = $1 AND f.topic = $2)) END
  FROM (SELECT partition FROM checkpoints WHERE consumer_group = $1 AND topic = $2
        UNION
        SELECT partition FROM partition_states WHERE consumer_group = $1 AND topic = $2
        UNION
        SELECT partition FROM usage_watermarks WHERE topic = $2) p
  LEFT JOIN usage_watermarks w ON w.topic = $2 AND w.partition = p.partition

-- name: usage_open_records
-- What of the usage feed has had no effect yet: as it came, and as persons changed it.
(SELECT record_value FROM dead_letters WHERE topic = $1 AND status = 'open' LIMIT $2)
UNION ALL
(SELECT r.record_value FROM dead_letters d
   JOIN dead_letter_revisions r ON r.dead_letter_id = d.dead_letter_id
  WHERE d.topic = $1 AND d.status = 'open' LIMIT $2)
UNION ALL
(SELECT record_value FROM waiting_commands WHERE topic = $1 LIMIT $2)
