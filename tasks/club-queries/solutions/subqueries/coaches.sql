SELECT
    name AS coach,
    (SELECT COUNT(*) FROM members WHERE coach_id = coaches.id) AS trainees,
    (SELECT MIN(seconds)
     FROM results
     WHERE member_id IN (SELECT id FROM members WHERE coach_id = coaches.id)
       AND race_id IN (SELECT id FROM races WHERE metres = 5000)) AS best
FROM members AS coaches
WHERE id IN (SELECT coach_id FROM members)
ORDER BY trainees DESC, coach, id
