-- Lots are read in the order in which they burn, and those that cleared a debt from the newest, as
-- far as a batch needs them: what a customer's history costs does not grow with it.
CREATE INDEX lots_open_order ON lots (account_id, currency, opened_at, lot_id) WHERE is_open;
CREATE INDEX lots_cleared_order ON lots (account_id, currency, opened_at, lot_id)
    WHERE debt_cleared > 0;
DROP INDEX lots_open, lots_cleared_debt;

-- What may be pruned is read in the order of its age, whatever stays for ever before it.
CREATE INDEX inbox_prunable ON inbox (processed_at)
    WHERE outcome IN ('applied', 'duplicate')
      AND NOT coalesce(guards, message_type NOT IN ('topup.invoice.create.v1',
          'topup.payment.record.v1', 'topup.usage.charge.v1', 'topup.usage.refund.v1'));
CREATE INDEX inbox_repeats_seen ON inbox_repeats (seen_at) WHERE outcome = 'duplicate';

-- How far each bank account's feed is known, without its whole history.
CREATE INDEX bank_statements_through ON bank_statements (bank_account, complete_through);

-- The held payment of an amount is found among the payments that have money left. An index of
-- `payments` on what paying changes would turn each of its HOT updates into a full one.
CREATE INDEX open_payments_amount ON open_payments (account_id, currency, free, payment_id);
DROP INDEX payments_money_left, open_payments_account;
