-- The rows of a span of time [since, until) by time of receipt, each once: rows may have been written twice, as
-- appending is at least once. The body of a table function, so that the filter stands inside: one outside of a
-- view would not reach the partitions through its window.
SELECT *
FROM `${table}`
WHERE received_at >= since AND received_at < until
QUALIFY ROW_NUMBER() OVER (PARTITION BY row_id) = 1
