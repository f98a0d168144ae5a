-- Records that may be an earlier one, which is named by its key or by the payment that it became.
INSERT INTO told_again (bank_account, bank_key, earlier_key)
SELECT n.bank_account, n.bank_key, coalesce(n.earlier_key, e.bank_key)
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
       AS n (bank_account, bank_key, earlier_key, earlier_payment)
  LEFT JOIN bank_transactions e ON e.payment_id = n.earlier_payment
