-- Erasure in the archive: the rows of people who asked for it go, the asking stays. The same rule as in
-- evermail/archive/forgetting.py. To be run again does no harm. Rows that were written a moment ago go as well:
-- those of the Storage Write API (gRPC) may be changed at once, see
-- https://cloud.google.com/bigquery/docs/data-manipulation-language#limitations

-- No event happens after it was received; the epoch stands for a time of receipt that is not known.
CREATE TEMP TABLE facts AS
SELECT
  row_id,
  event_name,
  shopper,
  IF(client_id IS NULL, ARRAY<STRING>[], ARRAY_CONCAT([client_id], client_aliases)) AS clients,
  IF(user_id IS NULL, ARRAY<STRING>[], ARRAY_CONCAT([user_id], user_aliases)) AS users,
  IF(received_at > TIMESTAMP '1970-01-01 00:00:00+00', LEAST(event_time, received_at), event_time) AS happened
FROM `${table}`
WHERE received_at >= TIMESTAMP '1970-01-01 00:00:00+00';  -- all: the table asks for a filter

CREATE TEMP TABLE erased AS
SELECT name, MAX(TIMESTAMP_TRUNC(happened, SECOND)) AS erased_at
FROM facts
CROSS JOIN UNNEST(ARRAY_CONCAT([IFNULL(shopper, '')], clients, users)) AS name
WHERE event_name = 'erase_user' AND name != ''
GROUP BY name;

CREATE TEMP TABLE links AS
SELECT client, user, happened, row_id
FROM facts
CROSS JOIN UNNEST(clients) AS client
CROSS JOIN UNNEST(users) AS user
WHERE event_name = 'identify';

-- Under which names a row may have been asked to be erased.
CREATE TEMP TABLE owners AS
SELECT row_id, happened, user AS name
FROM facts
CROSS JOIN UNNEST(users) AS user
UNION ALL
SELECT row_id, happened, shopper
FROM facts
WHERE shopper IS NOT NULL
UNION ALL
SELECT row_id, happened, client
FROM facts
CROSS JOIN UNNEST(clients) AS client
WHERE ARRAY_LENGTH(users) = 0 AND (shopper IS NULL OR shopper IN UNNEST(clients))
UNION ALL
-- What stands under a browser's name is of the user of its last identify until then, or else of its first one.
SELECT row_id, happened, user
FROM (
  SELECT
    facts.row_id,
    facts.happened,
    links.user,
    RANK() OVER (
      PARTITION BY facts.row_id, client
      ORDER BY
        links.happened <= facts.happened DESC,
        ABS(TIMESTAMP_DIFF(links.happened, facts.happened, MICROSECOND)),
        IF(links.happened <= facts.happened, links.row_id, NULL) DESC,
        links.row_id
    ) AS place
  FROM facts
  CROSS JOIN UNNEST(facts.clients) AS client
  JOIN links USING (client)
  WHERE ARRAY_LENGTH(facts.users) = 0 AND (facts.shopper IS NULL OR facts.shopper IN UNNEST(facts.clients))
)
WHERE place = 1;

DELETE FROM `${table}`
WHERE received_at >= TIMESTAMP '1970-01-01 00:00:00+00'
  AND event_name != 'erase_user'
  AND row_id IN (
    SELECT owners.row_id
    FROM owners
    JOIN erased USING (name)
    WHERE TIMESTAMP_TRUNC(owners.happened, SECOND) <= erased.erased_at
  );

SELECT @@row_count AS forgotten;
