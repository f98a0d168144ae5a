INSERT INTO bank_transactions AS b (bank_account, bank_key, content_hash, status, disposition,
    payment_id, credit_debit, reversal, currency, amount, charges, booking_date, value_date,
    bank_transaction_id, statement_id, entry_reference, end_to_end_id, debtor_name,
    debtor_account, virtual_account, creditor_reference, unstructured, return_of, recorded_at,
    instructed_currency, instructed_amount, detail_index, entry_amount, entry_details)
SELECT n.bank_account, n.bank_key, n.content_hash, n.status, n.disposition, n.payment_id,
    n.credit_debit, n.reversal, n.currency, n.amount, n.charges, n.booking_date, n.value_date,
    n.bank_transaction_id, n.statement_id, n.entry_reference, n.end_to_end_id, n.debtor_name,
    n.debtor_account, n.virtual_account, n.creditor_reference,
    n.lines, n.return_of::jsonb, $24, n.instructed_currency, n.instructed_amount,
    n.detail_index, n.entry_amount, n.entry_details
FROM (SELECT unnest($1::text[]) AS bank_account, unnest($2::text[]) AS bank_key,
    unnest($3::bytea[]) AS content_hash, unnest($4::text[]) AS status,
    unnest($5::text[]) AS disposition, unnest($6::text[]) AS payment_id,
    unnest($7::text[]) AS credit_debit, unnest($8::boolean[]) AS reversal,
    unnest($9::text[]) AS currency, unnest($10::bigint[]) AS amount,
    unnest($11::bigint[]) AS charges, unnest($12::date[]) AS booking_date,
    unnest($13::date[]) AS value_date, unnest($14::text[]) AS bank_transaction_id,
    unnest($15::text[]) AS statement_id, unnest($16::text[]) AS entry_reference,
    unnest($17::text[]) AS end_to_end_id, unnest($18::text[]) AS debtor_name,
    unnest($19::text[]) AS debtor_account, unnest($20::text[]) AS virtual_account,
    unnest($21::text[]) AS creditor_reference, unnest($22::text[]) AS lines,
    unnest($23::text[]) AS return_of, unnest($25::text[]) AS instructed_currency,
    unnest($26::bigint[]) AS instructed_amount, unnest($27::integer[]) AS detail_index,
    unnest($28::bigint[]) AS entry_amount, unnest($29::integer[]) AS entry_details) AS n
-- Pending becomes booked in place.
ON CONFLICT (bank_account, bank_key) DO UPDATE
SET content_hash = EXCLUDED.content_hash, status = EXCLUDED.status,
    disposition = EXCLUDED.disposition, payment_id = EXCLUDED.payment_id,
    credit_debit = EXCLUDED.credit_debit, reversal = EXCLUDED.reversal,
    currency = EXCLUDED.currency, amount = EXCLUDED.amount, charges = EXCLUDED.charges,
    booking_date = EXCLUDED.booking_date, value_date = EXCLUDED.value_date,
    end_to_end_id = EXCLUDED.end_to_end_id, debtor_name = EXCLUDED.debtor_name,
    debtor_account = EXCLUDED.debtor_account, virtual_account = EXCLUDED.virtual_account,
    creditor_reference = EXCLUDED.creditor_reference, unstructured = EXCLUDED.unstructured,
    return_of = EXCLUDED.return_of, instructed_currency = EXCLUDED.instructed_currency,
    instructed_amount = EXCLUDED.instructed_amount, detail_index = EXCLUDED.detail_index,
    entry_amount = EXCLUDED.entry_amount, entry_details = EXCLUDED.entry_details,
    statement_id = EXCLUDED.statement_id, entry_reference = EXCLUDED.entry_reference,
    superseded_by = NULL, announced = b.announced OR b.status = 'PDNG'
-- A parked return is applied in place; a booking of nothing gives its place to money.
WHERE b.disposition IN ('not_booked', 'superseded', 'return_parked', 'no_money')
