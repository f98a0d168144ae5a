SELECT cause_id, lot_id, amount FROM lot_consumptions
WHERE cause_id = ANY($1::bigint[]) AND kind = 'charge'
