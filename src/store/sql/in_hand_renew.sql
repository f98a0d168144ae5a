UPDATE items_in_hand SET lease_until = clock_timestamp() + $3::bigint * interval '1 millisecond'
 WHERE kind = $1 AND owner = $2
