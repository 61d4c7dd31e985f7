-- The first three places of every race.
SELECT races.name AS race, seconds
FROM races JOIN results ON results.race_id = races.id;
