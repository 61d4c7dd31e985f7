-- A place is one more than the number of those who were faster.
SELECT races.name AS race, 1 + COUNT(faster.member_id) AS place, members.name AS name, mine.seconds AS seconds
FROM races
JOIN results AS mine ON mine.race_id = races.id AND mine.seconds IS NOT NULL
JOIN members ON members.id = mine.member_id
LEFT JOIN results AS faster ON faster.race_id = races.id AND faster.seconds < mine.seconds
GROUP BY races.id, mine.member_id
HAVING place <= 3
ORDER BY races.day, races.id, place, members.name
