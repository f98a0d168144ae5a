-- Guarded: another batch may have used it meanwhile.
UPDATE remittance_advices a
   SET state = n.state, used_by_payment = n.used_by_payment, end_reason = n.end_reason,
       ended_about = n.ended_about
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
       AS n(bank_account, advice_id, state, used_by_payment, end_reason, ended_about)
WHERE a.bank_account = n.bank_account AND a.advice_id = n.advice_id
  AND (a.state = 'open' OR n.state = 'ended' AND a.state = 'ambiguous')
