-- A person says which payments a parked return takes, or that it takes none.

ALTER TABLE bank_transactions DROP CONSTRAINT bank_transactions_disposition_check;
ALTER TABLE bank_transactions ADD CONSTRAINT bank_transactions_disposition_check
    CHECK (disposition IN ('payment', 'not_booked', 'superseded', 'return_parked', 'returned',
                           'return_undone', 'return_ended', 'refund_bounced', 'outgoing'));

-- One booking may take from several payments, from each once.
ALTER TABLE payment_returns DROP CONSTRAINT payment_returns_bank_account_bank_key_key;
ALTER TABLE payment_returns
    ADD CONSTRAINT payment_returns_once UNIQUE (bank_account, bank_key, payment_id);
