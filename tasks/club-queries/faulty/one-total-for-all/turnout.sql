SELECT
    races.name AS race,
    COUNT(results.member_id) AS starters,
    COUNT(results.seconds) AS finishers,
    100 * COUNT(results.seconds) / NULLIF(COUNT(results.member_id), 0) AS percent
FROM races
LEFT JOIN results ON results.race_id = races.id
GROUP BY races.id
ORDER BY races.day, races.id;
