WITH monthly AS (
    SELECT member_id, substr(day, 1, 7) AS month, SUM(metres) AS metres
    FROM results
    JOIN races ON races.id = results.race_id
    WHERE seconds IS NOT NULL
    GROUP BY member_id, month
)
SELECT name, month, metres, SUM(metres) OVER (ORDER BY month) AS total
FROM monthly
JOIN members ON members.id = monthly.member_id
ORDER BY name, member_id, month;
