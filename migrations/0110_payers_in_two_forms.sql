-- One payer's account comes as an IBAN and as the national number that the IBAN holds. Money
-- without the bank's id is looked for by the end of the number, which both forms share.
DROP INDEX payments_without_bank_id_same;
CREATE INDEX payments_without_bank_id_same ON payments_without_bank_id
    (bank_account, booking_date, currency, amount, right(payer, 8), delivered_at);
