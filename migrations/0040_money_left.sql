-- Payments that still have money to give, by what is left: an invoice that is sent finds the held
-- payment of its amount without reading the others. A payment that is allocated at once never
-- enters it.
CREATE INDEX payments_money_left ON payments
    (account_id, currency, (amount - allocated - returned - refunded - split), payment_id)
    WHERE state IN ('on_account', 'parked', 'partly_allocated');
