-- What is to be known of these items before they are worked on; nothing is told of most.
SELECT n.item, coalesce(s.deaths, 0) AS deaths, coalesce(s.singly, false) AS singly,
       coalesce(s.counted, 0) AS counted,
       n.item IN (SELECT unnest(h.items) FROM items_in_hand h
                   WHERE h.kind = $1 AND h.owner <> $3) AS elsewhere,
       coalesce(next_try(f.tried_at, f.attempts, f.code) > $4, false) AS later
  FROM unnest($2::text[]) WITH ORDINALITY AS n (item, place)
  LEFT JOIN crash_suspects s ON s.kind = $1 AND s.item = n.item
  LEFT JOIN failing_items f ON f.kind = $1 AND f.item = n.item AND f.code = 'crash_loop'
 WHERE s.item IS NOT NULL OR f.item IS NOT NULL
    OR n.item IN (SELECT unnest(h.items) FROM items_in_hand h
                   WHERE h.kind = $1 AND h.owner <> $3)
 ORDER BY n.place
