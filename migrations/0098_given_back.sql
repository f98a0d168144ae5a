-- The bank gives a return's fee back by itself, undoes several returns of one payment at once, or
-- gives back part of what several payments gave: then a person says whose it is.

-- What undoes a return may be of its fee alone.
ALTER TABLE payment_returns DROP CONSTRAINT payment_returns_amount_check;
ALTER TABLE payment_returns ADD CONSTRAINT return_is_of_something
    CHECK (amount > 0 OR (amount = 0 AND fee > 0 AND undoes IS NOT NULL));

-- One booking takes from a payment once, and undoes each return once.
ALTER TABLE payment_returns DROP CONSTRAINT payment_returns_once;
ALTER TABLE payment_returns ADD CONSTRAINT payment_returns_once
    UNIQUE NULLS NOT DISTINCT (bank_account, bank_key, payment_id, undoes);

ALTER TABLE parked_returns DROP CONSTRAINT parked_returns_why_check;
ALTER TABLE parked_returns ADD CONSTRAINT parked_returns_why_check
    CHECK (why IN ('no_original', 'exceeds_payment', 'contradicted', 'no_return',
                   'fee_above_limit', 'split_payment', 'possible_duplicate', 'undecided',
                   'several_payments', 'exceeds_return'));

-- Of a return no more comes back than it took: of the payment, of removed money, and of the fee.
CREATE OR REPLACE FUNCTION check_returns() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT payment_id FROM inserted OFFSET 0) n
                JOIN payments p USING (payment_id)
               WHERE p.returned <>
                     (SELECT sum(CASE WHEN r.undoes IS NULL THEN r.amount ELSE -r.amount END)
                        FROM payment_returns r WHERE r.payment_id = p.payment_id)) THEN
        RAISE EXCEPTION 'a return that its payment does not have'
            USING ERRCODE = '23514', CONSTRAINT = 'returns_sum_up';
    END IF;
    IF EXISTS (SELECT 1 FROM inserted n JOIN payment_returns r ON r.return_id = n.undoes
               CROSS JOIN LATERAL (SELECT sum(u.amount) AS amount, sum(u.removed) AS removed,
                                          sum(u.fee) AS fee
                                     FROM payment_returns u WHERE u.undoes = r.return_id) u
               WHERE r.undoes IS NOT NULL OR r.payment_id <> n.payment_id
                  OR r.currency <> n.currency OR r.amount < u.amount OR r.removed < u.removed
                  OR r.fee < u.fee) THEN
        RAISE EXCEPTION 'more of a return is undone than there is'
            USING ERRCODE = '23514', CONSTRAINT = 'undone_within_return';
    END IF;
    RETURN NULL;
END $$;
