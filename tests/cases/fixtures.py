"""The projects that the cases begin with. Each is a list of steps for trial.case()."""
import pathlib

from trial import table, write

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Three tables; the versions 3 and 4 were never there.
GM3 = [table('m/1_a'), table('m/2_b'), table('m/5_e')]

# The first migration of a small service, with a unique column and two indexes.
SEQ = [
    write('m/000001_create_users_table.up.sql', '''\
CREATE TABLE users (
    id {serial},
    name VARCHAR(255) NOT NULL,
    email VARCHAR(255) UNIQUE NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    created_at {timestamptz},
    updated_at {timestamptz},
    deleted_at {timestamptz}
);
CREATE INDEX idx_users_email ON users(email);
CREATE INDEX idx_users_deleted_at ON users(deleted_at);
'''),
    write('m/000001_create_users_table.down.sql', 'DROP TABLE IF EXISTS users;\n'),
]

# The files that the guide of that service names. Adapted for MySQL: TIMESTAMP WITH TIME ZONE, which it does not have (its
# TIMESTAMP is a moment, too), and the column that points at a SERIAL, which is a BIGINT UNSIGNED there. The rest is the same
# on every database.
GUIDE_USERS = [
    write('migrations/000001_create_users_table.up.sql', '''\
CREATE TABLE users (
    id SERIAL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    email VARCHAR(255) UNIQUE NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    created_at {timestamp_with_time_zone},
    updated_at {timestamp_with_time_zone},
    deleted_at {timestamp_with_time_zone}
);

CREATE INDEX idx_users_email ON users(email);
CREATE INDEX idx_users_deleted_at ON users(deleted_at);
'''),
    write('migrations/000001_create_users_table.down.sql', 'DROP TABLE IF EXISTS users;\n'),
]
GUIDE = [
    GUIDE_USERS,
    write('migrations/000002_add_user_avatar_column.up.sql', 'ALTER TABLE users ADD COLUMN avatar VARCHAR(500);\n'),
    write('migrations/000002_add_user_avatar_column.down.sql', 'ALTER TABLE users DROP COLUMN avatar;\n'),
    write('migrations/000003_create_posts_table.up.sql', '''\
CREATE TABLE posts (
    id SERIAL PRIMARY KEY,
    user_id {serial_reference} NOT NULL,
    title VARCHAR(255) NOT NULL,
    body TEXT,
    created_at {timestamp_with_time_zone},
    FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

CREATE INDEX idx_posts_user_id ON posts(user_id);
'''),
    write('migrations/000003_create_posts_table.down.sql', 'DROP TABLE IF EXISTS posts;\n'),
]
GUIDE_PHONE = [
    GUIDE_USERS,
    write('migrations/000002_add_user_phone.up.sql', 'ALTER TABLE users ADD COLUMN phone VARCHAR(20);\n'),
    write('migrations/000002_add_user_phone.down.sql', 'ALTER TABLE users DROP COLUMN phone;\n'),
]

# The second of two fails in its second statement.
BAD2 = [
    write('m/1_ok.up.sql', 'create table ok (i int);\n'),
    write('m/1_ok.down.sql', 'drop table ok;\n'),
    write('m/2_bad.up.sql', 'create table a (i int);\nselect i + 1, nowhere from a;\ncreate table b (i int);\n'),
    write('m/2_bad.down.sql', 'drop table a;\n'),
]
# What is done stays as it was: on MySQL the first statement has committed.
REPAIRED = write('m/2_bad.up.sql', 'create table a (i int);\n')


# Bounded contexts with foreign keys between them: the example of this repository.
def namespaces():
    shop = ROOT / 'examples' / 'shop'
    steps = [write(str(path.relative_to(shop)), path.read_bytes()) for path in sorted(shop.rglob('*.sql'))]
    return [*steps, write('whimbrel.yaml', 'namespaces:\n  order: [core, shared, identity, customer-mgmt, order-mgmt, billing]\n')]


NS = namespaces()
SHOP_TABLES = 'auth_roles auth_permissions auth_role_permissions shared_countries shared_currencies identity_users customers'

# Modules of an application, switched on and off in its own configuration.
AX_CONFIG = 'db:\n  type: {type}\n  connection_string: ${WHIMBREL_URL}\nmodules:\n  cart:\n    enabled: false\n'
AX = [
    table('migrations/{type}/core/001_users', 'users'),
    write('migrations/{type}/core/002_tokens.up.sql', 'create table tokens (i int);\n'),
    table('migrations/{type}/catalog/001_catalog', 'catalog', 'i int, n int'),
    write('migrations/{type}/catalog/002_reviews.up.sql', 'create table reviews (i int);\ncreate index reviews_i on reviews(i);\n'),
    write('migrations/{type}/catalog/002_reviews.down.sql', 'drop table reviews;\n'),
    table('migrations/{type}/cart/001_cart', 'cart'),
    write('config.yaml', AX_CONFIG),
]
