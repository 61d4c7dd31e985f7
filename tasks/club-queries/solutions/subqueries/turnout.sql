WITH counted AS (
    SELECT
        name AS race, day, id,
        (SELECT COUNT(*) FROM results WHERE race_id = races.id) AS starters,
        (SELECT COUNT(*) FROM results WHERE race_id = races.id AND seconds IS NOT NULL) AS finishers
    FROM races
)
SELECT race, starters, finishers, CASE WHEN starters > 0 THEN finishers * 100 / starters END AS percent
FROM counted
ORDER BY day, id
