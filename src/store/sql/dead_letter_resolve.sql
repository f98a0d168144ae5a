UPDATE dead_letters SET status = $2, resolution = $3, resolved_at = $4
WHERE dead_letter_id = $1 AND status = 'open'
