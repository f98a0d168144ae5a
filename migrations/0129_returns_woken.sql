-- When a person did what a parked return may have waited for: it is tried again at once.
ALTER TABLE parked_returns ADD COLUMN woken_at timestamptz;
CREATE INDEX parked_returns_wait_for_persons ON parked_returns (bank_account, why)
    WHERE why IN ('original_in_doubt', 'split_payment');
