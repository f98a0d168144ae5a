UPDATE dead_letters SET status = 'discarded', resolution = $2, resolved_at = $3
WHERE dead_letter_id = $1 AND status = 'open'
