//! Decisions that no rule set made, wherever they stand.

use super::{Plant, plant};

pub const PLANTS: &[Plant] = &[
    plant(
        "A34",
        "a decision by a rule set that is not stored",
        "
        INSERT INTO further_decisions VALUES (9, 'PAY-1', 'R2', 2, 'allocated', NULL, '{}', 's',
            'i', now(), 99)",
    ),
    plant(
        "A34",
        "a decision by a rule set that nobody activated",
        "
        INSERT INTO rule_sets VALUES (5, '{} ', sha256('{} '), now(), 'alice', NULL);
        INSERT INTO further_decisions VALUES (9, 'PAY-1', 'R2', 2, 'allocated', NULL, '{}', 's',
            'i', now(), 5)",
    ),
    plant(
        "A34",
        "a first decision by a rule set that is not stored",
        "
        UPDATE payments SET first_policy_version = 99 WHERE payment_id = 'PAY-1'",
    ),
    plant(
        "A34",
        "a first decision by a rule set that nobody activated",
        "
        INSERT INTO rule_sets VALUES (5, '{} ', sha256('{} '), now(), 'alice', NULL);
        UPDATE payments SET first_policy_version = 5 WHERE payment_id = 'PAY-1'",
    ),
];
