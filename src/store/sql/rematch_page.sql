-- Index: open_payments_bank.
SELECT o.payment_id FROM open_payments o JOIN payments p ON p.payment_id = o.payment_id
WHERE o.bank AND o.payment_id > $1 AND p.recorded_at <= $3
ORDER BY o.payment_id LIMIT $2
