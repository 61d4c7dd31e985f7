INSERT INTO members VALUES (1, 'Ada', NULL), (2, 'Bo', 1), (3, 'Cy', 1);
INSERT INTO races VALUES (1, 'Canal', '2026-05-02', 5000);
INSERT INTO results VALUES (1, 2, 1300), (1, 3, NULL);
