-- Remittance advices, the newest first. NULL: of every state, of every bank account.
-- Index: remittance_advices_by_age.
SELECT a.bank_account, a.advice_id, a.payer_account, a.payment_reference, a.currency, a.amount,
       a.state, a.used_by_payment, a.end_reason, a.ended_about, a.received_at,
       a.expires_at, l.invoices
  FROM remittance_advices a
 CROSS JOIN LATERAL (
     SELECT array_agg(coalesce(l.invoice_id, l.reference) ORDER BY l.line) AS invoices
       FROM remittance_advice_lines l
      WHERE l.bank_account = a.bank_account AND l.advice_id = a.advice_id) l
 WHERE ($1::text IS NULL OR a.state = $1) AND ($2::text IS NULL OR a.bank_account = $2)
   AND ($3::timestamptz IS NULL OR a.received_at < $3 OR a.received_at = $3
        AND (a.bank_account, a.advice_id) > ($4::text, $5::text))
 ORDER BY a.received_at DESC, a.bank_account, a.advice_id
 LIMIT $6
