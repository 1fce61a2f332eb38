"""Cases of modules that the application's own config.yaml switches on and off, and of their ledger (module, version,
applied_at), by the native commands with `--profile axcom`.

`axcom down --module catalog` is `whimbrel down --module catalog`, `quickcheck` is `check`.
"""
from fixtures import AX, AX_CONFIG
from texts import left, say
from trial import MYSQL, Group, columns, do, either, ledger, only, move, remove, sql, table, tables, untouched, write

CASES = []
# DATABASE_URL and not WHIMBREL_URL: the URL comes from the configuration file.
case = Group(CASES, WHIMBREL_PROFILE='axcom').case
A01 = [AX, do('up')]
ROWS, TABLES = 'catalog/1 catalog/2 core/1 core/2', 'users tokens catalog reviews'
BAD = write('migrations/{type}/catalog/002_reviews.up.sql',
            'create table reviews (i int);\nselect nowhere from reviews;\n')
A08 = [AX, BAD, do('up', 1, err=['migrations/{type}/catalog/002_reviews.up.sql:2:', left(1)])]

case('A01', 'enabled modules are applied, core first; a disabled one is not', AX,
     do('up', out='re:core +001 .*core +002 .*catalog +001 .*catalog +002', lacks='cart '),
     ledger(ROWS), tables(TABLES), columns('module version applied_at'),
     do('status', out='re:^cart +- +001 +0 +disabled'))
case('A02', 'a second up finds nothing to do', A01,
     do('up', out=say('no change')),
     ledger(ROWS))
case('A02b', 'status tells what is applied and what is the latest', A01,
     table('migrations/{type}/catalog/003_more', 'more'),
     do('status', out=['re:^core +002 +002 +0 +ok', 're:^catalog +002 +003 +1 +pending: 003 more']))
case('A04', 'down of one module reverts its highest version only', A01,
     do('down --module catalog', out='re:catalog +002 reviews +reverted'),
     ledger('catalog/1 core/1 core/2'), tables('users tokens catalog'))
# Natively `down` reverts the last migration of whichever module; the front-end asks for a module.
case('A05', 'down without a module reverts what was applied last', A01,
     do('down', out='catalog'),
     ledger('catalog/1 core/1 core/2'))
case('A06', 'down without a down file is refused and names it', A01,
     do('down --module core', (1, 2),
        err=['no down migration found for version 2 of core', 'whimbrel repair core 002 --mark-reverted']),
     ledger(ROWS), tables(TABLES))
case('A08', 'a failure leaves no row', A08,
     ledger('catalog/1 core/1 core/2'), tables(either('users tokens catalog', TABLES)),
     only(MYSQL, do('status', out='failed: 002 reviews, 1 statement done')))
case('A09', 'the mended file runs without force or repair', A08,
     write('migrations/{type}/catalog/002_reviews.up.sql', 'create table reviews (i int);\n'),
     do('up'),
     ledger(ROWS), tables(TABLES))
case('A10', 'a gap is filled', AX, move('migrations/{type}/catalog/002_reviews.up.sql', 'kept.sql'),
     remove('migrations/{type}/catalog/002_reviews.down.sql'), table('migrations/{type}/catalog/003_more', 'more'),
     do('up'), ledger('catalog/1 catalog/3 core/1 core/2'),
     move('kept.sql', 'migrations/{type}/catalog/002_reviews.up.sql'),
     do('up', out='002 reviews'),
     ledger('catalog/1 catalog/2 catalog/3 core/1 core/2'))
case('A12', 'without a section of modules all are on', AX,
     write('config.yaml', 'db:\n  type: {type}\n'),
     do('up'),
     ledger('cart/1 ' + ROWS))
case('A13', '--config goes before APP_CONFIG, also behind the command', AX,
     write('a.yaml', 'db:\n  type: {type}\nmodules:\n  catalog:\n    enabled: false\n'),
     write('b.yaml', 'db:\n  type: {type}\n'),
     do('up --config b.yaml', env={'APP_CONFIG': 'a.yaml'}), ledger('cart/1 ' + ROWS),
     do('status', out='re:^catalog .* disabled', env={'APP_CONFIG': 'a.yaml'}))
case('A14', '--root is another directory', AX, move('migrations', 'other'),
     do('up --root other'),
     ledger(ROWS), tables(TABLES))
case('A14b', 'the URL comes from the file, and the environment of the application goes before it', AX,
     write('config.yaml', 'db:\n  type: {type}\n  connection_string: "{url}"\n'),
     do('up', env={'WHIMBREL_URL': None}), ledger('cart/1 ' + ROWS),
     do('config', out='DB_CONNECTION_STRING', env={'WHIMBREL_URL': None, 'DB_CONNECTION_STRING': 'sqlite:other.db'}))
case('A16', 'a module that the plan of the application knows is applied', AX,
     write('config.yaml', AX_CONFIG + '  wishlist:\n    enabled: true\n'),
     table('migrations/{type}/wishlist/001_w', 'w'),
     do('up'),
     ledger(ROWS + ' wishlist/1'))
case('A17', 'a directory that the plan does not know is reported and not applied', AX,
     table('migrations/{type}/wishlist/001_w', 'w'),
     do('up', has=['wishlist', 'not']),
     ledger(ROWS), tables(TABLES))
case('A18', 'check on an empty database says no and creates nothing', AX,
     do('check', 3, err="run 'whimbrel up'"),
     untouched())
case('A18b', 'check says no when core is not applied', AX,
     sql('create table schema_migrations (module {key_text} not null, version int not null, applied_at timestamp, primary key (module, version))'),
     do('check', 3, err="core schema not applied — run 'whimbrel up'"),
     ledger(''))
case('A20', 'check of a migrated database is content', A01, do('check', out='ok'), do('quickcheck', out='ok'))
case('A21', 'verify names a missing index', A01, do('verify'), sql(either('drop index reviews_i', 'drop index reviews_i on reviews')),
     do('verify', 3, out='re:reviews_i.* is missing'))
case('A22', 'verify names a missing column', A01, sql('alter table catalog drop column n'),
     do('verify', 3, out='re:column catalog.n is missing'))
case('A22b', 'verify leaves a disabled module alone', A01, do('verify --module catalog'),
     sql('create table cart (i int)'), do('verify --module catalog'))
case('A36', 'an enabled module without a directory is told, and no failure', AX,
     write('config.yaml', AX_CONFIG + '  wishlist:\n    enabled: true\n'),
     do('up', has=['wishlist', 'director']),
     ledger(ROWS))
