SELECT DISTINCT wait_key FROM waiting_commands WHERE wait_key = ANY($1::text[])
