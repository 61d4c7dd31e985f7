SELECT name FROM members
WHERE id NOT IN (SELECT coach_id FROM members WHERE coach_id IS NOT NULL)
ORDER BY name
