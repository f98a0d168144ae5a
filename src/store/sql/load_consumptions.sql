-- In the order in which lots burn: a refund gives back in the reverse of it.
SELECT c.cause_id, c.lot_id, c.amount FROM lot_consumptions c
JOIN lots l ON l.lot_id = c.lot_id
WHERE c.cause_id = ANY($1::bigint[]) AND c.kind = 'charge'
ORDER BY c.cause_id, l.opened_at, l.lot_id
