-- name: forget_unsettled_account
-- What of a customer is not settled yet, and would be without its names and texts. Indexes:
-- open_payments_amount, waiting_commands_key, suggestions_open, dead_letters_open_ids.
SELECT what, rows FROM (
    SELECT 1 AS place, 'payments with money that is on no invoice' AS what,
           (SELECT count(*) FROM open_payments WHERE account_id = $1) AS rows
    UNION ALL
    SELECT 2, 'open suggestions',
           (SELECT count(*) FROM suggestions WHERE account_id = $1 AND status = 'open')
    UNION ALL
    SELECT 3, 'commands that wait',
           (SELECT count(*) FROM waiting_commands WHERE wait_key = $1)
    UNION ALL
    SELECT 4, 'open dead letters',
           (SELECT count(*) FROM dead_letters
             WHERE status = 'open' AND (record_key = convert_to($1, 'UTF8')
                 OR has_number(record_value, numbers_of('account', $1))))
    UNION ALL
    SELECT 5, 'events that are not published yet',
           (SELECT count(*) FROM outbox o CROSS JOIN relay_progress p
             WHERE p.only_row AND o.key_kind = 'account' AND o.record_key = $1
               AND o.outbox_id > p.horizon AND NOT o.outbox_id <@ p.passed)
         + (SELECT count(*) FROM outbox_held WHERE key_kind = 'account' AND record_key = $1)) n
 WHERE rows > 0 ORDER BY place

-- name: forget_unsettled_payer
-- The same of a payer.
SELECT what, rows FROM (
    SELECT 1 AS place, 'payments with money that is on no invoice' AS what,
           (SELECT count(*) FROM open_payments o JOIN money_records m USING (payment_id)
             WHERE payer_key(m.debtor_account) = $1) AS rows
    UNION ALL
    SELECT 2, 'parked returns',
           (SELECT count(*) FROM parked_returns r
              JOIN money_records m USING (bank_account, bank_key)
             WHERE payer_key(m.debtor_account) = $1)
    UNION ALL
    SELECT 3, 'announced payments that the bank has not booked',
           (SELECT count(*) FROM money_records
             WHERE status = 'PDNG' AND disposition = 'not_booked'
               AND recorded_at > now() - interval '180 days' AND payer_key(debtor_account) = $1)
    UNION ALL
    SELECT 4, 'remittance advices that wait for their payment',
           (SELECT count(*) FROM remittance_advices
             WHERE payer_key = $1 AND state IN ('open', 'ambiguous'))
    UNION ALL
    SELECT 5, 'commands that wait',
           (SELECT count(*) FROM waiting_commands WHERE has_number(record_value, ARRAY[$1]))
    UNION ALL
    SELECT 6, 'open dead letters',
           (SELECT count(*) FROM dead_letters
             WHERE status = 'open' AND has_number(record_value, ARRAY[$1]))) n
 WHERE rows > 0 ORDER BY place

-- name: forget_begin
INSERT INTO forgettings (kind, subject, operator, reason, as_of)
VALUES ($1, $2, $3, $4, $5) RETURNING forgetting_id

-- name: forget_page
SELECT until, gone FROM forget_page($1, $2, $3, $4, $5)

-- name: forget_end
UPDATE forgettings SET finished_at = $2 WHERE forgetting_id = $1

-- name: forget_old
-- What is old, the clock of the database says too.
SELECT until, gone FROM forget_old_money(least($1, now() - interval '180 days'), $2, $3)
