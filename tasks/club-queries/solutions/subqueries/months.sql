WITH finishes AS (
    SELECT member_id, substr(day, 1, 7) AS month, metres
    FROM results JOIN races ON races.id = race_id
    WHERE seconds IS NOT NULL
)
SELECT
    name, month,
    SUM(metres) AS metres,
    (SELECT SUM(metres) FROM finishes AS until
     WHERE until.member_id = finishes.member_id AND until.month <= finishes.month) AS total
FROM finishes JOIN members ON members.id = member_id
GROUP BY member_id, month
ORDER BY name, member_id, month
