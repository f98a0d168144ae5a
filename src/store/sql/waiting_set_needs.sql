UPDATE waiting_commands SET needs = $2 WHERE waiting_id = $1
