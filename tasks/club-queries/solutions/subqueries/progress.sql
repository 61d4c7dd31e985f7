WITH finishes AS (
    SELECT member_id, metres, day, race_id, seconds
    FROM results JOIN races ON races.id = race_id
    WHERE seconds IS NOT NULL
)
SELECT
    name, metres, day, seconds,
    seconds - (
        SELECT earlier.seconds FROM finishes AS earlier
        WHERE earlier.member_id = finishes.member_id
          AND earlier.metres = finishes.metres
          AND (earlier.day, earlier.race_id) < (finishes.day, finishes.race_id)
        ORDER BY earlier.day DESC, earlier.race_id DESC
        LIMIT 1
    ) AS change
FROM finishes JOIN members ON members.id = member_id
ORDER BY name, member_id, metres, day, race_id
