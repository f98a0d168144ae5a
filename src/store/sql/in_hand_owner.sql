SELECT nextval('guard_owners')
