SELECT name
FROM members
WHERE NOT EXISTS (SELECT 1 FROM members AS trainees WHERE trainees.coach_id = members.id)
ORDER BY name, id;
