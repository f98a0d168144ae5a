-- Whether the usage feed of topic $1 has ever said how far it is known.
SELECT EXISTS (SELECT 1 FROM usage_watermarks WHERE topic = $1) AS ever
