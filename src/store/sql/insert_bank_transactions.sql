INSERT INTO bank_transactions AS b (bank_account, bank_key, content_hash, status, disposition,
    payment_id, credit_debit, reversal, currency, amount, charges, booking_date, value_date,
    bank_transaction_id, statement_id, entry_reference, end_to_end_id, debtor_name,
    debtor_account, virtual_account, creditor_reference, unstructured, return_of, recorded_at)
SELECT n.bank_account, n.bank_key, n.content_hash, n.status, n.disposition, n.payment_id,
    n.credit_debit, n.reversal, n.currency, n.amount, n.charges, n.booking_date, n.value_date,
    n.bank_transaction_id, n.statement_id, n.entry_reference, n.end_to_end_id, n.debtor_name,
    n.debtor_account, n.virtual_account, n.creditor_reference,
    n.lines, n.return_of::jsonb, $24
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::boolean[], $9::text[], $10::bigint[], $11::bigint[], $12::date[], $13::date[],
    $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[],
    $21::text[], $22::text[], $23::text[])
    AS n(bank_account, bank_key, content_hash, status, disposition, payment_id, credit_debit,
         reversal, currency, amount, charges, booking_date, value_date, bank_transaction_id,
         statement_id, entry_reference, end_to_end_id, debtor_name, debtor_account,
         virtual_account, creditor_reference, lines, return_of)
-- Pending becomes booked in place; anything else that is there already is a race: no row counts.
ON CONFLICT (bank_account, bank_key) DO UPDATE
SET content_hash = EXCLUDED.content_hash, status = EXCLUDED.status,
    disposition = EXCLUDED.disposition, payment_id = EXCLUDED.payment_id,
    credit_debit = EXCLUDED.credit_debit, reversal = EXCLUDED.reversal,
    currency = EXCLUDED.currency, amount = EXCLUDED.amount, charges = EXCLUDED.charges,
    booking_date = EXCLUDED.booking_date, value_date = EXCLUDED.value_date,
    end_to_end_id = EXCLUDED.end_to_end_id, debtor_name = EXCLUDED.debtor_name,
    debtor_account = EXCLUDED.debtor_account, virtual_account = EXCLUDED.virtual_account,
    creditor_reference = EXCLUDED.creditor_reference, unstructured = EXCLUDED.unstructured,
    return_of = EXCLUDED.return_of
WHERE b.disposition = 'not_booked'
