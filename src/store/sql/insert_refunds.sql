INSERT INTO usage_refunds (account_id, refund_id, refund_number, usage_id, currency, amount,
                           ledger_transaction_id, refunded_at)
SELECT n.*, $8 FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[],
                           $6::bigint[], $7::bigint[])
     AS n(account_id, refund_id, refund_number, usage_id, currency, amount, posting)
