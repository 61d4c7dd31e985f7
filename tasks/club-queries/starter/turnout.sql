-- Every race with its starters and finishers.
SELECT races.name AS race, COUNT(*) AS starters
FROM races JOIN results ON results.race_id = races.id
GROUP BY races.name;
