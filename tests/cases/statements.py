"""Statements of the requirements that no other test shows, each named by its number: what the documents of the tools
before us promise, by the native commands and on real servers."""
from fixtures import AX, AX_CONFIG, GUIDE, GUIDE_PHONE, NS, SEQ
from texts import left, say
from trial import (ATOMIC, MYSQL, POSTGRES, SERVERS, SQLITE, Group, answer, do, either, folder, hold, keep, ledger,
                   move, release, remove, same, setting, sql, table, tables, untouched, write)

CASES = []
case = Group(CASES).case
TWO = [table('migrations/000001_a'), table('migrations/000002_b')]

# ---- S0: namespaces ----

case('S0-8', 'the scheme postgresql', TWO, do('up -u {postgresql_url}'), ledger('1 2'), on=POSTGRES)
case('S0-10', 'revert the last N of one namespace', NS, do('up'), do('down 2 --namespace core', (0, 1), has='core'),
     on=SQLITE)
case('S0-12', 'status of all namespaces as data', NS, do('up -n core'),
     do('status --json',
        out=['re:"namespace": ?"core".*"current": ?"000002"', 're:"namespace": ?"identity".*"pending": ?2']))
case('S0-18', 'new begins with 000001', folder('migrations/identity'), do('new identity "Add E-Mail  Verification"',
     out='migrations/identity/000001_add_e_mail_verification.up.sql'), on=SQLITE)
case('S0-19', 'names that are not snake_case are noted', write('migrations/000001_AddUsers.up.sql', 'select 1;\n'),
     do('validate -v', has='AddUsers'))
case('S0-23', 'a table, its indexes and its comment are one transaction: none stays when the last fails; or what stays is told',
     write('migrations/1_t.up.sql',
           "create table t (i int, j int);\ncreate index t_i on t(i);\ncreate index t_j on t(j);\ncreate index t_k on t(k);\n"),
     do('up', 1, err=['migrations/1_t.up.sql:4:', 'statement 4 of 4', left(3)]), tables(either('', 't')), ledger('1!'))
case('S0-25', 'a partial index and a new column, and their way back', NS, do('up'), keep('schema'),
     do('down -n identity'), do('up'), same('schema'))
case('S0-41', 'a script that drops the schema of the ledger is stopped', TWO, do('up'),
     write('migrations/000003_c.up.sql', 'drop schema public cascade;\n'),
     do('up', 1, err=say('left nothing')), tables('a b'), on=POSTGRES)
case('S0-52', 'events tell namespace, version, direction and duration', NS, do('up --events', out=[
     're:"event": ?"done".*"namespace": ?"core".*"version": ?"000001"', '"duration_ms"', 're:"direction": ?"up"']))

# ---- S1: modules ----

case('S1-3', 'core is migrated whatever the configuration says', AX,
     write('config.yaml', AX_CONFIG + '  core:\n    enabled: false\n'),
     do('up --profile axcom'), ledger('catalog/1 catalog/2 core/1 core/2'))
case('S1-13', 'every command takes --config, --root and --module', AX, move('migrations', 'other'),
     move('config.yaml', 'b.yaml'),
     *(do(f'{command} --config b.yaml --root other --module catalog') for command in
       ('plan', 'up', 'status', 'verify', 'validate', 'history', 'down')), ledger('catalog/1'))
case('S1-20', 'the ledger of modules has the documented shape', AX, do('up --profile axcom'),
     answer("select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum) from pg_attribute"
            " where attrelid = 'schema_migrations'::regclass and attnum > 0",
            'module text, version integer, applied_at timestamp with time zone'),
     answer("select pg_get_constraintdef(oid) from pg_constraint where contype = 'p' and conrelid = 'schema_migrations'::regclass",
            'PRIMARY KEY (module, version)'),
     answer('select count(*) from schema_migrations where applied_at is null', '0'), on=POSTGRES)
# MySQL has no text in a primary key, and no type with a time zone: a TIMESTAMP is a moment there.
case('S1-20', 'the ledger of modules has the documented shape', AX, do('up --profile axcom'),
     answer("select group_concat(column_name, ' ', regexp_replace(column_type, '[(].*', '') order by ordinal_position separator ', ')"
            " from information_schema.columns where table_schema = database() and table_name = 'schema_migrations'",
            'module varchar, version int, applied_at timestamp'),
     answer("select group_concat(column_name order by seq_in_index) from information_schema.statistics where table_schema ="
            " database() and table_name = 'schema_migrations' and index_name = 'PRIMARY'", 'module,version'),
     answer('select count(*) from schema_migrations where applied_at is null', '0'), on=MYSQL)

# ---- S2: a service ----

case('S2-3', 'flags may stand before the command', TWO, setting(WHIMBREL_URL=None),
     do('--path migrations --database {url} up'), ledger('1 2'))
case('S2-16', 'up, down 1, up', SEQ, setting(WHIMBREL_DIR='m'), do('up'), keep('schema'), do('down 1'), tables(''),
     do('up'), same('schema'))
for ident, claim, fixture, last, own in [
    ('S2-14', 'the files of the guide', GUIDE, 'users', 'users posts'),
    ('S2-27', 'the files of the guide that add a column', GUIDE_PHONE, 'users', 'users'),
]:
    # Each MySQL statement of these commits by itself: what comes back is what the down scripts take away, no less.
    case(ident, f'{claim} go up, down and up again, and end in the same schema', fixture,
         do('up'), tables(own), keep('schema'), do('down 1'), tables(last), do('up'), same('schema'),
         do('down --all --yes'), tables(''), ledger(''), do('up'), same('schema'), do('verify'),
         sql("insert into users (id, name, email, password_hash) values (1, 'a', 'a@b.c', 'x')"), do('verify'))
case('S2-23', 'a failed version is shown by version and status, and force is a way out', TWO,
     write('migrations/000003_c.up.sql', 'select nowhere;\n'), do('up', 1),
     do('version', out='000002 (dirty: 000003)\n'),
     do('force 2'), ledger('1 2'), do('version', out='000002\n'), do('status', out='pending: 000003 c'))
case('S2-26', 'the users table is verified as it was made', SEQ, setting(WHIMBREL_DIR='m'), do('up'), do('verify'),
     sql('drop index idx_users_email' + either('', ' on users')), do('verify', 3, out='idx_users_email'))
case('S2-28', 'DATABASE_URL is the database', TWO, setting(WHIMBREL_URL=None, DATABASE_URL='{url}'), do('up'),
     ledger('1 2'))
case('S2-31', 'the ledger is called schema_migrations unless said otherwise', TWO, do('up'), ledger('1 2'), on=SQLITE)
case('S2-31', 'another name for the ledger', TWO, do('up --ledger other'), ledger('1 2', 'other'), ledger(None),
     do('version --ledger other', out='000002\n'))
case('S2-31', 'two programs with ledgers of their own in one schema do not touch each other', table('A/1_a'),
     table('B/1_b'),
     do('up -d A --ledger la'), do('up -d B --ledger lb'), table('A/2_c', 'c'),
     do('up -d A --ledger la', lacks='  1 a '),
     do('up -d B --ledger lb', out=say('no change')), ledger('1 2', 'la'), ledger('1', 'lb'),
     do('history -d B --ledger lb', lacks='1 a '), do('down -d B --ledger lb'), do('status -d A --ledger la', out='ok'),
     ledger('1 2', 'la'))

# ---- S3: dependencies, plans, going back ----

FOUR = [table(f'migrations/00000{k}_t{k}') for k in (1, 2, 3, 4)]
case('S3-8', 'a dry run shows the steps and changes nothing', FOUR, do('up --dry-run', out=['4 to apply', '000004 t4']),
     untouched(),
     do('up'), do('down 2 --dry-run', out=['000004', '000003']), ledger('1 2 3 4'))
case('S3-21', 'up --to is inclusive; a target that does not exist is refused', FOUR, do('up --to 2'), ledger('1 2'),
     do('up --to 9', 2, err='9'), ledger('1 2'))
case('S3-25', 'down --to is exclusive: the target stays', FOUR, do('up'), do('down --to 2'), ledger('1 2'))
case('S3-26', 'down by steps', FOUR, do('up'), do('down --steps 3'), ledger('1'))
case('S3-30', 'history tells every attempt, also the failed ones', FOUR, do('up'), do('down'),
     write('migrations/000004_t4.up.sql', 'select nowhere;\n'),
     do('up', 1), do('history', out='re:000004 t4 +up +failed.*000004 t4 +down +reverted.*000004 t4 +up +applied'),
     do('history 1', lacks='reverted'))

# ---- S4: patterns ----

case('S4-1', 'three digits and six digits', table('migrations/001_a'), table('migrations/002_b'), do('up'),
     ledger('1 2'),
     do('new c', out='migrations/003_c.up.sql'))
case('S4-8', 'IF NOT EXISTS and IF EXISTS', write('migrations/1_a.up.sql', 'create table if not exists a (i int);\n'),
     write('migrations/1_a.down.sql', 'drop table if exists a;\n'), sql('create table a (i int)'), do('up'), do('down'),
     do('up'), tables('a'))
case('S4-9', 'reset in development: everything down, then up', TWO, do('up'), do('down --all --yes'), tables(''),
     ledger(''), do('up'), tables('a b'))
case('S4-18', 'new names both files, in the next six digits', TWO,
     do('new add_avatar', out=['migrations/000003_add_avatar.up.sql', 'migrations/000003_add_avatar.down.sql']),
     do('new', 2), on=SQLITE)
USERS = write('migrations/001_users.up.sql',
              "create table users (id int primary key, name varchar(50));\ninsert into users values (1, 'a'), (2, 'b');\n")
case('S4-19', 'pattern 1: a table with a foreign key and a unique index, in BEGIN and COMMIT', USERS,
     write('migrations/002_profiles.up.sql',
           'BEGIN;\nCREATE TABLE profiles (id int primary key, user_id int not null references users(id) on delete cascade);\n'
           'CREATE UNIQUE INDEX idx_profiles_user ON profiles(user_id);\nCOMMIT;\n'),
     write('migrations/002_profiles.down.sql',
           'BEGIN;\n' + either('DROP INDEX idx_profiles_user;\n', '') + 'DROP TABLE profiles;\nCOMMIT;\n'),
     do('up'), do('plan', lacks='self-managed'), do('down'), tables('users'), do('up'), tables('users profiles'))
case('S4-19', 'a failure between BEGIN and COMMIT leaves nothing, or what is told', USERS,
     write('migrations/002_profiles.up.sql',
           'BEGIN;\nCREATE TABLE profiles (id int);\nSELECT nowhere FROM profiles;\nCOMMIT;\n'),
     do('up', 1, err=['migrations/002_profiles.up.sql:3:', left(2)]), tables(either('users', 'users profiles')))
case('S4-20', 'pattern 2: a column and its index, each where it is not there', USERS,
     write('migrations/002_phone.up.sql',
           'BEGIN;\nALTER TABLE users ADD COLUMN IF NOT EXISTS phone text;\nCREATE INDEX IF NOT EXISTS idx_phone ON users(phone);\nCOMMIT;\n'),
     write('migrations/002_phone.down.sql',
           'BEGIN;\nDROP INDEX IF EXISTS idx_phone;\nALTER TABLE users DROP COLUMN IF EXISTS phone;\nCOMMIT;\n'),
     do('up'), do('down'), do('up'), do('verify'), on=POSTGRES)
case('S4-20', 'pattern 2 in the words of MariaDB', USERS,
     write('migrations/002_phone.up.sql',
           'BEGIN;\nALTER TABLE users ADD COLUMN IF NOT EXISTS phone varchar(20);\n'
           'CREATE INDEX IF NOT EXISTS idx_phone ON users(phone);\nCOMMIT;\n'),
     write('migrations/002_phone.down.sql',
           'BEGIN;\nDROP INDEX IF EXISTS idx_phone ON users;\nALTER TABLE users DROP COLUMN IF EXISTS phone;\nCOMMIT;\n'),
     do('up'), do('down'), do('up'), do('verify'), on=('mariadb',))
case('S4-21', 'pattern 3: a wider column, and back', USERS,
     write('migrations/002_wider.up.sql', 'ALTER TABLE users ALTER COLUMN name TYPE VARCHAR(320);\n'),
     write('migrations/002_wider.down.sql', 'ALTER TABLE users ALTER COLUMN name TYPE VARCHAR(50);\n'),
     do('up'), answer("select atttypmod - 4 from pg_attribute where attrelid = 'users'::regclass and attname = 'name'",
        '320'), do('down'), do('up'), on=POSTGRES)
case('S4-21', 'pattern 3: a wider column, and back', USERS,
     write('migrations/002_wider.up.sql', 'ALTER TABLE users MODIFY name VARCHAR(320);\n'),
     write('migrations/002_wider.down.sql', 'ALTER TABLE users MODIFY name VARCHAR(50);\n'),
     do('up'), answer("select character_maximum_length from information_schema.columns where table_schema = database()"
                      " and table_name = 'users' and column_name = 'name'", '320'), do('down'), do('up'), on=MYSQL)
case('S4-22', 'pattern 4: nullable, filled, NOT NULL, unique, in one transaction', USERS,
     write('migrations/002_slug.up.sql',
           "BEGIN;\nALTER TABLE users ADD COLUMN slug text;\nUPDATE users SET slug = name || id;\nALTER TABLE users ALTER COLUMN slug SET NOT NULL;\n"
           'ALTER TABLE users ADD CONSTRAINT users_slug_key UNIQUE (slug);\nCOMMIT;\n'),
     write('migrations/002_slug.down.sql',
           'BEGIN;\nALTER TABLE users DROP CONSTRAINT users_slug_key;\nALTER TABLE users DROP COLUMN slug;\nCOMMIT;\n'),
     do('up'), answer('select slug from users where id = 2', 'b2'), do('down'), do('up'), on=POSTGRES)
case('S4-22', 'pattern 4 in the words of MySQL: nullable, filled, NOT NULL, unique', USERS,
     write('migrations/002_slug.up.sql',
           'BEGIN;\nALTER TABLE users ADD COLUMN slug varchar(60);\nUPDATE users SET slug = concat(name, id);\n'
           'ALTER TABLE users MODIFY slug varchar(60) NOT NULL;\nALTER TABLE users ADD CONSTRAINT users_slug_key UNIQUE (slug);\nCOMMIT;\n'),
     write('migrations/002_slug.down.sql',
           'BEGIN;\nALTER TABLE users DROP INDEX users_slug_key;\nALTER TABLE users DROP COLUMN slug;\nCOMMIT;\n'),
     do('up'), answer('select slug from users where id = 2', 'b2'), do('down'), do('up'), do('verify'), on=MYSQL)
# MySQL fills the new column with the type's own zero.
case('S4-23', 'NOT NULL without a default on a table with rows: the row and the way out are told', USERS,
     write('migrations/002_c.up.sql', 'ALTER TABLE users ADD COLUMN c int NOT NULL;\n'),
     do('up', 1, err=['migrations/002_c.up.sql:1', say('left nothing')]), ledger('1 2!'), on=ATOMIC)
case('S4-23', 'NOT NULL without a default on a table with rows is taken by MySQL', USERS,
     write('migrations/002_c.up.sql', 'ALTER TABLE users ADD COLUMN c int NOT NULL;\n'),
     do('up'), ledger('1 2'), answer('select sum(c) from users', '0'), on=MYSQL)
case('S4-25', 'after everything is reverted only the record remains', TWO, do('up'), do('down --all --yes'), tables(''),
     ledger(''))
case('S4-28', 'wait for a database that is not there yet', TWO,
     do('wait --timeout 1s -u postgres://x@127.0.0.1:1/x', 1, err='127.0.0.1:1'), on=SQLITE)
case('S4-30', 'a table that somebody holds: the statement gives up in time and names who', TWO, do('up'),
     write('migrations/000003_c.up.sql', 'alter table a add column j int;\n'),
     hold("set application_name = 'reports'; begin; select * from a"),
     do('up --ddl-lock-timeout 300ms --ddl-lock-tries 2', 1, within=6,
        err=['reports', 're:process [0-9]+', say('left nothing')]), ledger('1 2 3!'),
     release(), do('up'), ledger('1 2 3'), on=POSTGRES)
case('S4-30', 'a table that somebody holds: the statement gives up in time and names who', TWO, do('up'),
     write('migrations/000003_c.up.sql', 'alter table a add column j int;\n'),
     hold('begin; select * from a'),
     do('up --ddl-lock-timeout 300ms --ddl-lock-tries 2', 1, within=6,
        err=['re:(process|connection) [0-9]+', say('left nothing')]), ledger('1 2 3!'),
     release(), do('up'), ledger('1 2 3'), on=MYSQL)
case('S4-30', 'a statement that takes too long is stopped', TWO,
     write('migrations/000003_c.up.sql', 'create table c (i int);\ninsert into c values (1);\nselect i from c where sleep(20) = 0;\n'),
     do('up --statement-timeout 300ms', 1, within=6, err=['migrations/000003_c.up.sql:3:', '--statement-timeout', left(2)]),
     ledger('1 2 3!'), tables('a b c'), on=MYSQL)
case('S4-30', 'a statement that takes too long is stopped', TWO,
     write('migrations/000003_c.up.sql', 'create table c (i int);\nselect pg_sleep(20);\n'),
     do('up --statement-timeout 300ms', 1, within=6,
        err=['migrations/000003_c.up.sql:2:', 'statement timeout', '--statement-timeout', say('left nothing')]),
     ledger('1 2 3!'), tables('a b'), on=POSTGRES)
case('S4-31', 'a large update in batches, each its own transaction',
     write('migrations/1_t.up.sql', 'create table t (i int, done int);\n'),
     write('migrations/2_fill.up.sql',
           'insert into t select x, 0 from (with recursive n(x) as (select 1 union all select x + 1 from n where x < 1000) select x from n) s;\n'),
     write('migrations/3_batch.up.sql',
           '-- whimbrel: batch size=300\nupdate t set done = 1 where '
           + either('i in (select i from t where done = 0 limit :batch);\n', 'done = 0 limit :batch;\n')),
     do('up'), answer('select count(*) from t where done = 1', '1000'), ledger('1 2 3'))
case('S4-31', 'a loop that commits by itself runs outside a transaction',
     write('migrations/1_t.up.sql', 'create table t (i int);\ninsert into t select generate_series(1, 10);\n'),
     write('migrations/2_loop.up.sql',
           '-- whimbrel: no-transaction\ndo $$ begin for k in 1..10 loop update t set i = i + 100 where i = k; commit; end loop; end $$;\n'),
     do('up'), answer('select count(*) from t where i > 100', '10'), ledger('1 2'), on=POSTGRES)
case('S4-31', 'a loop that commits by itself runs outside a transaction',
     write('migrations/1_t.up.sql', '''\
create table t (i int);
insert into t values (1), (2), (3);
create procedure raise_all()
begin
  declare k int default 1;
  while k < 4 do
    update t set i = i + 100 where i = k;
    commit;
    set k = k + 1;
  end while;
end;
'''),
     write('migrations/2_loop.up.sql', '-- whimbrel: no-transaction\ncall raise_all();\n'),
     do('up'), answer('select count(*) from t where i > 100', '3'), ledger('1 2'), on=MYSQL)
case('S4-37', 'the ledger can be read by a person', TWO, do('up'),
     answer("select version, dirty from schema_migrations where version = 2 and namespace = 'default'",
     either('2 f', '2 0')), on=SERVERS)
case('S4-41', 'a down script that fails names file, line and statement, and nothing is lost', TWO, do('up'),
     sql('insert into b values (7)'),
     write('migrations/000002_b.down.sql', 'delete from b;\ndrop tabel b;\n'),
     do('down', 1, err=['migrations/000002_b.down.sql:2:', say('left nothing')]), ledger('1 2'),
     answer('select i from b', '7'), on=ATOMIC)
# `drop tabel` could be a schema change, which would commit what is before it; so each statement is recorded by itself.
case('S4-41', 'a down script that fails half way: what is done is told, and the mended file goes on behind it', TWO, do('up'),
     sql('insert into b values (7)'),
     write('migrations/000002_b.down.sql', 'delete from b;\ndrop tabel b;\n'),
     do('down', 1, err=['migrations/000002_b.down.sql:2:', left(1)]), ledger('1 2!'), tables('a b'),
     do('status', out='1 statement done'),
     sql('insert into b values (8)'), write('migrations/000002_b.down.sql', 'delete from b;\nalter table b rename to c;\n'),
     do('down', out='000002'), ledger('1'), answer('select i from c', '8'), on=MYSQL)

# ---- a failing group, a lost checkout ----

case('S4-40', 'of many small ones the good ones before a failure stay, in one run',
     [table(f'migrations/{k:03d}_t{k}') for k in range(1, 20)],
     write('migrations/020_bad.up.sql', 'create table bad (i int);\nselect nowhere;\n'),
     table('migrations/021_late', 'late'),
     do('up', 1, err='migrations/020_bad.up.sql:2:'), ledger(' '.join(map(str, range(1, 20))) + ' 20!'),
     tables(' '.join(f't{k}' for k in range(1, 20)) + either('', ' bad')))
case('S4-11', 'an older checkout can still go back: the stored down script is used', TWO, do('up'),
     remove('migrations/000002_b.up.sql', 'migrations/000002_b.down.sql'),
     do('up', err='newer'), do('down', out='000002'), ledger('1'), tables('a'))
