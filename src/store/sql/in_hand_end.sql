-- The owner lives: what it had in hand did not kill it. Items that were on trial are free.
WITH ended AS (
    DELETE FROM items_in_hand WHERE kind = $1 AND owner = $2
)
DELETE FROM crash_suspects WHERE kind = $1 AND item = ANY($3::text[])
