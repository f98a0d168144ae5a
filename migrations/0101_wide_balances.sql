-- A bank states balances of more than twelve digits before the point, in IDR or VND: what it says
-- of its own account may be larger than one amount of ours. Eighteen digits, and six decimals.
DROP TRIGGER bank_statement_issued_again ON bank_statements;
ALTER TABLE bank_statements
    ALTER COLUMN opening_balance TYPE numeric(24, 0),
    ALTER COLUMN closing_balance TYPE numeric(24, 0);
ALTER TABLE bank_statement_issues
    ALTER COLUMN opening_balance TYPE numeric(24, 0),
    ALTER COLUMN closing_balance TYPE numeric(24, 0);
ALTER TABLE statement_resets
    ALTER COLUMN opening_balance TYPE numeric(24, 0),
    ALTER COLUMN closing_balance TYPE numeric(24, 0);
CREATE TRIGGER bank_statement_issued_again AFTER UPDATE ON bank_statements FOR EACH ROW
    WHEN ((OLD.currency, OLD.opening_balance, OLD.closing_balance, OLD.entries,
           OLD.complete_through)
          IS DISTINCT FROM
          (NEW.currency, NEW.opening_balance, NEW.closing_balance, NEW.entries,
           NEW.complete_through))
    EXECUTE FUNCTION keep_statement_issue();
