SELECT nextval('id_blocks')
