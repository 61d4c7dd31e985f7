-- Metres by member and month, and the running total.
SELECT substr(day, 1, 7) AS month FROM races;
