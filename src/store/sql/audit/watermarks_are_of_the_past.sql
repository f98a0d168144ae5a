SELECT topic || ':' || partition AS subject, complete_through::text AS detail
  FROM usage_watermarks WHERE complete_through > clock_timestamp() + interval '1 day'
