SELECT
    members.name AS name, metres, day, seconds,
    seconds - LAG(seconds) OVER (PARTITION BY members.id, metres ORDER BY day, races.id) AS change
FROM results
JOIN races ON races.id = results.race_id
JOIN members ON members.id = results.member_id
WHERE seconds IS NOT NULL
ORDER BY members.name, members.id, metres, day, races.id;
