SELECT payment_id, account_id, decision_id FROM suggestions WHERE suggestion_id = $1
