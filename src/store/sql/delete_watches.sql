DELETE FROM watches WHERE payment_id = ANY($1::text[])
