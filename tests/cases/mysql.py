"""What only MySQL and MariaDB do: statements that commit by themselves, tables without transactions, routines that nobody
can look into. Each failure says what stays, and no statement happens twice."""
from texts import left
from trial import MYSQL, Group, answer, begin, columns, do, end, hold, ledger, pause, release, send, sql, tables, until, write

CASES = []
case = Group(CASES, on=MYSQL).case
MARIADB, MYSQL_ALONE = ('mariadb',), ('mysql',)
UP = 'migrations/1_x.up.sql'
COUNT = 'select count(*) from t'


def routine(body, then=''):
    """A script that makes a procedure, calls it, and goes on."""
    return write(UP, f'create table t (i int);\ndelimiter //\ncreate procedure p()\nbegin\n{body}\nend //\ndelimiter ;\n'
                     f'call p();\n{then}')


FAILS = "signal sqlstate '45000' set message_text = 'enough';"

# ---- routines ----

case('M-1', 'a procedure that fails leaves nothing, and runs again', routine(f'insert into t values (1);\n{FAILS}'),
     do('up', 1, err=['enough', '1_x.up.sql:9:1', 'statement 3 of 3', left(2)]), answer(COUNT, '0'), ledger('1!'),
     do('up', 1, err='enough'), answer(COUNT, '0'))
case('M-2', 'a procedure that commits and then fails asks a person at once, and never runs twice by itself',
     routine(f'insert into t values (1);\ncommit;\ninsert into t values (2);\n{FAILS}', 'create table after (i int);\n'),
     do('up', 5, err=['enough', 'statements 1-2 (recorded); 3 unknown; 4 was not sent', 'repair 1 --statement 3 --did-run']),
     answer(COUNT, '2'), do('up', 5, err='nobody can tell whether it took effect'), answer(COUNT, '2'),
     do('repair 1 --statement 3 --did-run'), do('up'), answer(COUNT, '2'), tables('t after'), ledger('1'))
case('M-3', 'a procedure that commits and ends well is done', routine('insert into t values (1);\ncommit;\ninsert into t values (2);'),
     do('up'), answer(COUNT, '2'), do('up'), answer(COUNT, '2'))
case('M-4', 'a procedure with a schema change is done, and refused before it leaves no doubt about itself',
     routine('create table made (i int);\ninsert into t values (1);', 'create table after (i int);\n'),
     do('up'), tables('t made after'), answer(COUNT, '1'))
case('M-5', 'a statement that was prepared and is refused had no effect',
     write(UP, "create table t (i int);\nprepare s from 'alter table t drop column nosuch';\nexecute s;\n"),
     do('up', 1, err=['nosuch', left(2), '3 had no effect']), tables('t'), do('up', 1, err='nosuch'))
case('M-6', 'a procedure that was killed and commits nothing runs again, once',
     routine('insert into t values (1);\ndo sleep(3);', 'create table after (i int);\n'),
     begin('up'), until("select count(*) > 0 from information_schema.processlist where info like '%sleep(3)%' and id <> connection_id()"),
     send(9), end(exit=-9), do('up'), answer(COUNT, '1'), tables('t after'), ledger('1'))
case('M-7', 'a procedure that was killed behind its COMMIT asks a person',
     routine('insert into t values (1);\ncommit;\ndo sleep(2);'),
     begin('up'), until('select count(*) from t'), send(9), end(exit=-9),
     do('up', 5, err=['statement 3 of 3 was running, and it leaves no trace to look for', '--did-run']),
     do('repair 1 --statement 3 --did-run'), do('up'), answer(COUNT, '1'))
case('M-8', "in the script's own transaction a procedure shares its fate",
     write(UP, f'create table t (i int);\ndelimiter //\ncreate procedure p() begin insert into t values (2); {FAILS} end //\n'
               'delimiter ;\nbegin;\ninsert into t values (1);\ncall p();\ncommit;\n'),
     do('up', 1, err=['enough', 'left behind: statements 1-2 (recorded)']), answer(COUNT, '0'))
case('M-9', 'a procedure that commits, in a transaction of PostgreSQL where it may not, runs by itself',
     write(UP, '-- whimbrel: no-transaction\ncreate table t (i int);\ncreate procedure p() language plpgsql as $$ begin insert'
               ' into t values (1); commit; end $$;\ncall p();\n'), do('up'), answer(COUNT, '1'), on=('postgres',))
case('M-10', 'and when it fails behind its COMMIT it asks a person',
     write(UP, '-- whimbrel: no-transaction\ncreate table t (i int);\ncreate procedure p() language plpgsql as $$ begin insert'
               " into t values (1); commit; raise 'enough'; end $$;\ncall p();\n"),
     do('up', 5, err=['enough', '--did-run']), do('up', 5, err='nobody can tell'), answer(COUNT, '1'),
     do('repair 1 --statement 3 --did-run'), do('up'), answer(COUNT, '1'), on=('postgres',))

# ---- a statement that is refused and leaves a part ----

TWO_TABLES = 'create table a (i int);\ncreate table b (i int);\n'
case('M-11', 'a DROP of several that is refused has dropped none', write(UP, TWO_TABLES + 'drop table a, nosuch, b;\n'),
     do('up', 1, err=['nosuch', left(2), '3 had no effect']), tables('a b'), do('up', 1), tables('a b'), on=MYSQL_ALONE)
case('M-12', 'a DROP of several that is refused may have dropped some: the next run takes it from there',
     write(UP, TWO_TABLES + 'drop table a, nosuch, b;\ncreate table c (i int);\n'),
     do('up', 1, err=['nosuch', 'statements 1-2 (recorded). What 3 began is settled by the next run']), do('up'), tables('c'),
     on=MARIADB)
case('M-13', 'what was refused is mended as any other statement', write(UP, TWO_TABLES + 'drop table a, nosuch, b;\n'),
     do('up', 1), write(UP, TWO_TABLES + 'drop table if exists a, b;\n'), do('up'), tables(''))

# ---- a statement that was changed while nobody knew how it ended ----

WAITS = "select count(*) > 0 from information_schema.processlist where state like '%metadata lock%'"
ALTER = 'create table u (i int);\nalter table t add j int;\ncreate table after (i int);\n'
case('M-14', 'a statement in doubt that was changed is not judged by what the old one made', sql('create table t (i int);'),
     write(UP, ALTER), hold('begin; select * from t'), begin('up'), until(WAITS), send(9), end(exit=-9), release(), pause(0.5),
     write(UP, ALTER.replace('j int', 'j int, add k int')),
     do('up', 5, err=['statement 2 of 3 was running when the last run ended, and it was changed since', 'put it back', '--did-run']),
     columns('i j', 't'), write(UP, ALTER), do('up'), tables('t u after'))
case('M-20', 'a schema change that went on without its client is found', sql('create table t (i int);'),
     write(UP, ALTER), hold('begin; select * from t'), begin('up'), until(WAITS), send(9), end(exit=-9), release(),
     do('up'), columns('i j', 't'), tables('t u after'), ledger('1'))

# ---- tables without transactions ----

LOG = 'create table log (i int) engine=MyISAM;\n'
case('M-15', 'data of a table without transactions runs statement by statement, and says so', sql(LOG),
     write(UP, 'insert into log values (1);\ninsert into log values (2);\ninsert into nosuch values (3);\n'),
     do('up', 1, err=["log: its changes can't be rolled back (engine MyISAM)", 'nosuch', left(2)]),
     write(UP, 'insert into log values (1);\ninsert into log values (2);\ninsert into log values (3);\n'),
     do('up'), answer('select count(*) from log', '3'))
case('M-16', 'also when a script before it, of the same run, makes the table', write('migrations/1_x.up.sql', LOG),
     write('migrations/2_y.up.sql', 'insert into log values (1);\ninsert into nosuch values (2);\n'),
     do('up', 1, err=["log: its changes can't be rolled back", 'nosuch']), answer('select count(*) from log', '1'),
     write('migrations/2_y.up.sql', 'insert into log values (1);\n'), do('up'), answer('select count(*) from log', '1'))
case('M-17', 'a change that could not be rolled back, and that nobody foresaw, asks a person',
     sql(f'create table t (i int);\n{LOG}'
         "create trigger tr after insert on t for each row insert into log select 1 where 'log' = 'log';\n"
         'create procedure hidden() insert into t values (7);\n'),
     write(UP, "create table x (i int);\nprepare s from 'insert into t values (1)';\nexecute s;\ninsert into nosuch values (1);\n"),
     do('up', 1), answer('select count(*) from log', '1'))

# ---- the session ----

case('M-18', 'what a script sets ends with it, in a transaction or not', write('migrations/1_x.up.sql', 'create table t (v text);\n'),
     write('migrations/2_y.up.sql', "set session sql_mode = 'ANSI';\ninsert into t values ('1');\n"),
     write('migrations/3_z.up.sql', "insert into t select if(@@sql_mode like '%ANSI%', 'leaks', 'fine');\n"),
     write('migrations/4_z.up.sql', "set session sql_mode = 'ANSI';\ncreate table u (i int);\n"),
     write('migrations/5_z.up.sql', "insert into t select if(@@sql_mode like '%ANSI%', 'leaks', 'fine');\n"),
     do('up'), answer("select group_concat(v order by v) from t", '1,fine,fine'))
case('M-19', 'a dump that turns autocommit off and on again', write(UP, 'create table t (i int);\nset autocommit=0;\n'
     'insert into t values (1);\ninsert into t values (2);\ncommit;\nset autocommit=1;\n'), do('up'), answer(COUNT, '2'), ledger('1'))
