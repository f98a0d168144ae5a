SELECT h.record_key FROM relay_holds h
JOIN unnest($1::text[], $2::text[]) AS n(key_kind, record_key)
  ON n.key_kind = h.key_kind AND n.record_key = h.record_key
ORDER BY h.key_kind, h.record_key
FOR UPDATE OF h
