-- Every finish, beside the one before it over the same distance.
SELECT seconds FROM results;
