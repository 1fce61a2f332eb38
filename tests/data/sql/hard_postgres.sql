-- Everything that is hard about the text of PostgreSQL, in one file that its parser accepts.
BEGIN ISOLATION LEVEL SERIALIZABLE /* a /* nested ; */ comment */;
CREATE TABLE "order;s" (id int DEFAULT 1, note text DEFAULT 'it''s;', tags text[] DEFAULT '{;}'); -- end;
CREATE FUNCTION f(a int) RETURNS int LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE $$SELECT ';'$$;
    RETURN CASE WHEN a > 1 THEN 1 ELSE 2 END;
END;
$body$;
CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC
    INSERT INTO t SELECT CASE WHEN true THEN 1 END AS end; -- END;
    SELECT "end", 'END;' AS case;
END;
CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO u VALUES (1); DELETE FROM w WHERE a = ';');
SELECT E'it\'s;' 'plain\', U&'d\0061t;a', U&"d\0061;ta", B'0', X'1f', N';';
SELECT E'first'
    'sec\'ond;', a$b$c, $$;$$, $_t1$;$$;$_t1$, 1 */* ; */ 2, 3 - -1, '{}'::jsonb #- '{a;}', arr[1:2];
PREPARE q AS SELECT $1, $2;
COMMENT ON TABLE t IS ';';
DO $$ BEGIN NULL; END $$;
COMMIT
