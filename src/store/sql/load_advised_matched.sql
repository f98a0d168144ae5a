-- The bank's payments with exactly this money that pay an invoice which a line of an advice names:
-- by its id, by a folded number, by our reference or one of upstream. The advice may be about one
-- of them. One row of the arrays is a line.
-- Index: invoices_pkey, invoices_folded_key, invoices_payment_reference_key,
-- invoice_references_pkey, allocations_invoice, bank_transactions_payment.
SELECT DISTINCT ON (b.payment_id)
       p.account_id AS owner, b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition,
       b.payment_id, b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date,
       b.value_date, b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id,
       b.debtor_name, b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured,
       b.return_of, b.instructed_currency, b.instructed_amount, b.detail_index,
       b.entry_amount, b.entry_details
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[])
       AS k(bank_account, currency, amount, invoice_id, number, reference)
CROSS JOIN LATERAL (
    SELECT i.invoice_id FROM invoices i WHERE i.invoice_id = k.invoice_id
    UNION
    SELECT i.invoice_id FROM invoices i WHERE i.folded_key = k.number
    UNION
    SELECT i.invoice_id FROM invoices i WHERE i.payment_reference = k.reference
    UNION
    SELECT r.invoice_id FROM invoice_references r
     WHERE r.reference IN (k.reference, k.number)) named
JOIN allocations a ON a.invoice_id = named.invoice_id AND a.reversed_at IS NULL
JOIN bank_transactions b ON b.payment_id = a.payment_id AND b.bank_account = k.bank_account
 AND b.currency = k.currency AND b.amount = k.amount
JOIN payments p ON p.payment_id = b.payment_id
ORDER BY b.payment_id
