"""Inputs that nobody should give: odd files, names, URLs, flags and settings; ledgers that are no ledgers; databases that
can't be written. Each gives an error that names the culprit and a way out, and changes nothing.

One row is one case: what is there, the command, its exit code, and what the message says.
"""
import os

from texts import left, say
from trial import (ALL, ATOMIC, MYSQL, POSTGRES, SERVERS, SQLITE, Group, answer, columns, do, folder, keep, ledger,
                   link, move, only, remove, same, setting, sql, table, tables, untouched, write)

CASES = []
group = Group(CASES)
case = group.case
ONE = table('migrations/1_a')
UP2 = 'migrations/2_b.up.sql'
NATIVE = ('create table schema_migrations (version bigint, namespace varchar(50), dirty boolean default {false},'
          ' applied_at timestamp default current_timestamp)')


def refused(ident, claim, given, command, exit, err, on=ALL, after=untouched(), **settings):
    """The command is refused, says why, and nothing has changed."""
    case(ident, claim, ONE, given, keep('before'), do(command, exit, err=err), same('before'), after, on=on, **settings)


# ---- files ----

for ident, claim, text, err in [
    ('nul', 'a NUL byte in a script', b'create table b (i int);\0garbage', [UP2 + ':1:24', 'NUL byte', 'UTF-8']),
    ('utf16', 'a script in UTF-16', 'create table b (i int);'.encode('utf-16'), [UP2 + ':1:1', 'UTF-8']),
    ('latin1', 'a script in Latin-1', b"create table b (t text default '\xe9');", [UP2 + ':1:33', 'byte 0xE9']),
    ('open-quote', 'a quote that is never closed', "create table b (i int);\nselect 'open;\n",
     [UP2 + ':2:8', 'no closing quote']),
    ('begin', 'BEGIN without COMMIT', 'begin;\ncreate table b (i int);\n', [UP2 + ':1:1', say('unbalanced')]),
    ('rollback', 'ROLLBACK without BEGIN', 'create table b (i int);\nrollback;\n', [UP2 + ':2:1', 'it has no BEGIN']),
    ('directive', 'a directive that does not exist', '-- whimbrel: no-transcation\nselect 1;\n',
     [UP2 + ':1:14', 'did you mean "no-transaction"?']),
    ('directive-value', 'a directive with a bad value', '-- whimbrel: lock-timeout soon\nselect 1;\n',
     [UP2 + ':1:', '"soon"']),
    ('requires', 'a requirement that does not exist', '-- whimbrel: requires nonesuch@1\nselect 1;\n',
     [UP2, 'nonesuch']),
    ('goose', 'a file of goose among pairs', '', ['migrations/00002_x.sql', 'goose']),
]:
    name = 'migrations/00002_x.sql' if ident == 'goose' else UP2
    refused('file-' + ident, claim, write(name, text or '-- +goose Up\nselect 1;\n'), 'up', 2, err)
refused('file-dollar', 'a dollar quote that is never closed',
        write(UP2, 'create function f() returns int as $$ select 1'), 'up', 2,
        [UP2 + ':1:36', 'never closed'], on=POSTGRES)
refused('file-psql', 'a command of psql', write(UP2, '\\connect other\ncreate table b (i int);\n'), 'up', 2,
        [UP2 + ':1:1', r'\connect'], on=POSTGRES)
refused('file-client', 'a command of the client', write(UP2, '\\! ls\ncreate table b (i int);\n'), 'up', 2, UP2 + ':1:1', on=MYSQL)
refused('file-backquote', 'a name that is never closed', write(UP2, 'create table `b (i int);\n'), 'up', 2,
        [UP2 + ':1:14', 'closing'], on=MYSQL)
refused('file-directory', 'a directory that is named like a migration', folder(UP2), 'up', 2,
        [UP2, 'not a regular file'])
refused('file-fifo', 'a pipe that is named like a migration', lambda t: os.mkfifo(t.path(UP2)), 'up', 2,
        [UP2, 'not a regular file'])
refused('file-dangling', 'a link that leads nowhere', link(UP2, '/nonexistent'), 'up', 2, [UP2, 'No such file'])
refused('file-loop', 'a link that leads back',
        [folder('migrations/core'), move('migrations/1_a.up.sql', 'migrations/core/1_a.up.sql'),
        move('migrations/1_a.down.sql', 'migrations/core/1_a.down.sql'),
        link('migrations/loop', '.')], 'up', 2, 'migrations/loop')
for ident, name in ('dash', '2-b.up.sql'), ('case', '2_b.UP.sql'), ('ending', '2_b.up.SQL'), ('no-name', '2.up.sql'):
    refused('name-' + ident, f'{name} is nearly a migration', write('migrations/' + name, 'select 1;\n'), 'up', 2,
            ['migrations/' + name, '000001_add_users.up.sql'])
refused('name-newline', 'a line end in a name', write('migrations/2_b\nc.up.sql', 'select 1;\n'), 'up', 2,
        ['control character'])
refused('name-utf8', 'a name that is not UTF-8', write('migrations/2_b\udcff.up.sql', 'select 1;\n'), 'up', 2,
        ['not UTF-8'])
refused('name-long-namespace', 'a namespace of 51 bytes (S0-53)', [table(f'migrations/{"n" * 51}/1_z', 'z'),
        remove('migrations/1_a.up.sql', 'migrations/1_a.down.sql')], 'up', 2, ['n' * 51, '50'])
case('name-longest-namespace', 'a namespace of 50 bytes', table(f'migrations/{"n" * 50}/1_z', 'z'), do('up'),
     ledger('n' * 50 + '/1'), tables('z'))
case('name-others', 'other files are passed over, and listed with -v', ONE, write('migrations/2_b.up.sql.bak', 'x'),
     write('migrations/README.md', 'x'), write('migrations/.2_b.up.sql.swp', 'x'),
     do('up'), do('validate -v', out=['2_b.up.sql.bak', 'README.md']), ledger('1'), tables('a'))
refused('dir-missing', 'a directory that is not there', remove('migrations'), 'up', 2, ['migrations', '--dir'])
refused('dir-file', 'a file in the place of the directory', [remove('migrations'), write('migrations', 'x')], 'up', 2,
        'migrations')
case('dir-hidden', 'directories that a stray file hides are named', ONE, table('migrations/core/1_c', 'c'),
     do('up', err='those in migrations/core are not read'), ledger('1'), tables('a'))
case('dir-flyway', 'files that only Flyway reads are named', write('migrations/V1__x.sql', 'select 1;\n'),
     do('up', err=['V1__x.sql', 'Flyway']), tables(''))
refused('version-too-long', 'a version of 41 digits', write(f'migrations/{"9" * 41}_b.up.sql', 'select 1;\n'), 'up', 2,
        ['9' * 41, 'does not fit'])
case('version-20-digits', 'versions beyond 64 bits',
     write('migrations/20260616000000000001_b.up.sql', 'create table b (i int);\n'),
     table('migrations/20260616000000000002_c'), do('up'), do('version', out='20260616000000000002\n'), do('down'),
     ledger('20260616000000000001'))
refused('version-int', 'a version that the column INT does not hold',
        write('migrations/core/2147483648_b.up.sql', 'select 1;\n'),
        'up -d migrations/core', 2, ['2147483648', 'does not fit'], on=SERVERS, WHIMBREL_PROFILE='axcom')

# ---- scripts that go for the record ----

for ident, text in [
    ('ledger', 'drop table schema_migrations;'), ('history', 'drop table whimbrel_history;'),
    ('column', 'alter table schema_migrations drop column dirty;'), ('rename', 'alter table schema_migrations rename to x;'),
]:
    case('script-' + ident, f'`{text}` fails, is rolled back, and the record is whole', ONE, do('up'),
         write(UP2, text + '\n'),
         keep('before', 'select version from schema_migrations'),
         do('up', 1, err=[UP2, "can't be written", say('left nothing'), 'may not drop or rename']),
         ledger('1 2!'), columns('version namespace dirty applied_at'), do('history', out='failed'), on=ATOMIC)
# What can't be rolled back is found before it is sent.
for ident, text in [
    ('ledger', 'drop table schema_migrations;'), ('history', 'drop table if exists x, whimbrel_history;'),
    ('catalog', 'create or replace table `whimbrel_catalog` (i int);'), ('column', 'alter table schema_migrations add x int, drop column dirty;'),
    ('change', 'alter table schema_migrations change dirty unclean tinyint;'), ('rename', 'alter table schema_migrations rename to x;'),
    ('rename-2', 'rename table x to y, {db}.schema_migrations to z;'), ('database', 'drop database {db};'),
    ('temporary', 'create temporary table whimbrel_history (i int);'), ('truncate', 'truncate whimbrel_history;'),
]:
    refused('script-' + ident, f'`{text}`', [do('up'), write(UP2, 'create table b (i int);\n' + text + '\n')], 'up', 2,
            [UP2 + ':2:1', 'could not be rolled back', 'may not drop or rename'], on=MYSQL, after=[ledger('1'), tables('a')])
case('script-not-ours', 'what only looks like it runs', ONE, do('up'), sql('create database if not exists other_cases'),
     write(UP2, 'create table other_cases.schema_migrations (dirty int, i int);\n'
                'alter table other_cases.schema_migrations drop column dirty;\ndrop table other_cases.schema_migrations;\n'
                'create table if not exists schema_migrations (x int);\nalter table schema_migrations add column x int, change dirty'
                ' dirty tinyint not null default 0;\ncreate temporary table t (i int);\n'
                'drop temporary table t;\ndrop temporary table if exists whimbrel_history;\ndrop database other_cases;\n'),
     do('up'), ledger('1 2'), on=MYSQL)
case('script-step', 'a script that runs statement by statement is stopped before it drops the ledger', ONE, do('up'),
     write(UP2, '-- whimbrel: no-transaction\ncreate table b (i int);\ndrop table schema_migrations;\n'),
     do('up', 2, err=[UP2 + ':3:1', 'may not drop or rename']), ledger('1'), tables('a'), on=ATOMIC)
case('script-schema', 'dropping the whole schema is rolled back', ONE, do('up'),
     write(UP2, 'drop schema public cascade;\ncreate schema public;\n'), do('up', 1, err=[UP2, say('left nothing')]),
     ledger('1 2!'), tables('a'), on=POSTGRES)
case('script-secret-commit', 'a COMMIT that only the server sees is caught', ONE, do('up'),
     write(UP2, 'create table b (i int);\ndo $$ begin commit; end $$;\n'), do('up', 1, err=UP2), tables('a'),
     ledger('1 2!'), on=POSTGRES)
case('script-secret-commit', 'a COMMIT inside of a procedure: what it committed is recorded, and nothing is said to be rolled back', ONE,
     do('up'), write(UP2, 'create procedure p() begin insert into a values (1); commit; end;\n'), do('up'),
     write('migrations/3_c.up.sql', 'insert into a values (2);\ncall p();\nselect nowhere;\n'),
     do('up', 1, err=['migrations/3_c.up.sql:3:', left(2)]), ledger('1 2 3!'), answer('select sum(i) from a', '3'),
     write('migrations/3_c.up.sql', 'insert into a values (2);\ncall p();\nselect 1;\n'), do('up'),
     ledger('1 2 3'), answer('select sum(i) from a', '3'), on=MYSQL)
case('script-more-columns', 'a ledger may have more columns', ONE, do('up'),
     sql("alter table schema_migrations add column remark varchar(9) default 'x'"),
     table('migrations/2_b'), do('up'), ledger('1 2'), tables('a b'))

# ---- the ledger ----

CHOOSE = '--ledger whimbrel_migrations'
for ident, claim, statements, err, on in [
    ('alien', 'a table of something else', 'create table schema_migrations (foo int)',
     ['schema_migrations', 'foo', CHOOSE], ALL),
    ('view', 'a view in the place of the ledger',
     'create view schema_migrations as select 1 as version, {false} as dirty', ['schema_migrations', CHOOSE], ALL),
    ('null-namespace', 'a row without a namespace', [NATIVE, 'insert into schema_migrations (version) values (1)'],
     ['without a namespace', 'by hand'], ALL),
    ('null-version', 'a row without a version', [NATIVE, "insert into schema_migrations (namespace) values ('core')"],
     'without a version', ALL),
    ('negative', 'a row with a negative version',
     [NATIVE, "insert into schema_migrations (version, namespace) values (-5, 'core')"], '"-5"', ALL),
    ('text', 'a row whose version is a word',
     ['create table schema_migrations (version text, namespace text, dirty boolean, applied_at timestamp)',
                                             "insert into schema_migrations values ('abc', 'core', {false}, null)"], '"abc"', ALL),
    ('two-rows', 'two rows where the shape has one', ['create table schema_migrations (version bigint, dirty boolean)',
                                                      'insert into schema_migrations values (1, {false}), (2, {false})'], 'more than one row', ALL),
    ('twice', 'two rows for one version',
     [NATIVE, "insert into schema_migrations (version, namespace) values (1, 'default'), (1, 'default')"],
     ['two rows for 1', 'by hand'], ALL),
    ('types', 'a namespace that is a number',
     'create table schema_migrations (version bigint, namespace int, dirty boolean, applied_at timestamp)',
     'the column namespace', ALL),
    ('flag-type', 'a dirty flag that is a text',
     'create table schema_migrations (version bigint, namespace text, dirty text, applied_at timestamp)',
     'the column dirty', ALL),
    ('history', 'a history that is not ours', 'create table whimbrel_history (x int)',
     ['whimbrel_history', 'has no column'], ALL),
    ('history-view', 'a view in the place of the history', 'create view whimbrel_history as select 1 as x',
     'whimbrel_history', ALL),
    ('catalog', 'a catalog that is not ours', 'create table whimbrel_catalog (x int)',
     ['whimbrel_catalog', 'has no column'], ALL),
    ('matview', 'a materialized view',
     'create materialized view schema_migrations as select 1 as version, false as dirty', CHOOSE, POSTGRES),
]:
    for command in 'up', 'status', 'force 1', 'validate':
        if command == 'up' or ident in ('alien', 'null-version'):
            refused('ledger-' + ident, f'{claim}: {command}', sql(statements), command, 2, err, on=on, after=[])
refused('ledger-profile', 'a profile that the ledger does not have', sql(NATIVE), 'up --profile golang-migrate', 2,
        ['shape of native'], after=ledger(''))
refused('ledger-is-history', 'the history as ledger', do('up'), 'up --ledger whimbrel_history', 2, CHOOSE,
        after=ledger('1'))
case('ledger-must', 'a column of the ledger that must have a value is named', ONE, sql(NATIVE),
     sql("alter table schema_migrations add column must varchar(9) not null default 'x'"),
     only(SERVERS, sql('alter table schema_migrations alter must drop default'),
          do('up', 1, err=['must', say('left nothing')]), tables('')))
case('ledger-gone', 'a ledger that somebody dropped: nothing counts as applied, and nothing is done twice', ONE,
     do('up'), sql('drop table schema_migrations'),
     do('status', out='pending: 1 a'), do('up', 1, err='already exists'), tables('a'))
case('history-gone', 'a history that somebody dropped: the ledger holds', ONE, do('up'),
     sql('drop table whimbrel_history'),
     do('up', out=say('no change')), do('history', out='adopt'), ledger('1'))

# ---- databases that can't be reached or written ----

for ident, claim, url, err in [
    ('down', 'a server that is down', 'postgres://app:s3cret@127.0.0.1:1/shop',
     ['127.0.0.1:1', 'connection refused', 'is the server up there']),
    ('host', 'a host that does not exist', 'postgres://app:s3cret@nonesuch.invalid/shop', ['nonesuch.invalid']),
    ('scheme', 'a scheme that does not exist', 'frob://app:s3cret@h/shop', ['frob', 'postgres']),
    ('mongodb', 'a database that this build has no driver for', 'mongodb://app:s3cret@h/shop', ['MongoDB']),
    ('port', 'a port that is no number', 'postgres://app@h:port/shop', ['port']),
    ('mysql-down', 'a server that is down', 'mysql://app:s3cret@127.0.0.1:1/shop',
     ['127.0.0.1:1', 'is the server up there']),
    ('mysql-go-down', 'a server that is down, in the form of Go programs', 'mysql://app:s3cret@tcp(127.0.0.1:1)/shop', ['127.0.0.1:1']),
    ('mysql-host', 'a host that does not exist', 'mariadb://app:s3cret@nonesuch.invalid/shop', ['nonesuch.invalid']),
    ('mysql-port', 'a port that is no number', 'mysql://app@h:port/shop', ['port']),
]:
    refused('url-' + ident, claim, [], f"up --connect-timeout 2s -u '{url}'", (1, 2), err, on=SQLITE)
    case('url-' + ident, 'the password is not in the message', ONE,
         do(f"up --connect-timeout 2s -u '{url}'", (1, 2), lacks='s3cret'), on=SQLITE)
refused('url-none', 'no URL at all', setting(WHIMBREL_URL=None), 'up', 2, ['--url', 'DATABASE_URL'], on=SQLITE)
refused('url-variable', 'a variable in the configuration that is not set',
        [write('whimbrel.yaml', 'url: ${NOPE}\n'), setting(WHIMBREL_URL=None)],
        'up', 2, ['NOPE', 'whimbrel.yaml:1'], on=SQLITE)
refused('url-no-file', 'a SQLite file in a folder that is not there', [], 'up -u sqlite:nope/x.db', 1,
        ['nope', 'folder'], on=SQLITE)
refused('url-folder', 'a folder in the place of the SQLite file', [], 'up -u sqlite:.', 1, 'folder', on=SQLITE)
refused('url-no-database', 'a file that is no database',
        write('x.db', 'no database, though long enough to be looked at' * 30), 'up -u sqlite:x.db', 1,
        'not a SQLite database', on=SQLITE)
refused('url-read-only', 'a SQLite file that is opened to read only', do('up -u sqlite:ro.db 0'),
        'up -u sqlite:ro.db?mode=ro', 1, 'mode=ro', on=SQLITE)
refused('url-mode', 'a parameter with a bad value', [], 'up -u sqlite:x.db?mode=bogus', 2, ['bogus', 'rwc'], on=SQLITE)
refused('pg-database', 'a database that does not exist', [], 'up -u {server}/nonesuch', 1,
        ['database "nonesuch" does not exist', 'create the database'], on=POSTGRES)
refused('pg-role', 'a role that does not exist', [], 'up -u {as_nobody}', 1,
        ['role "whimbrel_nobody" does not exist', 'user and password'], on=POSTGRES)
refused('pg-parameter', 'a parameter that the server does not know', [], 'up -u {url}?nonsense=1', 1, 'nonsense',
        on=POSTGRES)
refused('pg-schema', 'a schema that does not exist in search_path', [], 'up -u {url}?search_path=nonesuch', 1,
        ['no schema', 'search_path'], on=POSTGRES)
refused('pg-no-schema', 'a database without a schema', sql('drop schema public'), 'up', 1,
        ['no schema', 'create the schema'], on=POSTGRES)
refused('pg-read-only', 'a database that is read only',
        sql('alter database whimbrel_cases set default_transaction_read_only = on'), 'up', 1,
        ['read-only', 'can be written', say('left nothing')], on=POSTGRES)
LEAST = sql(["do $$ begin create role whimbrel_least login; exception when duplicate_object then null; end $$", 'revoke create on schema public from public'])
refused('pg-no-create', 'a role without the right to create', LEAST, 'up -u {as_least}', 1,
        ['permission denied for schema public', 'grant the role'], on=POSTGRES)
refused('pg-no-select', 'a role that may not read the ledger', [LEAST, do('up')], 'status -u {as_least}', 1,
        ['permission denied for table schema_migrations', 'grant the role'], on=POSTGRES, after=ledger('1'))
refused('my-database', 'a database that does not exist', [], 'up -u {server}/nonesuch', 1,
        ["re:database ['\"]nonesuch['\"]", 'create the database'], on=MYSQL)
refused('my-no-database', 'a URL without a database', [], 'up -u {server}/', (1, 2), 'database', on=MYSQL)
refused('my-user', 'a user that does not exist', [], 'up -u {as_nobody}', 1, ['whimbrel_nobody', 'user and password'], on=MYSQL)
refused('my-parameter', 'a parameter that the server does not know', [], 'up -u {url}?nonsense=1', (1, 2), 'nonsense', on=MYSQL)
MY_LEAST = sql(['create user whimbrel_least', 'grant select, insert, update, delete on {db}.* to whimbrel_least'])
refused('my-no-create', 'a user without the right to create', MY_LEAST, 'up -u {as_least}', 1,
        ['re:CREATE command denied .*whimbrel_least', 'rant the user'], on=MYSQL)
refused('my-no-write', 'a user that may only read: up is refused',
        [do('up'), sql(['create user whimbrel_least', 'grant select on {db}.* to whimbrel_least']), table('migrations/2_c', 'c')],
        'up -u {as_least}', 1, ['re:INSERT(, DELETE)? command denied .*whimbrel_least', 'give this user the right', say('left nothing')], on=MYSQL, after=ledger('1'))
case('my-only-read', 'a user that may only read: status, version, history and plan answer', ONE, do('up'),
     sql(['create user whimbrel_least', 'grant select on {db}.* to whimbrel_least']), table('migrations/2_c', 'c'),
     do('status -u {as_least}', out='pending: 2 c'), do('version -u {as_least}', out='1\n'), do('history -u {as_least}'),
     do('plan -u {as_least}', out='1 to apply'), on=MYSQL)
refused('my-read-only', 'a database that is read only', sql(['create table x (i int)', 'alter database {db} read only = 1']), 'up', 1,
        ['read only', say('left nothing')], on=('mysql',), after=sql('alter database {db} read only = 0'))
case('L14', 'a user without CREATE works where ledger and history are there (S4-33)', ONE, MY_LEAST, do('up'),
     sql('insert into a values (1)'), write(UP2, 'update a set i = 2;\n'), do('up -u {as_least}'),
     ledger('1 2'), answer('select i from a', '2'), do('status -u {as_least}', out='ok'), on=MYSQL)
case('L14', 'a role without CREATE on the schema works where ledger and history are there (S4-33)', ONE, LEAST,
     do('up'),
     sql(['grant select, insert, update, delete on all tables in schema public to whimbrel_least',
          'grant usage on all sequences in schema public to whimbrel_least', 'insert into a values (1)']),
     write(UP2, 'update a set i = 2;\n'), do('up -u {as_least}'),
     ledger('1 2'), answer('select i from a', '2'), do('status -u {as_least}', out='ok'), on=POSTGRES)

# ---- flags and settings ----

for ident, claim, command, err in [
    ('count', 'a negative number', 'up -1', '-1'),
    ('big', 'a number that is too large', 'up 99999999999999999999', '99999999999999999999'),
    ('steps', 'a negative number of steps', 'down --steps -5', '-5'),
    ('to', 'a version that is a word', 'down --to x', 'version x'),
    ('time', 'a time that is none', 'up --lock-timeout 5x', '5x'),
    ('profile', 'a profile that does not exist', 'up --profile frob', ['frob', 'golang-migrate']),
    ('format', 'a format that does not exist', 'up --files-format frob', ['--files-format', 'frob', 'pairs']),
    ('config', 'a configuration file that is not there', 'up -c nope.yaml', ['nope.yaml', '--config']),
    ('password-file', 'a password file that is not there', 'up --password-file nope', ['nope', '--password-file']),
    ('target', 'a target that does not exist', 'up --target nope', 'nope'),
    ('chdir', 'a directory to work in that is not there', 'up -C /nonesuch', '/nonesuch'),
    ('plan', 'a plan that is none', 'up --plan bad.plan', 'bad.plan'),
    ('namespace', 'a namespace that does not exist', 'up -n nope', 'nope'),
    ('version', 'force to a word', 'force abc', 'abc'),
    ('huge', 'force to a version that does not fit', 'force 99999999999999999999', 'does not fit'),
]:
    refused('flag-' + ident, claim, write('bad.plan', '{'), command, 2, err, on=SQLITE)
for ident, claim, text, err in [
    ('yaml', 'a configuration that is no YAML', 'url: [\n', 'whimbrel.yaml:'),
    ('key', 'a key that does not exist', 'migratoins: x\n', ['whimbrel.yaml:1', '"migrations"']),
    ('value', 'a value that is none', 'out_of_order: maybe\n', ['whimbrel.yaml:1', 'maybe']),
]:
    refused('config-' + ident, claim, write('whimbrel.yaml', text), 'up', 2, err, on=SQLITE)
refused('config-cycle', 'namespaces that require each other (S0-43)',
        [remove('migrations'), table('migrations/a/1_a'), table('migrations/b/1_b'),
        write('whimbrel.yaml',
              'namespaces:\n  a: { requires: [b] }\n  b: { requires: [a] }\n')], 'up', 2, ['a -> b -> a', 'whimbrel.yaml:2'], on=SQLITE)
