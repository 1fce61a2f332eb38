"""What the black-box tests share: the program under test, throw-away databases, a trial project whose effects can be
counted, and TAP output.

The tests of tests/kill, tests/fleet, tests/proxy, tests/diskfull and tests/corpus run the built program from outside and
look at the database with other eyes than its own: Python's sqlite3 module and psql. They never ask the program what it
did; they compare the ledger (schema_migrations) with the tables, rows and indexes that the scripts should have made.
"""
import argparse
import collections
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

PG_VARIABLE = 'WHIMBREL_TEST_PG_URL'
NO_PG = f'{PG_VARIABLE} names no PostgreSQL server'
VARIABLES = {'postgres': PG_VARIABLE, 'mariadb': 'WHIMBREL_TEST_MARIADB_URL', 'mysql': 'WHIMBREL_TEST_MYSQL_URL'}

Result = collections.namedtuple('Result', 'code text')
TIMED_OUT = 'timeout'
UNKNOWN_STATE = 5   # the exit code that asks a person to decide


class Tap:
    """Prints the results of a test program in the Test Anything Protocol. Threads may share it."""

    def __init__(self):
        self.count = self.failed = self.skipped = 0
        self.lock = threading.Lock()

    def check(self, passed, name, detail=''):
        with self.lock:
            self.count += 1
            self.failed += not passed
            print(f'{"ok" if passed else "not ok"} {self.count} - {name}', flush=True)
            if not passed and detail:
                self.note(detail)
        return passed

    def skip(self, name, reason):
        with self.lock:
            self.count += 1
            self.skipped += 1
            print(f'ok {self.count} - {name} # SKIP {reason}', flush=True)

    @staticmethod
    def note(text):
        for line in str(text).splitlines():
            print(f'# {line}', flush=True)

    def finish(self):
        """Prints the plan; returns the exit code of the test program."""
        print(f'1..{self.count}', flush=True)
        return 1 if self.failed else 0


def clean_environment():
    """Without the settings of the person who runs the tests; where the program finds its drivers stays."""
    return {k: v for k, v in os.environ.items()
            if k == 'WHIMBREL_DRIVERS' or not k.startswith(('WHIMBREL', 'DATABASE_URL', 'APP_CONFIG', 'PG', 'NO_COLOR'))}


class Program:
    """The whimbrel under test."""

    def __init__(self, path):
        self.path = str(pathlib.Path(path).resolve())
        self.environment = clean_environment()

    def start(self, *arguments, output=subprocess.DEVNULL):
        """Starts it in a process group of its own."""
        return subprocess.Popen([self.path, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=output, stderr=subprocess.STDOUT, start_new_session=True)

    def run(self, *arguments, timeout=60):
        """Runs it to its end; what it printed on both streams is the text. A run that takes too long has the code TIMED_OUT."""
        with tempfile.TemporaryFile() as output:
            process = self.start(*arguments, output=output)
            code = wait(process, timeout)
            output.seek(0)
            return Result(code, output.read().decode(errors='replace'))


def wait(process, timeout):
    """Its exit code, or TIMED_OUT after ending it."""
    # wait(timeout) would look only every 50 ms
    late = threading.Event()
    timer = threading.Timer(timeout, lambda: (late.set(), process.kill()))
    timer.start()
    code = process.wait()
    timer.cancel()
    return TIMED_OUT if late.is_set() else code


class Client:
    """A server's own client that is kept open, so that a question costs a round trip and not a process."""
    END = 'end of the answer'

    def __init__(self, words, ending, separator, error):
        self.ending, self.separator, self.error = ending, separator, re.compile(error)
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def query(self, sql):
        """The rows of the answer, each a list of texts. An error of the server is raised."""
        self.process.stdin.write(f"{sql}{self.ending}select '{self.END}';\n")
        self.process.stdin.flush()
        rows, error = [], None
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f'{self.process.args[0]} ended: {rows}')
            line = line.rstrip('\n')
            if line == self.END:
                break
            if self.error.search(line):
                error = error or line
            rows.append(line.split(self.separator))
        if error:
            raise RuntimeError(f'{error}\nin: {sql}')
        return rows

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Psql(Client):
    def __init__(self, url):
        super().__init__(['psql', '-XAtq', '-F', '\x1f', url], '\n;', '\x1f', r'\b(ERROR|FATAL):  ')
        self.query('set client_min_messages = error')


class Sqlite:
    """A SQLite file that can be made anew."""
    kind = 'sqlite'

    def __init__(self, folder, name='trial'):
        self.path = os.path.join(folder, name + '.db')
        self.url = 'sqlite:' + self.path

    def fresh(self):
        """Empty but for the table `trace`, in which every script leaves its version."""
        for ending in '', '-journal', '-wal', '-shm':
            pathlib.Path(self.path + ending).unlink(missing_ok=True)
        self.query('create table trace(k int)')

    def query(self, sql):
        connection = sqlite3.connect(self.path, timeout=20)
        try:
            with connection:
                return [[str(x) for x in row] for row in connection.execute(sql)]
        finally:
            connection.close()

    def sessions(self):
        return 0

    def tables(self):
        return {row[0] for row in self.query("select name from sqlite_master where type = 'table'")}

    def indexes(self):
        return {row[0] for row in self.query("select name from sqlite_master where type = 'index'")}

    def close(self):
        pass


class Postgres:
    """A database of its own on a throw-away PostgreSQL server."""
    kind = 'postgres'

    def __init__(self, server_url, name):
        self.server_url, self.name = server_url, name
        self.url = with_database(server_url, name)
        self.administrator = Psql(server_url)
        self.administrator.query(f'drop database if exists {name} with (force)')
        self.administrator.query(f'create database {name}')
        self.connect()

    def connect(self):
        self.session = Psql(self.url)
        self.query = self.session.query

    def fresh(self):
        self.query('drop schema public cascade; create schema public; create table trace(k int)')

    def sessions(self):
        """How many other sessions are on this database."""
        return int(self.query("select count(*) from pg_stat_activity where datname = current_database()"
                              " and backend_type = 'client backend' and pid <> pg_backend_pid()")[0][0])

    def end_sessions(self, what='connection'):
        """Ends every other session on this database, or its query; how many there were."""
        function = {'connection': 'pg_terminate_backend', 'query': 'pg_cancel_backend'}[what]
        return int(self.query(f"select count(*) filter (where {function}(pid)) from pg_stat_activity"
                              " where datname = current_database() and backend_type = 'client backend'"
                              " and pid <> pg_backend_pid()")[0][0])

    def tables(self):
        return {row[0] for row in self.query("select tablename from pg_tables where schemaname = 'public'")}

    def indexes(self):
        return {row[0] for row in self.query(
            "select relname from pg_index join pg_class on oid = indexrelid where indisvalid"
            " and relnamespace = 'public'::regnamespace")}

    def close(self):
        self.session.close()
        self.administrator.query(f'drop database if exists {self.name} with (force)')
        self.administrator.close()


def with_database(url, name, **parameters):
    """The URL with another database in it, and with more parameters."""
    parts = urllib.parse.urlsplit(url)
    query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True) + [(k, str(v)) for k, v in parameters.items()]
    return urllib.parse.urlunsplit(parts._replace(path='/' + name, query=urllib.parse.urlencode(query)))


class MySql:
    """A database of its own on a throw-away MariaDB or MySQL server, seen through MariaDB's client."""

    def __init__(self, kind, server_url, name, **parameters):
        self.kind, self.name = kind, name
        self.url = with_database(server_url, name, **parameters)
        self.parts = urllib.parse.urlsplit(server_url)
        self.connect()
        self.query(f'drop database if exists {name}; create database {name} character set utf8mb4; use {name}')

    def client(self):
        return Client(['mariadb', '--no-defaults', *self.address(), '-N', '-B', '--unbuffered', '--force'], ';\n', '\t', '^ERROR ')

    def connect(self):
        self.session = self.client()
        self.query = self.session.query

    def place(self):
        return self.parts.hostname, str(self.parts.port), self.parts.username

    def address(self):
        host, port, user = self.place()
        return f'-h{host}', f'-P{port}', f'-u{user}'

    def fresh(self):
        self.query(f'drop database {self.name}; create database {self.name}; use {self.name}; create table trace(k int)')

    def others(self):
        """The connections of every other session on this database."""
        return [row[0] for row in self.query('select id from information_schema.processlist where db = database()'
                                             ' and id <> connection_id()')]

    def sessions(self):
        return len(self.others())

    def end_sessions(self, what='connection'):
        """Ends every other session on this database, or its query; how many there were."""
        ended = 0
        for number in self.others():
            try:
                self.query(f'kill {what} {number}')
                ended += 1
            except RuntimeError as error:
                if 'Unknown thread' not in str(error):   # it has gone by itself
                    raise
        return ended

    def tables(self):
        return {row[0] for row in self.query("select table_name from information_schema.tables where table_schema = database()")}

    def indexes(self):
        return {row[0] for row in self.query(
            "select distinct index_name from information_schema.statistics where table_schema = database()")}

    def close(self):
        self.query(f'drop database if exists {self.name}')
        self.session.close()


class State:
    """What one look at a database found. Versions are numbers."""

    def __init__(self, database, count, data=()):
        tables, indexes = database.tables(), database.indexes()
        self.recorded, self.dirty = ledger(database, tables)
        self.trace = collections.Counter(int(row[0]) for row in database.query('select k from trace'))
        self.full, self.part = set(), set()
        self.effects = {}   # of each version: whether each statement that leaves something took effect
        rows = counted_rows(database, [k for k in range(1, count + 1) if f't{k}' in tables])
        for k in range(1, count + 1):
            effects = ([k in self.trace, -k in self.trace] if k in data else
                       [f't{k}' in tables, rows.get(k) == 2, f'i{k}' in indexes, k in self.trace])
            self.effects[k] = effects
            if all(effects):
                self.full.add(k)
            elif any(effects):
                self.part.add(k)
        self.all = set(range(1, count + 1))

    def disagreement(self, stepwise=(), going_down=False):
        """Where record and effects differ, in words; empty when they agree.

        A stepwise script leaves what it did when it is interrupted, and its record changes after its last statement: on
        the way up half of it, or all of it unrecorded, is for the next run to find; on the way down it may still be
        recorded when it is gone.
        """
        steps = set(stepwise)
        found = [
            ('recorded, and its effects are not all there', self.recorded - self.full - (steps if going_down else set())),
            ('its effects are there, and it is not recorded', self.full - self.recorded - steps),
            ('half of an atomic script is there', self.part - steps),
            ('its script ran more than once', {k for k, n in self.trace.items() if n > 1}),
        ]
        touched = self.full | self.part | self.recorded
        if touched != set(range(1, len(touched) + 1)):
            found.append(('out of order', touched))
        return '; '.join(f'{words}: {sorted(versions)}' for words, versions in found if versions)

    def complete(self):
        """Everything is applied, each once."""
        return self.full == self.recorded == self.all and not self.dirty and not self.disagreement()

    def empty(self):
        """Nothing is applied."""
        return not (self.full or self.part or self.recorded or self.dirty or self.trace)

    def __str__(self):
        return (f'recorded {sorted(self.recorded)} dirty {sorted(self.dirty)} full {sorted(self.full)}'
                f' part {sorted(self.part)} trace {dict(self.trace)}')


def ledger(database, tables):
    """(versions that the ledger says are applied, versions that it marks dirty)"""
    recorded, dirty = set(), set()
    if 'schema_migrations' in tables:
        for version, flag in database.query('select version, dirty from schema_migrations'):
            (dirty if flag in ('t', '1', 'true') else recorded).add(int(version))
    return recorded, dirty


def counted_rows(database, versions):
    """{version: number of rows in its table}"""
    if not versions:
        return {}
    sql = ' union all '.join(f'select {k}, count(*) from t{k}' for k in versions)
    return {int(k): int(n) for k, n in database.query(sql)}


class Project:
    """A flat folder of migrations. Each makes a table of two rows, an index, and leaves its version in `trace`.

    `pause` is SQL that makes a script last a few milliseconds. The versions in `stepwise` are marked to run outside a
    transaction; on PostgreSQL they build their index concurrently, which can't be done otherwise. On MySQL all are stepwise, and
    none is marked; but those in `data`, which leave nothing but two rows in `trace`, are one transaction on every database.
    """

    def __init__(self, folder, kind, count=8, stepwise=(), pause='', data=()):
        self.folder, self.count, self.stepwise, self.data = str(folder), count, tuple(stepwise), tuple(data)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        for k in range(1, count + 1):
            if k in self.data:
                self.write(k, 'up', f'insert into trace (k) values ({k});\ninsert into trace (k) values ({-k});\n')
                self.write(k, 'down', f'delete from trace where k in ({k}, {-k});\n')
            else:
                self.write(k, 'up', up_script(k, kind, k in self.stepwise, pause))
                self.write(k, 'down', down_script(k, kind, k in self.stepwise))

    def write(self, version, direction, text):
        pathlib.Path(self.folder, f'{version:06d}_m{version}.{direction}.sql').write_text(text)

    def look(self, database):
        return State(database, self.count, self.data)

    def arguments(self, command, database, *options):
        """The command line of `whimbrel COMMAND` for this project."""
        url = database if isinstance(database, str) else database.url
        yes = ['--all', '--yes'] if command == 'down' else []
        return [command, '--url', url, '--dir', self.folder, *yes, *options]


def is_mysql(kind):
    return kind in ('mariadb', 'mysql')


def stepwise_of(kind, count=8):
    """The versions of a project whose scripts are not one transaction."""
    return {'postgres': (5,), 'sqlite': ()}.get(kind, tuple(range(1, count + 1)))


def up_script(k, kind, stepwise, pause):
    concurrently = 'concurrently ' if stepwise and kind == 'postgres' else ''
    lines = [
        '-- whimbrel: no-transaction' if stepwise and not is_mysql(kind) else '',
        f'create table t{k} (id int primary key, v varchar(20));',
        f"insert into t{k} values (1, 'a'), (2, 'b');",
        pause if not stepwise else '',
        f'create index {concurrently}i{k} on t{k} (v);',
        f'insert into trace (k) values ({k});',
    ]
    return '\n'.join(line for line in lines if line) + '\n'


def down_script(k, kind, stepwise):
    mark = '-- whimbrel: no-transaction\n' if stepwise and not is_mysql(kind) else ''
    return f'{mark}delete from trace where k = {k};\ndrop table t{k};\n'


PAUSE = {
    'mariadb': '',
    'mysql': '',
    'postgres': 'select pg_sleep(0.004);',
    # some milliseconds of work that leaves nothing
    'sqlite': 'with recursive n(i) as (select 1 union all select i + 1 from n where i < 8000) select sum(i) from n;',
}


def settle(database, seconds=20):
    """Waits until the server has done with the sessions of processes that are gone; how long that took, in seconds."""
    start = time.monotonic()
    while database.sessions() and time.monotonic() - start < seconds:
        time.sleep(0.002)
    return time.monotonic() - start


def databases(folder, name):
    """Yields (kind, database); the database is None where there is no server to run on."""
    yield 'sqlite', Sqlite(folder)
    for kind, variable in VARIABLES.items():
        url = os.environ.get(variable)
        database = None if not url else Postgres(url, name) if kind == 'postgres' else MySql(kind, url, name)
        yield kind, database


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s:
        return str(s.getsockname()[1])


def no_server(kind):
    return f'{VARIABLES[kind]} names no server'


def options(description):
    """The arguments that every one of these test programs takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('build', help='the build folder, which holds the program `whimbrel`')
    parser.add_argument('--stress', action='store_true', help='the full form, which takes long')
    parser.add_argument('--seed', type=int, default=0, help='of the random moments; 0: another one each time')
    return parser


def program_in(build):
    path = pathlib.Path(build, 'whimbrel')
    if not path.is_file():
        sys.exit(f'{path} is not there; build it first')
    return Program(path)
