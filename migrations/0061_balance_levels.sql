-- Levels of balances that were set for one customer: a currency and an amount each, by their
-- places; a currency whose amount is NULL has none. NULL: everybody's levels.
ALTER TABLE accounts ADD COLUMN level_currencies text[], ADD COLUMN level_amounts bigint[];
ALTER TABLE accounts ADD CONSTRAINT accounts_levels_are_pairs CHECK (
    (level_currencies IS NULL) = (level_amounts IS NULL)
    AND cardinality(level_currencies) = cardinality(level_amounts)
    AND cardinality(level_currencies) <= 200 AND array_position(level_currencies, NULL) IS NULL);
ALTER TABLE accounts ADD CONSTRAINT accounts_levels_are_amounts
    CHECK (0 <= ALL (array_remove(level_amounts, NULL)));
