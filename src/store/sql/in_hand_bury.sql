-- What was in hand at a death ($2: of that owner, who is known to be gone; else when its time is
-- over): its items are suspects. One that died twice while it was in hand alone is tried seldom
-- from now on: those are returned.
WITH dead AS (
    DELETE FROM items_in_hand
     WHERE kind = $1 AND (owner = $2 OR lease_until <= clock_timestamp())
    RETURNING items, counted
), died AS (
    SELECT item, bool_or(cardinality(items) = 1) AS singly, bool_or(counted) AS counted
      FROM dead CROSS JOIN LATERAL unnest(items) AS item
     GROUP BY item
), suspected AS (
    INSERT INTO crash_suspects AS s (kind, item, deaths, singly, counted, died_at)
    SELECT $1, item, 1, singly, counted::integer, clock_timestamp() FROM died
    ON CONFLICT (kind, item) DO UPDATE
    SET deaths = s.deaths + 1, singly = s.singly OR EXCLUDED.singly,
        counted = s.counted + EXCLUDED.counted, died_at = EXCLUDED.died_at
    RETURNING s.item, s.counted
)
INSERT INTO failing_items AS f (kind, item, attempts, code, failed_at, tried_at)
SELECT $1, item, 1, 'crash_loop', $3, $3 FROM suspected WHERE counted >= 2
ON CONFLICT (kind, item) DO UPDATE
SET attempts = f.attempts + 1, code = EXCLUDED.code, tried_at = greatest(f.tried_at, $3)
RETURNING f.item
