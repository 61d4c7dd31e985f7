SELECT coaches.name AS coach, COUNT(DISTINCT trainees.id) AS trainees, MIN(fives.seconds) AS best
FROM members AS coaches
JOIN members AS trainees ON trainees.coach_id = coaches.id
LEFT JOIN (
    SELECT member_id, seconds FROM results JOIN races ON races.id = results.race_id WHERE metres = 5000
) AS fives ON fives.member_id = trainees.id
GROUP BY coaches.id
ORDER BY trainees DESC, coach, coaches.id;
