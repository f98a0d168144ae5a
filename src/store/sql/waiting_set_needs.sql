-- Where what it stands behind ends at this moment, it stands behind nothing. $6: until when it
-- waits, if it has its turn now.
UPDATE waiting_commands w SET needs = $2, touches = $3, deadline = greatest(w.deadline, $6),
       behind = (SELECT b.waiting_id FROM waiting_commands b
                  WHERE b.source = $4 AND b.message_id = $5 FOR KEY SHARE)
 WHERE w.waiting_id = $1
