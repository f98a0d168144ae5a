-- The oldest invoices of a customer are read in their order up to a limit, and not all of them
-- from the index that has their amounts. `due` is part of two indexes already.
DROP INDEX payable_invoices_oldest;
CREATE INDEX payable_invoices_oldest
    ON payable_invoices (account_id, currency, due_date, sent_at, invoice_id) INCLUDE (due);
