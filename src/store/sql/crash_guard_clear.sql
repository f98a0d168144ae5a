DELETE FROM crash_guards WHERE topic = $1 AND partition = $2 AND epoch = $3
