-- Everyone who coaches somebody.
SELECT coach_id AS coach FROM members;
