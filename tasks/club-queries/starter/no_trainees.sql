-- Members who coach nobody.
SELECT name FROM members;
