"""Cases of golang-migrate's files and ledger, by the native commands (`migrate -path m -database URL up` is
`whimbrel up -d m --profile golang-migrate`).

Where the native command differs by design, the case says why. Native exit codes are finer: 2 wrong usage or files,
4 the lock is held, 5 state unknown, where the original says 1.
"""
import signal
import zlib

from fixtures import BAD2, GM3, REPAIRED, SEQ
from texts import left, say
from trial import (MYSQL, POSTGRES, SQLITE, Group, answer, begin, columns, do, either, end, files, folder, hold, keep,
                   ledger, only, pause, release, same, send, setting, sql, table, tables, together, until, untouched,
                   write)

CASES = []
case = Group(CASES, WHIMBREL_DIR='m', WHIMBREL_PROFILE='golang-migrate').case
G01 = [GM3, do('up')]
BEGUN = 'create table begun (i int);\n'
SLOW = {POSTGRES: BEGUN + 'select pg_sleep(30);\n',
        SQLITE: BEGUN + 'create table slow as with recursive c(i) as (select 1 union all select i + 1 from c where i < 300000000)'
                        ' select count(*) as n from c;\n',
        # data only, so that it is one transaction there too
        MYSQL: 'insert into a values (1);\nupdate a set i = 2 where sleep(30) = 0;\n'}
PG_SLEEP = "from pg_stat_activity where query like '%pg_sleep(30)%' and state = 'active' and pid <> pg_backend_pid()"
MY_SLEEP = "from information_schema.processlist where info like '%sleep({})%' and id <> connection_id()"


def slow(name):
    """A script that lasts until somebody stops it, and has begun with something else."""
    return [only(kinds, write(name, text)) for kinds, text in SLOW.items()]


RUNS = [only(POSTGRES, until('select count(*) ' + PG_SLEEP)), only(MYSQL, until('select count(*) ' + MY_SLEEP.format(30))),
        only(SQLITE, pause(0.7))]
# A server may go on with the statement of a client that is gone.
END_SLEEP = [only(POSTGRES, sql('select count(pg_terminate_backend(pid)) ' + PG_SLEEP)),
             only(MYSQL, lambda t: [t.database.query(f'kill {row[0]}')
                                    for row in t.database.query('select id ' + MY_SLEEP.format(30))])]

# ---- up, down, goto ----

case('G01', 'an empty database gets every file, in order', GM3,
     do('up', out=r're:1 a\b.*2 b\b.*5 e\b'),
     ledger('5|f'), tables('a b e'), columns('version dirty'))
case('G02', 'a second up finds nothing to do and succeeds', G01,
     do('up', out=say('no change')),
     ledger('5|f'), tables('a b e'))
# Looking at a new database is no mistake, so native `version` says "-" and succeeds.
case('G04', 'version of an empty database says that nothing is applied', GM3,
     do('version', out=say('nothing applied')),
     untouched())
# A project without migrations is no failure of `up`; the note names the directory.
case('G05', 'an empty directory is told and nothing happens', folder('m'),
     do('up', has='no migration'),
     tables(''))
case('G06', 'down 1 goes back to the file before, whatever number it has', G01,
     do('down 1', out=r're:5 e +reverted'),
     ledger('2|f'), tables('a b'))
# `down` alone is one step natively; everything needs --all and a yes.
case('G08', 'down of everything asks, and does nothing where nobody answers', G01,
     do('down --all', 2, err=say('needs a yes')),
     ledger('5|f'), tables('a b e'))
case('G09', 'a yes through a pipe is not taken for a person: --yes says it', G01,
     do('down --all', 2, stdin='y\n', err=say('needs a yes')), ledger('5|f'),
     do('down --all --yes'),
     ledger(''), tables(''))
case('G10', 'down of everything reverts each, newest first', G01,
     do('down --all --yes', out='re:5 e .*2 b .*1 a '),
     ledger(''), tables(''))
# There is nothing to revert: for the native command that is success, as a second `up` is.
case('G12', 'down on an empty database changes nothing', GM3,
     do('down 1', has=say('nothing to revert')),
     untouched())
case('G13', 'up 2 on a current database has nothing to do', G01,
     do('up 2', out=say('no change')),
     ledger('5|f'))
case('G14', 'up 1 applies one, up 0 none', GM3,
     do('up 1', out='1 a'), ledger('1|f'),
     do('up 0'),
     ledger('1|f'), tables('a'))
case('G16', 'goto goes down and up', G01,
     do('goto 2', out='5 e'), ledger('2|f'), tables('a b'),
     do('goto 5', out='5 e'),
     ledger('5|f'), tables('a b e'))
case('G17', 'goto to a version without a file is refused, once', G01,
     do('goto 99', 2, err=say('no such version'), lacks='re:error: .*error: '),
     ledger('5|f'), tables('a b e'))
case('G18', 'goto needs a version, and a version is a number', G01,
     do('goto', 2, err=say('no version given')),
     do('goto x', 2, err='x'),
     ledger('5|f'))

# ---- failures ----

# On MySQL the table before the failure stays, and C-1 calls for the dirty row: what is there is no version's state.
case('G19', 'a failure is rolled back and leaves the ledger clean; where it can\'t be, both say what is there', BAD2,
     do('up', 1, err=['nowhere', 'm/2_bad.up.sql:2:', 'statement 2 of 3', left(1)]),
     ledger(either('1|f', '2|t')), tables(either('ok', 'ok a')),
     do('status', out='failed: 2 bad'))
STRICT = [BAD2, do('up', 1, env={'WHIMBREL_DIRTY_BLOCKS': 'failed'})]
case('G20', 'with dirty_blocks: failed the ledger is dirty, although nothing was left', STRICT,
     ledger('2|t'), tables(either('ok', 'ok a')))
case('G21', 'a dirty ledger stops up, down and goto', STRICT, setting(WHIMBREL_DIRTY_BLOCKS='failed'),
     do('up', (1, 5), err='re:error: .*2'), do('down 1', (1, 5), err='2'), do('goto 1', (1, 5), err='2'),
     ledger('2|t'), tables(either('ok', 'ok a')))
case('G22', 'version and status show the dirty flag', STRICT,
     do('version', out='1 (dirty: 2)\n'),
     do('status', out='failed: 2 bad'), do('status --format blocks', out='Dirty: true'),
     do('status --json', out='re:"dirty": ?true'))
case('G22b', 'force is the way out of a dirty ledger', STRICT, setting(WHIMBREL_DIRTY_BLOCKS='failed'),
     do('force 1'), ledger('1|f'), REPAIRED,
     only(MYSQL, do('up', 1, err="Table 'a' already exists"), do('force 1'), sql('drop table a')),  # force trusts the person
     do('up'),
     ledger('2|f'), tables('ok a'))
case('G24', 'a failure that left nothing needs no force: the mended file runs', BAD2,
     do('up', 1), REPAIRED,
     do('up', out='2 bad'),
     ledger('2|f'), tables('ok a'))
case('G25', 'a dirty flag that was set by hand is honoured', G01,
     sql("update schema_migrations set version = 5, dirty = {true}"),
     do('up', 5, err=[say('state unknown'), say('way out')]),
     do('down', 5), do('goto 2', 5),
     do('version', out='2 (dirty: 5)\n'),
     ledger('5|t'),
     do('force 5'), ledger('5|f'), do('up', out=say('no change')))
case('G26', 'a row deleted by hand means: not applied; nothing is passed over in silence', G01,
     sql('delete from schema_migrations'),
     do('up', 1, err=['re:(?i)(relation|table) ["\']?a["\']? already exists', say('left nothing')]),
     ledger(''), tables('a b e'),
     do('history', out='external'))

# ---- failures that can't be rolled back ----

THREE = ['create table a (i int);', 'create table b (i int);', 'update a set nowhere = 1;', 'create table c (i int);']


def three(*statements, count=4):
    """m/1_three.up.sql: four statements of which the third fails, each changed to what is given (None: as it is)."""
    changed = [new or old for new, old in zip([*statements, None, None, None, None], THREE)]
    return write('m/1_three.up.sql', ''.join(s + '\n' for s in changed[:count]))


HALF = 'm/1_three.up.sql:3:14, statement 3 of {}'
G66 = [three(count=3), do('up', 1, err=["Unknown column 'nowhere'", HALF.format(3), left(2)])]
case('G66', 'the statements before the failed one stay, are told one by one, and recorded', G66,
     do('up', 1, err=["Unknown column 'nowhere'", HALF.format(3), 'left behind: statements 1-2 (recorded). 3 had no effect.\n',
                      'it goes on from there']),
     ledger('1|t'), tables('a b'), do('version', out='- (dirty: 1)\n'),
     do('status', out='failed: 1 three, 2 statements done'), do('status --json', out='"statements_done":2'),
     do('history -v', out='2 of 3 statements done'), do('repair', out='statements done: 2 of 3'), on=MYSQL)
case('G66', 'what was not sent is told too, and the next up does no more than the first', table('m/0_z'), three(),
     do('up', 1, err=[HALF.format(4), left(2), '4 was not sent', 'the one before it stays applied']), ledger('1|t'), tables('z a b'),
     do('up', 1, err=[HALF.format(4), left(2), '4 was not sent']), ledger('1|t'), tables('z a b'), on=MYSQL)
case('G66', 'up goes on at the failed statement of the repaired file; white space and comments of the others do not matter', G66,
     sql('insert into a values (7)'),
     write('m/1_three.up.sql', '-- a remark\ncreate  table a (i int) ;\n\ncreate table b (i int);\nupdate a set i = i + 1;\n'
                               'create table c (i int);\n'),
     do('up --dry-run', out='goes on with statement 3'), do('up', out='1 three'),
     ledger('1|f'), tables('a b c'), answer('select i from a', '8'),
     do('status', out='ok'), do('up', out=say('no change')), do('verify'), on=MYSQL)
case('G66', 'a file whose statements were changed that are done already: up says which, and changes nothing', G66,
     three('create table a (i bigint);', None, 'update a set i = 1;', count=3),
     do('up', 1, err=['statement 1', 'has run already', 'm/1_three.up.sql:1:1', '- create table a (i int)', '+ create table a (i bigint)',
                      say('way out')]),
     ledger('1|t'), tables('a b'), do('plan', (1, 3), has='statement 1'), do('validate', 3, has='statement 1'),
     three(None, None, 'update a set i = 1;', count=3), do('up'), ledger('1|f'), on=MYSQL)
case('G66', 'a file from which a statement was taken that is done already', G66,
     write('m/1_three.up.sql', 'create table a (i int);\nupdate a set i = 1;\n'),
     do('up', 1, err=['statement 2', 'has run already', '- create table b (i int)']), ledger('1|t'), tables('a b'), on=MYSQL)
case('G66', 'a person can say that the rest is done, or take back what is there', G66,
     do('repair 1 --mark-applied'), ledger('1|f'), do('up', out=say('no change')),
     do('repair 1 --mark-reverted'), ledger(''), sql(['drop table a', 'drop table b']), three(None, None, 'update a set i = 1;'),
     do('up'), ledger('1|f'), tables('a b c'), on=MYSQL)
case('G66', 'what is half there is not passed over by down', G66, write('m/1_three.down.sql', 'drop table a;\ndrop table b;\n'),
     do('down', 5, err=['1 is half applied', 'm/1_three.up.sql', 'repair 1 --mark-reverted']), ledger('1|t'), tables('a b'),
     three(None, None, 'update a set i = 1;', count=3), do('up'), do('down'), ledger(''), tables(''), on=MYSQL)
case('G66', 'a down that fails half way goes on at the failed statement too', three(None, None, 'update a set i = 1;', count=3),
     write('m/1_three.down.sql', 'drop table b;\ndrop table nowhere;\ndrop table a;\n'), do('up'),
     do('down', 1, err=['m/1_three.down.sql:2:', left(1), '3 was not sent']), ledger('-1|t'), tables('a'),
     do('up', 5, err='goes on with it'),
     write('m/1_three.down.sql', 'drop table b;\ndrop table a;\n'), do('down'), ledger(''), tables(''), on=MYSQL)

# ---- force ----

case('G28', 'force -1 empties the ledger, with and without --', G01,
     do('force -1'), ledger(''), tables('a b e'),
     do('force 5'), ledger('5|f'),
     do('force -- -1'),
     ledger(''))
case('G29', 'force -2 is no version', G01,
     do('force -- -2', 2), ledger('5|f'),
     do('force -2', 2),
     ledger('5|f'))
case('S4-38', 'force needs no directory of files', G01,
     do('force 2', env={'WHIMBREL_DIR': 'nonesuch'}),
     ledger('2|f'), tables('a b e'))

# ---- files ----

# Natively a file that is gone is a warning (after a squash it always is); what is pending still runs.
case('G30', 'a ledger at a version without a file: it is named', GM3,
     sql(['create table schema_migrations (version bigint not null primary key, dirty boolean not null)',
          "insert into schema_migrations values (4, {false})"]),
     do('up', has='re:warning: .*4'),
     ledger('5|f'), tables('e'))
case('G32', 'two files of one version: both are named, by every command', GM3,
     write('m/000001_dup.up.sql', 'create table dup (i int);\n'),
     do('up', 2, err=[say('duplicate'), '1_a.up.sql', '000001_dup.up.sql', 'm/']),
     do('status', 2, err='000001_dup.up.sql'), do('plan', 2), do('validate', (2, 3)),
     untouched())
case('G33', 'a file that came late is named and not run', G01,
     write('m/3_late.up.sql', 'create table late (i int);\n'),
     do('up', has=['3', say('late'), say('no change')]),
     ledger('5|f'), tables('a b e'))
case('G34', 'down of a migration without a down file is refused before anything happens',
     table('m/1_a'), write('m/2_b.up.sql', 'create table b (i int);\n'), do('up'),
     do('down 1', (1, 2), err=[say('no down script'), '2']),
     ledger('2|f'), tables('a b'))
case('G36', 'a version that has a down file only moves the ledger on', G01,
     write('m/6_x.down.sql', 'drop table x;\n'),
     do('up', has='6'),
     ledger('6|f'), tables('a b e'))
case('G37', 'an empty file, and one with comments only, are applied',
     write('m/1_empty.up.sql', ''), write('m/2_remarks.up.sql', '-- nothing\n/* more of it */\n'), table('m/3_c'),
     do('up'),
     ledger('3|f'), tables('c'))
PROFILES = [
    write('m/1_users.up.sql', 'create table users (id int primary key);\n'),
    write('m/2_profiles.up.sql', '''\
BEGIN;
CREATE TABLE IF NOT EXISTS profiles (
    id {serial},
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX {if_not_exists} idx_profiles_user_id ON profiles(user_id);
COMMIT;
'''),
    # MySQL keeps an index that a foreign key needs until its table goes.
    write('m/2_profiles.down.sql',
          either('BEGIN;\nDROP INDEX IF EXISTS idx_profiles_user_id;\nDROP TABLE IF EXISTS profiles;\nCOMMIT;\n',
                 'BEGIN;\nDROP TABLE IF EXISTS profiles;\nCOMMIT;\n')),
]
case('G38', 'files with BEGIN and COMMIT go up, down and up again', PROFILES,
     do('up -v', lacks='already a transaction'), tables('users profiles'), keep('schema'),
     do('down 1 -v', lacks='already a transaction'), ledger('1|f'), tables('users'),
     do('up'),
     ledger('2|f'), same('schema'))
case('G40', 'a file that commits in the middle: what is there is recorded, and the ledger says so',
     write('m/1_odd.up.sql',
           'BEGIN;\ncreate table a (i int);\nCOMMIT;\ncreate table b (i int);\nselect nowhere from a;\n'),
     do('plan', has=say('self-managed')),
     do('up', 1, err=['m/1_odd.up.sql:5:', 'nowhere', 'left behind: statements 1-4']),
     ledger('1|t'), tables('a b'))
case('G41', 'BEGIN without COMMIT is told with file and line, and nothing is sent', table('m/1_a'),
     write('m/2_open.up.sql', 'BEGIN;\ncreate table b (i int);\n'),
     do('up', 2, err=['m/2_open.up.sql:1', say('unbalanced')]),
     untouched())
INDEXED = write('m/1_t.up.sql', 'create table t (i int);\ninsert into t values (1), (2);\n')
VALID = "select count(*) from pg_index where indexrelid = 't_i'::regclass and indisvalid"
case('G42', 'a file that is one CREATE INDEX CONCURRENTLY runs', INDEXED,
     write('m/2_i.up.sql', 'create index concurrently t_i on t (i);\n'),
     do('up'),
     ledger('2|f'), answer(VALID, '1'), on=POSTGRES)
MIXED = [INDEXED, write('m/2_i.up.sql', 'create table u (i int);\ncreate index concurrently t_i on t (i);\n')]
case('G43', 'CONCURRENTLY beside another statement is refused before anything is sent', MIXED,
     do('up', 2, err=['m/2_i.up.sql:2:', say('split it'), 'no-transaction']),
     untouched(), on=POSTGRES)
NO_TRANSACTION = '-- whimbrel: no-transaction\n'
# Natively the file says it itself; x-multi-statement in the URL belongs to the front-end.
case('G44', 'a script marked no-transaction runs statement by statement', INDEXED,
     write('m/2_i.up.sql', NO_TRANSACTION + 'create table u (i int);\ncreate index concurrently t_i on t (i);\n'),
     do('up'),
     ledger('2|f'), tables('t u'), answer(VALID, '1'), on=POSTGRES)
case('G44', 'a script marked no-transaction runs statement by statement', INDEXED,
     write('m/2_i.up.sql', NO_TRANSACTION + 'create table u (i int);\ncreate index t_i on t (i);\n'),
     do('up'), ledger('2|f'), tables('t u'), on=SQLITE + MYSQL)
case('G45', 'a function body with semicolons is one statement, also when statements are sent one by one',
     write('m/1_f.up.sql', NO_TRANSACTION + '''\
create function f() returns int language plpgsql as $$
declare n int; begin n := 1; return n; end;
$$;
create table after_f (i int);
'''),
     do('up'), answer('select f()', '1'), tables('after_f'), ledger('1|f'), on=POSTGRES)
case('G45', 'a function body with semicolons is one statement, with and without DELIMITER',
     write('m/1_f.up.sql', '''\
create function f() returns int deterministic
begin declare n int; set n = 1; if n = 1 then return n; end if; return 0; end;
delimiter //
create function g() returns int deterministic begin declare n int; set n = 2; return n; end//
delimiter ;
create table after_f (i int);
'''),
     do('up'), answer('select f(), g()', '1 2'), tables('after_f'), ledger('1|f'), on=MYSQL)
TWINS = [write('m/1_t.up.sql', 'create table t (i int);\ninsert into t values (1), (1);\n'),
         write('m/2_i.up.sql', 'create unique index concurrently if not exists t_i on t (i);\n')]
case('G46', 'an index that could not be built is never taken for one that is there', TWINS,
     do('up', 1, err='t_i'),
     do('up', 1, err='t_i'),
     do('up', 1, err='t_i'),
     sql('delete from t'), do('up'),
     ledger('2|f'), answer(VALID, '1'), on=POSTGRES)

# ---- where the ledger is ----

case('G48', 'a ledger in a schema that does not exist is refused, and the schema is not created', GM3,
     do('up --ledger s.t', (1, 2), err='re:schema "?s"? does not exist'),
     answer("select count(*) from pg_namespace where nspname = 's'", '0'), tables(''), on=POSTGRES)
case('G48', 'x-migrations-table of the URL names the ledger, quoted with its schema', GM3, sql('create schema s'),
     do('up -u "{url}?x-migrations-table=%22s%22.%22t%22&x-migrations-table-quoted=1"'),
     ledger('5|f', 's.t'), on=POSTGRES)
case('G48', 'a ledger in a database that does not exist is refused, and the database is not created', GM3,
     do('up --ledger nonesuch.t', (1, 2), err="re:database ['\"]nonesuch['\"]"),
     answer("select count(*) from information_schema.schemata where schema_name = 'nonesuch'", '0'), tables(''), on=MYSQL)
case('G48', 'x-migrations-table of the URL names the ledger', GM3, do('up -u "{url}?x-migrations-table=t"'),
     ledger('5|f', 't'), do('up -u "{url}?x-migrations-table=t"', out=say('no change')), ledger(None), on=MYSQL)
case('G01', 'the form of the URL that Go programs use', GM3, do('up -u "{go_url}"'), ledger('5|f'), tables('a b e'), on=MYSQL)
case('G49', 'x-migrations-table must be quoted when x-migrations-table-quoted says so', GM3,
     do('up -u "{url}?x-migrations-table=st&x-migrations-table-quoted=1"', 2, err='x-migrations-table must be quoted'),
     tables(''), on=POSTGRES)
case('G50', 'search_path in the URL moves the objects and the ledger', GM3, sql('create schema s2'),
     do('up -u "{url}?search_path=s2"'),
     ledger('5|f', 's2.schema_migrations'), tables('s2.a s2.b s2.e'),
     do('status -u "{url}?search_path=s2"', out='re:5 +5 +0 +ok'), on=POSTGRES)

# ---- locks ----

# The id that golang-migrate takes: CRC-32 of "schema NUL table NUL database" times a constant. Its program writes the
# database with a slash in front, its library without one.


def lock_id(database):
    return zlib.crc32(f'public\0schema_migrations\0{database}'.encode()) * 1486364155 % 2 ** 32


for ident, slash, who in ('G52', '/', 'program'), ('G53', '', 'library'):
    case(ident, f'the lock of the original {who} is honoured, and who holds it is told', GM3, do('up 1'),
         hold(f"set application_name = 'elsewhere'; select pg_advisory_lock({lock_id(slash + 'whimbrel_cases')})"),
         do('up --lock-timeout 2s', 4, within=4, err=[say('lock is held'), 'elsewhere', 're:process [0-9]+']),
         ledger('1|f'), tables('a'),
         release(), do('up'), ledger('5|f'), on=POSTGRES)
# On MySQL its program and its library agree on one name.
MY_LOCK = "select get_lock('{}', 1)".format(zlib.crc32(b'whimbrel_cases:schema_migrations') * 1486364155 % 2 ** 32)
case('G52', 'the lock of the original is honoured, and who holds it is told', GM3, do('up 1'), hold(MY_LOCK),
     do('up --lock-timeout 2s', 4, within=4, err=[say('lock is held'), 're:(process|connection) [0-9]+']),
     ledger('1|f'), tables('a'),
     release(), do('up'), ledger('5|f'), on=MYSQL)
case('G54', 'commands that only read do not wait for the lock', GM3, do('up 1'), hold(MY_LOCK),
     do('version', out='1\n', within=1), do('status', within=1), do('plan', within=1), do('history', within=1), on=MYSQL)
case('G54', 'commands that only read do not wait for the lock', GM3, do('up 1'),
     hold(f"select pg_advisory_lock({lock_id('/whimbrel_cases')})"),
     do('version', out='1\n', within=1), do('status', within=1), do('plan', within=1), do('history', within=1),
     on=POSTGRES)
case('G54', 'commands that only read do not wait for a writer', GM3, do('up 1'),
     hold('begin immediate'),
     do('version', out='1\n', within=1), do('status', within=1), do('plan', within=1), do('history', within=1),
     on=SQLITE)

# ---- signals, kill ----

for ident, number, code in ('G56', signal.SIGTERM, 143), ('G57', signal.SIGINT, 130):
    # Natively both cancel the running script: it is rolled back, so nothing is dirty and nothing half done.
    case(ident, f'signal {number.name} rolls the running script back and frees the lock', table('m/1_a'),
         do('up'), slow('m/2_slow.up.sql'), table('m/3_c'),
         begin('up'), RUNS, send(number), end(exit=code, err=say('left nothing'), within=5),
         ledger('1|f'), tables('a'),
         do('status', out='re:failed|pending'),
         write('m/2_slow.up.sql', 'create table done (i int);\n'), do('up --lock-timeout 0'),
         ledger('3|f'), tables('a done c'))
case('G56', 'of a script that can\'t be rolled back the running statement ends first; the next run goes on behind it',
     write('m/1_slow.up.sql', BEGUN + 'create table slow as select sleep(2) as s;\ncreate table done (i int);\n'),
     begin('up'), until('select count(*) ' + MY_SLEEP.format(2)), send(signal.SIGTERM),
     end(exit=143, err='left behind: statements 1-2 (recorded)', within=5),
     ledger('1|t'), tables('begun slow'), do('status', out='2 statements done'),
     do('up --lock-timeout 0'), ledger('1|f'), tables('begun slow done'), on=MYSQL)
case('G58', 'after kill -9 the next run finds out that the script was not applied, and applies it', table('m/1_a'),
     do('up'), slow('m/2_slow.up.sql'),
     begin('up'), RUNS, send(signal.SIGKILL), end(exit=-9),
     write('m/2_slow.up.sql', 'create table done (i int);\n'),
     END_SLEEP, do('up'),
     ledger('2|f'), tables('a done'))

# ---- new, drop, usage, wait ----

case('G60', 'new takes the next number, six digits wide in a new directory', folder('d'),
     do('new add_x -d d', out=['d/000001_add_x.up.sql', 'd/000001_add_x.down.sql']),
     do('new add_x -d d', out=['d/000002_add_x.up.sql', 'd/000002_add_x.down.sql']),
     files('d', '000001_add_x.up.sql 000001_add_x.down.sql 000002_add_x.up.sql 000002_add_x.down.sql'), on=SQLITE)
case('G61', 'new needs a name, and one style of version', folder('d'),
     do('new -d d', 2), do('new x -d d --seq --timestamp', 2, err='--timestamp'),
     files('d', ''), on=SQLITE)
case('G62', 'drop needs the name of the database, then nothing is left', G01,
     do('drop', 2, err='--confirm'), do('drop --yes', 2), do('drop --confirm other', 2), tables('a b e'),
     do('drop --confirm {db}'),
     untouched())
case('G64', 'a command that does not exist, none at all, and a bad flag are wrong usage', GM3,
     do('frobnicate', 2, err='no command'), do('', 2, err=say('usage')), do('up --frob', 2, err='--frob'),
     untouched(), on=SQLITE)

# ---- SQLite ----

case('G68', 'a file with BEGIN and COMMIT runs on SQLite', table('m/1_a'),
     write('m/2_b.up.sql', 'BEGIN;\ncreate table b (i int);\nCOMMIT;\n'),
     do('up', env={'WHIMBREL_URL': 'sqlite3://trial.db'}),
     ledger('2|f'), tables('a b'), on=SQLITE)
case('G69', 'two runs at once apply each migration once', [table(f'm/{k}_t{k}') for k in range(1, 13)],
     together('up', 'up'),
     ledger('12|f'), tables(' '.join(f't{k}' for k in range(1, 13))))

# ---- an existing ledger; edits; odd files ----

case('G70', 'a ledger of golang-migrate is continued in its own shape', GM3,
     sql(['create table schema_migrations (version bigint not null primary key, dirty boolean not null)',
          'insert into schema_migrations values (2, {false})', 'create table a (i int)', 'create table b (i int)']),
     do('up', out='  5 e', lacks=['  1 a', '  2 b'], env={'WHIMBREL_PROFILE': None}),
     ledger('5|f'), columns('version dirty'), tables('a b e'),
     do('down 2', env={'WHIMBREL_PROFILE': None}), ledger('1|f'), tables('a'))
case('G72', 'a comment that was edited is a warning, a statement an error', G01,
     write('m/1_a.up.sql', '-- now with a remark\ncreate table a (i int);\n'),
     do('up', has=[say('comments differ'), say('no change')]),
     write('m/1_a.up.sql', 'create table a (i int, j int);\n'), table('m/6_f'),
     do('up', 1, err=[say('edited'), 'm/1_a.up.sql']),
     ledger('5|f'), tables('a b e'))
case('G73', 'a byte-order mark and CRLF line ends do no harm',
     write('m/1_a.up.sql', b'\xef\xbb\xbf-- remark\r\ncreate table a (\r\n  i int\r\n);\r\n'),
     do('up'), ledger('1|f'), tables('a'),
     write('m/1_a.up.sql', '-- remark\ncreate table a (\n  i int\n);\n'),
     do('up', out=say('no change'), lacks='warning'))
case('G74', 'up, down, up ends in the same schema', SEQ,
     do('up'), keep('schema'), do('down 1'), tables(''), ledger(''), do('up'), same('schema'))
