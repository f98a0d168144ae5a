-- The advice that belongs to the payment, and those of these ids of its bank account.
-- Index: remittance_advices_one_per_payment, remittance_advices_pkey, bank_transactions_payment.
SELECT a.bank_account, a.advice_id, a.payer_account, a.payment_reference, a.currency, a.amount,
       a.state, a.used_by_payment, a.end_reason, a.ended_about, a.received_at,
       a.expires_at, l.invoices
  FROM (SELECT u.bank_account, u.advice_id
          FROM remittance_advices u WHERE u.used_by_payment = $1
        UNION
        SELECT n.bank_account, n.advice_id
          FROM bank_transactions b
          JOIN remittance_advices n ON n.bank_account = b.bank_account
           AND n.advice_id = ANY($2::text[])
         WHERE b.payment_id = $1) found
  JOIN remittance_advices a USING (bank_account, advice_id)
 CROSS JOIN LATERAL (
     SELECT array_agg(coalesce(l.invoice_id, l.reference) ORDER BY l.line) AS invoices
       FROM remittance_advice_lines l
      WHERE l.bank_account = a.bank_account AND l.advice_id = a.advice_id) l
 ORDER BY a.received_at, a.advice_id
