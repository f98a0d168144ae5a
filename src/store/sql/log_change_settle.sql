-- log_change_settle
UPDATE log_changes SET settled_at = $2, settled_by = $3, settlement = $4
 WHERE change_id = $1 AND settled_at IS NULL
