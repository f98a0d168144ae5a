-- Advices whose payment did not come in time, a bounded number. Index: remittance_advices_expiry.
UPDATE remittance_advices a SET state = 'expired'
FROM (SELECT w.bank_account, w.advice_id FROM remittance_advices w
       WHERE w.state IN ('open', 'ambiguous') AND w.expires_at <= $1
       ORDER BY w.expires_at LIMIT $2 FOR UPDATE SKIP LOCKED) due
WHERE a.bank_account = due.bank_account AND a.advice_id = due.advice_id
