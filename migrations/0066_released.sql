-- Money that pays no invoice leaves the books by a person's word: paid back, or no customer's.

ALTER TABLE ledger_transactions DROP CONSTRAINT ledger_transactions_kind_check;
ALTER TABLE ledger_transactions ADD CONSTRAINT ledger_transactions_kind_check
    CHECK (kind IN ('payment_received', 'payment_provisioned', 'provisioned', 'usage_charged',
                    'usage_refunded', 'deallocated', 'payment_removed', 'payment_returned',
                    'claw_back', 'return_undone', 'payment_split', 'split_undone',
                    'payment_refunded', 'payment_dismissed'));
