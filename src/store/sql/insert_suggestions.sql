-- A suggestion has one row, and one for each of its invoices and of its other payments, all in one
-- statement.
WITH added AS (
    INSERT INTO suggestions (suggestion_id, payment_id, decision_id, account_id, currency,
        suggested_at)
    SELECT n.*, $6 FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[]) n
), lines AS (
    INSERT INTO suggestion_invoices (suggestion_id, invoice_id, amount)
    SELECT * FROM unnest($7::text[], $8::text[], $9::bigint[])
)
INSERT INTO suggestion_payments (suggestion_id, payment_id, amount)
SELECT * FROM unnest($10::text[], $11::text[], $12::bigint[])
