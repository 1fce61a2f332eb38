-- Everything that is hard about the text of SQLite, in one file that it runs.
CREATE TABLE [a;b] ("c;" text DEFAULT 'it''s;', `d;` int, end int);
CREATE TRIGGER "tr;1" AFTER INSERT ON [a;b] WHEN CASE new.end WHEN 1 THEN 1 ELSE 0 END BEGIN
    INSERT INTO [a;b] (end) VALUES (CASE WHEN 1 THEN 2 END); -- END;
    SELECT 'END;', 1 AS end; /* ; */
END;
INSERT INTO [a;b] ("c;", `d;`) VALUES ('x;y\', x'3b'), ('/* ; */', 5-- ; a comment
    - -1);
SELECT "c;", :p, @q, $r, ?1, case when 1 then ';' end FROM [a;b];
EXPLAIN QUERY PLAN SELECT ';';
/* not /* nested ; */ SELECT 2;
BEGIN IMMEDIATE; UPDATE [a;b] SET end = end; END;
SELECT 3 /* never closed ;
