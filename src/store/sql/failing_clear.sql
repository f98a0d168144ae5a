DELETE FROM failing_items WHERE kind = $1 AND item = ANY($2::text[])
