"""The form in which the cases are written, and the small machine that runs them.

A case is an id, a claim, where it runs, and a list of steps: what is there, what is done, what must hold. Each step is
one short call, so that a case reads as a table row:

    case('G06', 'down 1 goes back to the file before', GM3,
         do('up'),
         do('down 1', has='5 e'),
         ledger('2|f'), tables('a b'))

Every case gets an empty folder and an empty database. The program finds the database in WHIMBREL_URL and what the case's
group says in further variables; it is run as a person runs it, and the database is looked at with other eyes than its
own (psql, mariadb, Python's sqlite3).

A case runs on every database that it is not tied away from with `on`. What is wanted may depend on the database:
either(elsewhere, on_mysql) where a schema change of MySQL commits and so can't be rolled back, and only(kinds, steps).
"""
import difflib
import os
import pathlib
import pprint
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'kill'))
from blackbox import VARIABLES, Client, MySql, Postgres, Psql, Sqlite, clean_environment, is_mysql  # noqa: E402

SQLITE = ('sqlite',)
POSTGRES = ('postgres',)
MYSQL = ('mariadb', 'mysql')
SERVERS = POSTGRES + MYSQL
ATOMIC = SQLITE + POSTGRES      # a schema change and its record are one transaction
ALL = ATOMIC + MYSQL
OWN_TABLES = {'whimbrel_history', 'whimbrel_catalog', 'schema_migrations'}
TIMEOUT = 60


class Wrong(Exception):
    """What must hold does not."""


class Either:
    """A value that is another one on MySQL and MariaDB."""

    def __init__(self, elsewhere, on_mysql):
        self.elsewhere, self.on_mysql = elsewhere, on_mysql

    def on(self, kind):
        return self.on_mysql if is_mysql(kind) else self.elsewhere

    def __add__(self, text):
        return Either(self.elsewhere + text, self.on_mysql + text)

    def __radd__(self, text):
        return Either(text + self.elsewhere, text + self.on_mysql)


either = Either


class Case:
    def __init__(self, ident, claim, steps, on, settings):
        self.id, self.claim, self.steps, self.on, self.settings = ident, claim, steps, on, settings


class Group:
    """Cases that share settings of the environment: group.case(...) adds one."""

    def __init__(self, cases, on=ALL, **settings):
        self.cases, self.on, self.settings = cases, on, settings

    def case(self, ident, claim, *steps, on=None, **settings):
        self.cases.append(Case(ident, claim, flat(steps), on or self.on, {**self.settings, **settings}))


def flat(steps):
    """A step may be a list of steps: a fixture."""
    found = []
    for step in steps:
        found += flat(step) if isinstance(step, (list, tuple)) else [step]
    return found


def texts(value):
    return [value] if isinstance(value, (str, Either)) else list(value)


# ---- databases ----

class LiteTrial(Sqlite):
    def fresh(self):
        for ending in '', '-journal', '-wal', '-shm':
            pathlib.Path(self.path + ending).unlink(missing_ok=True)

    def exists(self):
        return os.path.exists(self.path)

    def columns(self, table):
        return [row[1] for row in self.query(f'pragma table_info("{table}")')]

    def hold(self, sql):
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=20)
        for statement in filter(None, (part.strip() for part in sql.split(';'))):
            connection.execute(statement)
        return connection


class PostgresTrial(Postgres):
    def fresh(self):
        """A new database for each case: schemas, roles' rights and extensions start anew too."""
        self.session.close()
        self.administrator.query(f'drop database if exists {self.name} with (force)')
        self.administrator.query(f'create database {self.name}')
        self.connect()

    def exists(self):
        return True

    def tables(self):
        return {row[0] if row[1] == 'public' else f'{row[1]}.{row[0]}' for row in self.query(
            "select relname, nspname from pg_class c join pg_namespace n on n.oid = relnamespace"
            " where relkind in ('r', 'p') and nspname not like 'pg_%' and nspname <> 'information_schema'")}

    def columns(self, table):
        return [row[0] for row in self.query(
            f"select attname from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped"
            " order by attnum")]

    def hold(self, sql):
        session = Psql(self.url)
        session.query(sql)
        return session


class MySqlTrial(MySql):
    USERS = "'whimbrel', 'whimbrel_least'"

    def fresh(self):
        self.query(f'drop user if exists {self.USERS};'
                   f'drop database {self.name}; create database {self.name} character set utf8mb4; use {self.name}')

    def exists(self):
        return True

    def tables(self):
        return {row[0] for row in self.query(
            "select table_name from information_schema.tables where table_schema = database() and table_type = 'BASE TABLE'")}

    def columns(self, table):
        return [row[0] for row in self.query(
            'select column_name from information_schema.columns where table_schema = database()'
            f" and table_name = '{table}' order by ordinal_position")]

    def hold(self, sql):
        session = self.client()
        session.query(f'use {self.name}; {sql}')
        return session

    def dump(self):
        """The statements that would make this schema anew."""
        names = self.query('select table_name, table_type from information_schema.tables where table_schema = database()'
                           ' order by 1')
        shown = [self.query(f'show create {"view" if kind == "VIEW" else "table"} `{name}`')[0] for name, kind in names]
        # our history counts its rows
        return [[row[0], re.sub(' AUTO_INCREMENT=[0-9]+', '', row[1]) if row[0] in OWN_TABLES else row[1]] for row in shown
                ] + self.query('select routine_name, routine_definition from information_schema.routines'
                                  ' where routine_schema = database() order by 1')


def databases(folder, name):
    """{kind: database}; the value is None where there is no server to run on."""
    found = {'sqlite': LiteTrial(folder)}
    for kind, variable in VARIABLES.items():
        url = os.environ.get(variable)
        found[kind] = None if not url else PostgresTrial(url, name) if kind == 'postgres' else MySqlTrial(kind, url, name)
    return found


# ---- one run of a case ----

class Result:
    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    def __str__(self):
        return f'$ whimbrel {self.command}\nexit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}'


def other_role(url, role):
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc=f'{role}@{parts.netloc.rsplit("@", 1)[-1]}'))


class Trial:
    """What the steps of one case work on."""

    def __init__(self, program, database, folder, settings):
        self.program, self.database, self.folder = program, database, folder
        self.environment = clean_environment()
        self.environment.update({'WHIMBREL_URL': database.url, 'LANG': 'C.UTF-8', 'NO_COLOR': '1'}, **settings)
        self.last = None
        self.kept = {}
        self.open = []          # what must be closed when the case ends

    @property
    def kind(self):
        return self.database.kind

    def path(self, name):
        return os.path.join(self.folder, name)

    def pick(self, value):
        """What a value is on this database."""
        return value.on(self.kind) if isinstance(value, Either) else value

    def texts(self, value):
        """The texts that are wanted, for this database."""
        return [self.fill(text) for part in texts(self.pick(value)) for text in texts(self.pick(part))]

    def fill(self, text):
        """{url}, {type} of the database, {serial} for a numbered primary key, and so on: see the table below."""
        postgres, mysql = self.kind == 'postgres', is_mysql(self.kind)
        url = self.database.url
        values = {
            'url': url,
            'postgresql_url': 'postgresql' + url.removeprefix('postgres'),
            'as_app': other_role(url, 'whimbrel'),
            'with_wrong_password': other_role(url, 'whimbrel:wr0ngw0rd'),
            'with_password': other_role(url, 'whimbrel:s3cr3tw0rd'),
            'as_least': other_role(url, 'whimbrel_least'),
            'as_nobody': other_role(url, 'whimbrel_nobody'),
            'server': os.environ.get(VARIABLES.get(self.kind, ''), '').rsplit('/', 1)[0],
            'db': 'trial.db' if self.kind == 'sqlite' else self.database.name,
            'folder': self.folder,
            'type': self.kind,
            'true': 'true' if postgres else '1',
            'false': 'false' if postgres else '0',
            'serial': 'SERIAL PRIMARY KEY' if postgres else f'INTEGER {"AUTO_INCREMENT " if mysql else ""}PRIMARY KEY',
            'timestamp_with_time_zone': 'TIMESTAMP NULL' if mysql else 'TIMESTAMP WITH TIME ZONE',
            'serial_reference': 'BIGINT UNSIGNED' if mysql else 'INTEGER',
            'timestamptz': 'TIMESTAMP NULL' if mysql else 'TIMESTAMPTZ',
            'key_text': 'varchar(50)' if mysql else 'text',
            'if_not_exists': '' if self.kind == 'mysql' else 'IF NOT EXISTS',   # of an index
            'on_table': 'on' if mysql else '--',
            'go_url': re.sub(r'@([^/]+)/', r'@tcp(\1)/', url),
        }
        return re.sub(r'\{(\w+)\}', lambda m: values.get(m.group(1), m.group(0)), text)

    def words(self, command):
        return [self.fill(word) for word in shlex.split(command)]

    def variables(self, changes):
        env = {**self.environment, **{k: v for k, v in changes.items() if v is not None}}
        return {k: self.fill(v) for k, v in env.items() if k not in changes or changes[k] is not None}

    def start(self, command, env):
        process = subprocess.Popen([self.program.path, *self.words(command)], env=self.variables(env), cwd=self.folder,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   start_new_session=True)
        process.command = command
        self.open.append(process)
        return process

    def finish(self, process, text=''):
        try:
            out, err = process.communicate(text.encode(), timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise Wrong(f'$ whimbrel {process.command}\nit did not end in {TIMEOUT} s\n{out.decode()}{err.decode()}')
        self.last = Result(process.command, process.returncode, out.decode(errors='replace'), err.decode(errors='replace'))
        return self.last

    def close(self):
        for thing in reversed(self.open):
            if isinstance(thing, subprocess.Popen):
                if thing.poll() is None:
                    thing.kill()
                thing.communicate()
            elif isinstance(thing, Client):
                if thing.process.poll() is None:
                    thing.process.terminate()
                thing.process.wait()
            else:
                thing()


def run(case, kind, program, database):
    """Runs one case; what is wrong with it, None when nothing is."""
    folder = os.path.realpath(tempfile.mkdtemp(prefix='whimbrel-case-'))
    trial, number = None, 0
    try:
        if kind == 'sqlite':
            database = LiteTrial(folder)
        database.fresh()
        trial = Trial(program, database, folder, case.settings)
        for number, step in enumerate(case.steps, 1):
            step(trial)
        return None
    except Exception as why:  # noqa: BLE001 - whatever it is, the case has failed and the next one runs
        return f'step {number}: {why or repr(why)}\n{trial and trial.last or ""}'
    finally:
        if trial:
            trial.close()
        shutil.rmtree(folder, ignore_errors=True)


# ---- steps: what is there ----

def write(name, text, mode=None):
    """A file of the project; bytes are written as they are."""
    def step(t):
        path, content = pathlib.Path(t.path(t.fill(name))), t.pick(text)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else t.fill(content).encode())
        if mode is not None:
            path.chmod(mode)
    return step


def table(stem, name=None, columns='i int'):
    """A pair that makes a table and drops it: table('m/1_a') writes m/1_a.up.sql and m/1_a.down.sql for table a."""
    name = name or stem.split('_', 1)[1]
    return [write(f'{stem}.up.sql', f'create table {name} ({columns});\n'),
            write(f'{stem}.down.sql', f'drop table {name};\n')]


def folder(name):
    return lambda t: os.makedirs(t.path(name), exist_ok=True)


def remove(*names):
    def step(t):
        for name in names:
            path = t.path(t.fill(name))
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)
    return step


def link(name, target):
    return lambda t: os.symlink(target, t.path(name))


def move(old, new):
    def step(t):
        os.makedirs(os.path.dirname(t.path(t.fill(new))), exist_ok=True)
        os.rename(t.path(t.fill(old)), t.path(t.fill(new)))
    return step


def sql(text=None, **by_kind):
    """Done by hand in the database; sql(sqlite=..., postgres=...) where they differ."""
    def step(t):
        for statement in t.texts(by_kind.get(t.kind, text) or []):
            t.database.query(statement)
    return step


def setting(**variables):
    """Variables of the environment, from here on; None takes one away."""
    def step(t):
        t.environment = t.variables(variables)
    return step


def only(kinds, *steps):
    """Steps for some kinds of database."""
    def step(t):
        if t.kind in kinds:
            for s in flat(steps):
                s(t)
    return step


# ---- steps: what is done ----

def do(command, exit=0, has=(), out=(), err=(), lacks=(), stdin='', within=None, env=None):
    """Runs `whimbrel COMMAND` and looks at its exit code and at what it printed.

    has: on either stream; out, err: on that one; lacks: on none. A text that starts with `re:` is an expression.
    {url}, {db} and {folder} in the command stand for the database's and the case's own. within: seconds."""
    def step(t):
        begin = time.monotonic()
        result = t.finish(t.start(command, env or {}), stdin)
        took = time.monotonic() - begin
        judge(t, result, exit, has, out, err, lacks)
        if within and took > within:
            raise Wrong(f'it took {took:.1f} s, more than {within}')
    return step


def judge(t, result, code, has=(), out=(), err=(), lacks=()):
    code = t.pick(code)
    codes = code if isinstance(code, tuple) else (code,)
    if 'AddressSanitizer' in result.err or 'runtime error:' in result.err:
        raise Wrong('the sanitizer has something to say')
    if result.code not in codes:
        raise Wrong(f'exit {result.code}, wanted {code}')
    for wanted, where in ((has, result.out + result.err), (out, result.out), (err, result.err)):
        for text in t.texts(wanted):
            if not found(text, where):
                raise Wrong(f'{text!r} is missing')
    for text in t.texts(lacks):
        if found(text, result.out + result.err):
            raise Wrong(f'{text!r} should not be there')


def found(text, where):
    return re.search(text[3:], where, re.M | re.S) if text.startswith('re:') else text in where


def begin(command, name='run', env=None):
    """Starts it and goes on; end() waits for it."""
    def step(t):
        t.kept[name] = t.start(command, env or {})
    return step


def until(question, answer='1', seconds=20):
    """Waits until the database gives this answer."""
    def step(t):
        end = time.monotonic() + seconds
        while True:
            try:
                rows = t.database.query(question)
            except (RuntimeError, sqlite3.Error):
                rows = []
            if rows and rows[0][0] == answer:
                return
            if time.monotonic() > end:
                raise Wrong(f'{question}: not {answer} after {seconds} s, but {rows}')
            time.sleep(0.02)
    return step


def pause(seconds):
    return lambda t: time.sleep(seconds)


def send(number, name='run'):
    return lambda t: t.kept[name].send_signal(number)


def end(name='run', exit=0, has=(), out=(), err=(), lacks=(), within=None):
    def step(t):
        start = time.monotonic()
        result = t.finish(t.kept[name])
        took = time.monotonic() - start
        judge(t, result, exit, has, out, err, lacks)
        if within and took > within:
            raise Wrong(f'it took {took:.1f} s, more than {within}')
    return step


def together(*commands, exit=0):
    """Starts all of them at once and waits for all."""
    def step(t):
        processes = [t.start(command, {}) for command in commands]
        for process in processes:
            judge(t, t.finish(process), exit)
    return step


def hold(text, name='holder'):
    """Another session runs this and stays open; release() ends it."""
    def step(t):
        holder = t.kept[name] = t.database.hold(t.fill(t.pick(text)))
        t.open.append(holder.close if isinstance(holder, sqlite3.Connection) else holder)
    return step


def release(name='holder'):
    def step(t):
        t.kept[name].close()
        if t.kept[name] in t.open:
            t.open.remove(t.kept[name])
    return step


# ---- steps: what must hold ----

def ledger(wanted, name='schema_migrations'):
    """The ledger's rows. golang-migrate: '5|f'. Others: 'core/1 core/2!', with ! for dirty; the namespace `default` is left
    out. '' is an empty table, None no table at all."""
    def step(t):
        got, want = read_ledger(t.database, name), t.pick(wanted)
        if got != want:
            raise Wrong(f'the ledger holds {got!r}, wanted {want!r}')
    return step


def read_ledger(database, name):
    if not database.exists() or name not in database.tables():
        return None
    columns = database.columns(name)
    if 'version' not in columns:
        return 'columns ' + ' '.join(columns)
    ns = 'namespace' if 'namespace' in columns else 'module' if 'module' in columns else None
    flag = 'dirty' if 'dirty' in columns else "'f'"
    rows = database.query(f'select {ns or chr(39) * 2}, version, {flag} from {name} order by 1, 2')
    dirty = [row[2] in ('t', '1', 'true', 'True') for row in rows]
    if not ns:
        return ' '.join(f'{row[1]}|{"t" if d else "f"}' for row, d in zip(rows, dirty))
    return ' '.join(('' if row[0] == 'default' else row[0] + '/') + row[1] + ('!' if d else '') for row, d in zip(rows, dirty))


def columns(wanted, name='schema_migrations'):
    """Exactly these columns, in this order."""
    def step(t):
        got = ' '.join(t.database.columns(name))
        if got != wanted:
            raise Wrong(f'{name} has the columns {got!r}, wanted {wanted!r}')
    return step


def tables(wanted):
    """Exactly these tables beside the recorded state."""
    def step(t):
        there = t.database.tables() if t.database.exists() else set()
        got = {name for name in there if name.split('.')[-1] not in OWN_TABLES and not name.startswith('sqlite_')}
        want = set(t.pick(wanted).split())
        if got != want:
            raise Wrong(f'the tables are {sorted(got)}, wanted {sorted(want)}')
    return step


def untouched():
    """Nothing at all was created."""
    def step(t):
        there = t.database.tables() if t.database.exists() else set()
        if there - {'sqlite_sequence'}:
            raise Wrong(f'there are tables: {sorted(there)}')
    return step


def answer(question, wanted):
    """The first row of the answer, its values parted by a blank."""
    def step(t):
        asked, want = t.fill(t.pick(question)), t.pick(wanted)
        rows = t.database.query(asked)
        got = ' '.join(rows[0]) if rows else None
        if got != want:
            raise Wrong(f'{asked}\ngives {got!r}, wanted {want!r}')
    return step


def files(folder, wanted):
    """Exactly these names in a folder of the project."""
    def step(t):
        got = sorted(os.listdir(t.path(folder)))
        if got != sorted(wanted.split()):
            raise Wrong(f'{folder} holds {got}, wanted {sorted(wanted.split())}')
    return step


def keep(name, question=None):
    """Remembers the answer to a question, or the whole schema and the ledger, for same()."""
    def step(t):
        t.kept[name] = snapshot(t, question)
    return step


def same(name, question=None):
    def step(t):
        got = snapshot(t, question)
        if got != t.kept[name]:
            before, after = (pprint.pformat(value, width=120).splitlines() for value in (t.kept[name], got))
            raise Wrong('it has changed\n' + '\n'.join(difflib.unified_diff(before, after, n=0, lineterm='')))
    return step


SCHEMA = {
    'sqlite': "select type, name, sql from sqlite_master where name not like 'sqlite_%' order by 1, 2",
    'postgres': """
select 'relation', relname, relkind::text || coalesce(pg_get_indexdef(i.indexrelid), '')
  from pg_class c left join pg_index i on i.indexrelid = c.oid where relnamespace = to_regnamespace('public')
union all select 'column', attrelid::regclass || '.' || attname, format_type(atttypid, atttypmod) || attnotnull ||
  coalesce(pg_get_expr(adbin, adrelid), '') from pg_attribute a left join pg_attrdef d on (adrelid, adnum) = (attrelid, attnum)
  join pg_class c on c.oid = attrelid where relnamespace = to_regnamespace('public')
  and attnum > 0 and not attisdropped
union all select 'constraint', conname, pg_get_constraintdef(oid) from pg_constraint
  where connamespace = to_regnamespace('public')
union all select 'function', proname, prosrc from pg_proc where pronamespace = to_regnamespace('public')
order by 1, 2, 3""",
}


def snapshot(t, question):
    if question:
        return t.database.query(question)
    if not t.database.exists():
        return []
    schema = t.database.dump() if is_mysql(t.kind) else t.database.query(SCHEMA[t.kind])
    return schema, read_ledger(t.database, 'schema_migrations')
