SELECT account_id, episode FROM void_candidates WHERE invoice_id = $1 AND cleared_at IS NULL
