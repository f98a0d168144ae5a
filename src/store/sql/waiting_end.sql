DELETE FROM waiting_commands WHERE waiting_id = ANY($1::bigint[])
