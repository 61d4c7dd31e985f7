SELECT name
FROM members
WHERE id NOT IN (SELECT coach_id FROM members)
ORDER BY name, id;
