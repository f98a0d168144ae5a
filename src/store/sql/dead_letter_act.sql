WITH tried AS (
    UPDATE dead_letters SET attempts = attempts + 1, last_failed_at = $7
    WHERE dead_letter_id = $1 AND $2 = 'replay' AND status = 'open'
)
INSERT INTO dead_letter_acts (dead_letter_id, act, operator, reason, outcome, code, acted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
