UPDATE crash_guards SET last_offset = $3, updated_at = $4 WHERE topic = $1 AND partition = $2
