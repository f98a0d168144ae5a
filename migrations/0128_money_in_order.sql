-- Payments with exactly an advice's money are read in the order of their ids: without the id in the
-- index a large book was walked in that order instead.
DROP INDEX open_payments_by_money;
CREATE INDEX open_payments_by_money ON open_payments (free, currency, payment_id) WHERE bank;
