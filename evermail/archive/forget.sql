-- Erasure in the archive: the rows of people who asked for it go, the asking stays. The same rule as in
-- evermail/archive/forgetting.py. To be run again does no harm. Rows that were written a moment ago go as well:
-- those of the Storage Write API (gRPC) may be changed at once, see
-- https://cloud.google.com/bigquery/docs/data-manipulation-language#limitations

-- Names of one person under two pseudonym keys, as rows say that were written while both were in use.
CREATE TEMP TABLE pairs AS
WITH said AS (
  SELECT user_id AS name, alias
  FROM `${table}`
  CROSS JOIN UNNEST(user_aliases) AS alias
  WHERE received_at >= TIMESTAMP '1970-01-01 00:00:00+00' AND user_id IS NOT NULL
  UNION ALL
  SELECT client_id, alias
  FROM `${table}`
  CROSS JOIN UNNEST(client_aliases) AS alias
  WHERE received_at >= TIMESTAMP '1970-01-01 00:00:00+00' AND client_id IS NOT NULL
)
SELECT name, alias
FROM said
UNION DISTINCT
SELECT alias, name
FROM said;

-- The one name that stands for all which the same person has had, however many keys lie between them.
CREATE TEMP TABLE people AS
WITH RECURSIVE met AS (
  SELECT name, name AS other, ARRAY<STRING>[name] AS way
  FROM (SELECT DISTINCT name FROM pairs)
  UNION ALL
  SELECT met.name, pairs.alias, ARRAY_CONCAT(met.way, [pairs.alias])
  FROM met
  JOIN pairs ON pairs.name = met.other
  WHERE pairs.alias NOT IN UNNEST(met.way)
)
SELECT name, MIN(other) AS person
FROM met
GROUP BY name;

-- No event happens after it was received; the epoch stands for a time of receipt that is not known.
CREATE TEMP TABLE facts AS
SELECT
  row_id,
  event_name,
  IFNULL(shoppers.person, shopper) AS shopper,
  IFNULL(clients.person, client_id) AS client,
  IFNULL(users.person, user_id) AS user,
  IF(received_at > TIMESTAMP '1970-01-01 00:00:00+00', LEAST(event_time, received_at), event_time) AS happened
FROM `${table}`
LEFT JOIN people AS shoppers ON shoppers.name = shopper
LEFT JOIN people AS clients ON clients.name = client_id
LEFT JOIN people AS users ON users.name = user_id
WHERE received_at >= TIMESTAMP '1970-01-01 00:00:00+00';  -- all: the table asks for a filter

CREATE TEMP TABLE erased AS
SELECT name, MAX(TIMESTAMP_TRUNC(happened, SECOND)) AS erased_at
FROM facts
CROSS JOIN UNNEST([IFNULL(shopper, ''), IFNULL(client, ''), IFNULL(user, '')]) AS name
WHERE event_name = 'erase_user' AND name != ''
GROUP BY name;

CREATE TEMP TABLE links AS
SELECT client, user, happened, row_id
FROM facts
WHERE event_name = 'identify' AND client IS NOT NULL AND user IS NOT NULL;

-- As whom a row may have been asked to be erased.
CREATE TEMP TABLE owners AS
SELECT row_id, happened, user AS name
FROM facts
WHERE user IS NOT NULL
UNION ALL
SELECT row_id, happened, shopper
FROM facts
WHERE shopper IS NOT NULL
UNION ALL
SELECT row_id, happened, client
FROM facts
WHERE client IS NOT NULL AND user IS NULL AND (shopper IS NULL OR shopper = client)
UNION ALL
-- What stands under a browser's name is of the user of its last identify until then, or else of its first one.
SELECT row_id, happened, user
FROM (
  SELECT
    facts.row_id,
    facts.happened,
    links.user,
    RANK() OVER (
      PARTITION BY facts.row_id
      ORDER BY
        links.happened <= facts.happened DESC,
        ABS(TIMESTAMP_DIFF(links.happened, facts.happened, MICROSECOND)),
        IF(links.happened <= facts.happened, links.row_id, NULL) DESC,
        links.row_id
    ) AS place
  FROM facts
  JOIN links USING (client)
  WHERE facts.user IS NULL AND (facts.shopper IS NULL OR facts.shopper = facts.client)
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
