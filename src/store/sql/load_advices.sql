-- The advices of these ids ($1, $2), those that belong to the payments of $3, and those that wait
-- and may be about a payment of this bank account, currency, amount and key ($4 to $8; $8: the key
-- is the payer's account, else a reference). Last the newest 16 that say the same ($9, $10).
-- Index: remittance_advices_pkey, _one_per_payment, _payer, _reference, _same.
WITH found AS (
    SELECT a.bank_account, a.advice_id
      FROM unnest($1::text[], $2::text[]) AS k(bank_account, advice_id)
      JOIN remittance_advices a ON a.bank_account = k.bank_account AND a.advice_id = k.advice_id
    UNION
    SELECT a.bank_account, a.advice_id
      FROM remittance_advices a WHERE a.used_by_payment = ANY($3::text[])
    UNION
    SELECT a.bank_account, a.advice_id
      FROM unnest($4::text[], $5::text[], $6::bigint[], $7::text[], $8::boolean[])
             AS k(bank_account, currency, amount, key, payer)
      JOIN remittance_advices a ON a.payer_key = k.key AND a.amount = k.amount
       AND a.currency = k.currency AND a.bank_account = k.bank_account
     WHERE k.payer AND a.state IN ('open', 'ambiguous')
    UNION
    SELECT a.bank_account, a.advice_id
      FROM unnest($4::text[], $5::text[], $6::bigint[], $7::text[], $8::boolean[])
             AS k(bank_account, currency, amount, key, payer)
      JOIN remittance_advices a ON a.reference_key = k.key AND a.amount = k.amount
       AND a.currency = k.currency AND a.bank_account = k.bank_account
     WHERE NOT k.payer AND a.state IN ('open', 'ambiguous')
    UNION
    SELECT s.bank_account, s.advice_id
      FROM unnest($9::text[], $10::text[]) AS k(bank_account, words)
     CROSS JOIN LATERAL (
         SELECT a.bank_account, a.advice_id FROM remittance_advices a
          WHERE a.bank_account = k.bank_account
            AND a.same_hash = sha256(convert_to(k.words, 'UTF8'))
          ORDER BY a.received_at DESC LIMIT 16) s
)
SELECT a.bank_account, a.advice_id, a.content_hash, a.payer_account, a.payment_reference,
       a.currency, a.amount, a.state, a.used_by_payment, a.received_at, a.expires_at,
       a.source, a.message_id, l.invoice_ids, l.line_references, l.amounts
FROM found JOIN remittance_advices a USING (bank_account, advice_id)
CROSS JOIN LATERAL (
    SELECT array_agg(l.invoice_id ORDER BY l.line) AS invoice_ids,
           array_agg(l.reference ORDER BY l.line) AS line_references,
           array_agg(l.amount ORDER BY l.line) AS amounts
      FROM remittance_advice_lines l
     WHERE l.bank_account = a.bank_account AND l.advice_id = a.advice_id) l
