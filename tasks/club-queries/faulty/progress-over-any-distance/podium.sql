WITH placed AS (
    SELECT
        races.id, races.day, races.name AS race,
        RANK() OVER (PARTITION BY races.id ORDER BY seconds) AS place,
        members.name AS name,
        seconds
    FROM results
    JOIN races ON races.id = results.race_id
    JOIN members ON members.id = results.member_id
    WHERE seconds IS NOT NULL
)
SELECT race, place, name, seconds
FROM placed
WHERE place <= 3
ORDER BY day, id, place, name;
