-- Void candidates that a payment names, is suggested for, or could pay in full.
SELECT invoice_id FROM candidate_facts
WHERE invoice_id = ANY($1::text[]) AND (named OR payable)
