"""Cases of namespaces with their own version lines (bounded contexts), in the ledger that promenade documents and that is
ours too: a row for each namespace and version, dirty=true for a failed one.

`--cmd=up` of the original is `whimbrel up`, `--namespace=x` is the same, `--cmd=down --steps=1` is `whimbrel down 1`.
"""
from fixtures import NS, SHOP_TABLES
from texts import left, say
from trial import (MYSQL, POSTGRES, SERVERS, SQLITE, Group, answer, columns, do, either, ledger, only, setting, sql,
                   table, tables, together, write)

CASES = []
case = Group(CASES).case
UP = [NS, do('up')]
ALL_ROWS = 'core/1 core/2 customer-mgmt/1 identity/1 identity/2 shared/1'
LOGIN = only(POSTGRES,
             answer("select count(*) from pg_attribute where attname = 'last_login_at' and not attisdropped", '0'),
             answer("select count(*) from pg_indexes where indexname like '%last_login%'", '0'))
MY_LOGIN = only(MYSQL,
                answer("select count(*) from information_schema.columns where table_schema = database()"
                       " and column_name = 'last_login_at'", '0'),
                answer("select count(*) from information_schema.statistics where table_schema = database()"
                       " and index_name like '%last_login%'", '0'))
SESSIONS = table('migrations/identity/000003_sessions', 'identity_sessions')
BROKEN = write('migrations/identity/000003_sessions.up.sql',
               'create table identity_sessions (i int);\nselect nowhere from identity_sessions;\n')
DOWN3 = write('migrations/identity/000003_sessions.down.sql', 'drop table identity_sessions;\n')
FAILED = [UP, BROKEN, DOWN3, do('up', 1, err=['nowhere', 'migrations/identity/000003_sessions.up.sql:2:', left(1)])]

case('P01', 'all namespaces are applied in their order', UP[:-1],
     do('up', out='re:core .*core .*shared .*identity .*identity .*customer-mgmt'),
     ledger(ALL_ROWS), tables(SHOP_TABLES), columns('version namespace dirty applied_at'))
case('P01', 'the key of the ledger is namespace and version', UP,
     answer("select pg_get_constraintdef(oid) from pg_constraint where contype = 'p' and conrelid = 'schema_migrations'::regclass",
            'PRIMARY KEY (namespace, version)'),
     answer("select string_agg(format_type(atttypid, atttypmod) || case when attnotnull then ' not null' else '' end, ', ' order by"
            " attnum) from pg_attribute where attrelid = 'schema_migrations'::regclass and attnum > 0",
            'bigint not null, character varying(50) not null, boolean not null, timestamp without time zone'),
     answer('select count(*) from schema_migrations where applied_at is null', '0'), on=POSTGRES)
case('P01', 'the key of the ledger is namespace and version', UP,
     answer("select group_concat(column_name order by seq_in_index) from information_schema.statistics where table_schema ="
            " database() and table_name = 'schema_migrations' and index_name = 'PRIMARY'", 'namespace,version'),
     answer("select group_concat(replace(column_type, '(20)', ''), if(is_nullable = 'NO', ' not null', '') order by"
            " ordinal_position separator ', ') from information_schema.columns where table_schema = database() and table_name ="
            " 'schema_migrations'", 'bigint not null, varchar(50) not null, tinyint(1) not null, timestamp'),
     answer('select count(*) from schema_migrations where applied_at is null', '0'), on=MYSQL)
case('P02', 'one namespace is applied alone', NS,
     do('up --namespace=core', out='core'),
     ledger('core/1 core/2'))
case('P04', 'status has a block for each namespace', UP,
     do('status --format blocks', out=['Namespace: core\n Current Version: 2\n Pending: 0\n Dirty: false\n',
                                       'Namespace: customer-mgmt\n Current Version: 1\n Pending: 0\n Dirty: false\n']))
case('P05', 'status counts what is pending', UP, SESSIONS,
     do('status --format blocks', out='Namespace: identity\n Current Version: 2\n Pending: 1\n'))
case('P06', 'down of one namespace reverts its last migration', UP,
     do('down --namespace=identity --steps=1', out=r're:identity +000002 add_last_login +reverted'),
     ledger('core/1 core/2 customer-mgmt/1 identity/1 shared/1'), LOGIN, MY_LOGIN)
# The original reverts the second step's file and fails in the database; declared requirements are checked before anything runs.
case('P08', 'a foreign key of another namespace stops a down; what went before stays reverted', UP,
     do('down --namespace=identity --steps=2', 1, err=[either('identity_users', 'identity/000001_users'),
                                                       either('customers', 're:customers|foreign key constraint'), say('left nothing')]),
     ledger('core/1 core/2 customer-mgmt/1 identity/1 shared/1'), tables(SHOP_TABLES), on=SERVERS)
case('P08', 'a declared requirement stops a down before it begins', NS,
     write('whimbrel.yaml',
           'namespaces:\n  order: [core, shared, identity, customer-mgmt]\n  customer-mgmt: { requires: [identity] }\n'),
     do('up'),
     do('down --namespace=identity --steps=2', 1, err=['customer-mgmt', '--force']),
     ledger(ALL_ROWS))
STAYS = either('', ' identity_sessions')    # what MySQL can't roll back
case('P09', 'a failure leaves a dirty row, and nothing else where it can be rolled back', FAILED,
     ledger(ALL_ROWS.replace('identity/2', 'identity/2 identity/3!')), tables(SHOP_TABLES + STAYS))
case('P10', 'status shows the dirty namespace', FAILED,
     do('status --format blocks', out='re:Namespace: identity\n.* Dirty: true'),
     do('status', out='failed: 000003 sessions'))
case('P10b', 'with dirty_blocks: failed the next up refuses', FAILED,
     do('up', 5, err=['000003', '--retry-failed'], env={'WHIMBREL_DIRTY_BLOCKS': 'failed'}),
     ledger(ALL_ROWS.replace('identity/2', 'identity/2 identity/3!')))
case('P12', 'a dirty flag cleared by hand means applied, and the history says who decided', FAILED,
     sql("update schema_migrations set dirty = {false} where namespace = 'identity' and version = 3"),
     do('status --format blocks', out='Namespace: identity\n Current Version: 3\n Pending: 0\n Dirty: false'),
     do('up', out=say('no change')),
     do('history', out='external'))
case('P13', 'a row deleted by hand means pending: the mended file runs', FAILED, SESSIONS,
     sql("delete from schema_migrations where namespace = 'identity' and version = 3"),
     # A deleted row means: from the first statement on. So what is left behind has to go, too.
     only(MYSQL, do('up', 1, err=['re:warning: .*statement', "Table 'identity_sessions' already exists"]),
          sql(["delete from schema_migrations where namespace = 'identity' and version = 3", 'drop table identity_sessions'])),
     do('up', out='000003 sessions'),
     ledger(ALL_ROWS.replace('identity/2', 'identity/2 identity/3')))
case('P14', 'up --retry-failed tries again where failures block', FAILED, SESSIONS,
     setting(WHIMBREL_DIRTY_BLOCKS='failed'),
     do('up', 5), do('up --retry-failed'),
     ledger(ALL_ROWS.replace('identity/2', 'identity/2 identity/3')))
case('P14b', 'repair is the other way out', FAILED,
     do('repair', out=['identity 000003', '--mark-applied']),
     do('repair identity 3 --mark-reverted'), ledger(ALL_ROWS),
     do('repair identity 3 --mark-applied'), ledger(ALL_ROWS.replace('identity/2', 'identity/2 identity/3')))
case('P16', 'a file with BEGIN and COMMIT is applied without an error', UP,
     write('migrations/identity/000003_sessions.up.sql',
           'BEGIN;\n\ncreate table identity_sessions (i int);\n\nCOMMIT;\n'),
     do('up', lacks='error'),
     ledger(ALL_ROWS.replace('identity/2', 'identity/2 identity/3')), tables(SHOP_TABLES + ' identity_sessions'))
case('P17', 'new writes the next pair of a namespace', NS,
     do('new identity add_email_verification', out=['migrations/identity/000003_add_email_verification.up.sql',
                                                    'migrations/identity/000003_add_email_verification.down.sql']),
     do('new --namespace identity add_phone', out='migrations/identity/000004_add_phone.up.sql'), on=SQLITE)
case('P18', 'the layout migrations/DATABASE/NAMESPACE, in another directory',
     table('db/{type}/core/000001_a', 'a'), table('db/{type}/identity/000001_b', 'b'),
     do('up --dir db'), ledger('core/1 identity/1'), tables('a b'),
     do('status', out='re:^core +000001', env={'WHIMBREL_DIR': 'db'}))
OTHER = ["create table schema_migrations (version bigint not null, namespace varchar(50) not null, dirty boolean not null default"
         " false, applied_at timestamp default current_timestamp, primary key (namespace, version))",
         'create index idx_schema_migrations_namespace on schema_migrations(namespace)']
case('P20', 'a ledger that is there is continued', sql(OTHER),
     sql("insert into schema_migrations (version, namespace) values (1, 'core'), (2, 'core')"),
     table('migrations/core/000001_a', 'a'), table('migrations/core/000002_b', 'b'),
     table('migrations/core/000003_c', 'c'),
     do('up', out='000003 c', lacks=['000001', '000002']),
     ledger('core/1 core/2 core/3'), tables('c'))
case('P21', 'a dirty row below a clean one is shown', sql(OTHER),
     sql("insert into schema_migrations (version, namespace, dirty) values (1, 'core', {true}), (2, 'core', {false})"),
     table('migrations/core/000001_a', 'a'), table('migrations/core/000002_b', 'b'),
     do('status --format blocks', out='Dirty: true'), do('status', out='000001'),
     do('up', 5, err='000001'))
case('P24', 'two runs at once: each migration once', NS,
     together('up', 'up'),
     ledger(ALL_ROWS), tables(SHOP_TABLES))
case('P25', 'a failing namespace stops the run and is named; those behind it are not begun', NS,
     write('migrations/shared/000001_reference_data.up.sql',
           'create table shared_currencies (i int);\nselect nowhere;\n'),
     do('up', 1, err=['re:shared +000001 reference_data +failed', 'migrations/shared/000001_reference_data.up.sql:2:']),
     ledger('core/1 core/2 shared/1!'))
case('P26', 'a namespace of which nothing is applied has no version', NS,
     do('up --namespace core'), do('version identity', out='-\n'), do('version core', out='000002\n'),
     do('version nonesuch', 2, err='nonesuch'))
