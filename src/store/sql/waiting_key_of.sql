SELECT wait_key FROM waiting_commands WHERE waiting_id = $1
