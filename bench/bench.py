"""Runs migration tools side by side on one workload and says how long each took.

All tools of a workload run in rounds (A B C, B C A, ...), each on a database of its own, so that a machine that becomes
slower meanwhile is slower for all. A run whose exit code is not 0, or that did not leave the tables that it should, does
not count. Quote minimum and median of one call, and ratios; never compare figures of two calls.
"""
import configparser
import os
import re
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import time

import workloads

TIMEOUT = 240
ENOUGH = 20        # seconds; who has taken longer in a workload gets no more rounds of it
ONE_WAY_MS = 2.5   # of the `rtt` workload
MEMORY_DISK = '/dev/shm'
NOT_INHERITED = ('DATABASE_URL', 'APP_CONFIG', 'WHIMBREL_URL', 'WHIMBREL_CONFIG', 'WHIMBREL_DIR')   # settings of who measures


class Failed(Exception):
    """Why a tool has no figure."""


class Postgres:
    """The throw-away server. It has to be a superuser's: preparing a workload switches fsync off and on again."""
    name = 'pg'

    def __init__(self, url, port):
        self.url, self.port = url, port

    def sql(self, text, database='postgres'):
        url = re.sub(r'/postgres$', '/' + database, self.url)
        return subprocess.run(['psql', '-XqAt', url, '-f', '-'], input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False).stdout.strip()

    def warm_up(self):
        """Writes so much log that the server has segments to use again: making new ones would slow the first runs down."""
        self.sql("create table warm_up as select repeat('x', 1000) from generate_series(1, 300000);\ncheckpoint;\n"
                 "drop table warm_up;\ncheckpoint;")

    def reset(self, database):
        said = self.sql(f'set client_min_messages = error;\ndrop database if exists {database} with (force);\n'
                        f'create database {database};\ncheckpoint;')
        if said:
            raise Failed(said)

    def tables(self, database):
        return int(self.sql("select count(*) from pg_tables where schemaname = 'public' and tablename ~ '^(t[0-9]+|big)$'",
                            database))

    def prepare(self, database, run):
        """Runs the preparation of a workload without waiting for the disk."""
        self.fsync('off')
        try:
            run()
        finally:
            self.fsync('on')
        self.sql('vacuum analyze;\ncheckpoint;', database)

    def fsync(self, value):
        self.sql(f'alter system set fsync = {value};\nselect pg_reload_conf();')
        time.sleep(0.2)

    def counters(self, database):
        """(log syncs of the server, commits of the database)"""
        syncs, commits = self.sql("select (select wal_sync from pg_stat_wal), xact_commit from pg_stat_database"
                                  f" where datname = '{database}'").split('|')
        return int(syncs), int(commits)


class MySql:
    """A throw-away MariaDB or MySQL; the user is root, without a password."""
    name = 'my'

    def __init__(self, url, port):
        self.port = port
        self.is_mariadb = url.startswith('mariadb')

    def sql(self, text, database=''):
        return subprocess.run(['mariadb', '--no-defaults', '-h127.0.0.1', f'-P{self.port}', '-uroot', '-NB', *database.split()],
                              input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout.strip()

    def warm_up(self):
        """Runs every kind of statement once."""
        self.sql("create database warm_up;\ncreate table warm_up.t (a int primary key, b varchar(100));\n"
                 "insert into warm_up.t values (1, 'x');\ncreate index t_b on warm_up.t (b);\ndrop database warm_up;")

    def reset(self, database):
        said = self.sql(f'drop database if exists {database};\ncreate database {database} character set utf8mb4;')
        if said:
            raise Failed(said)
        self.write_pages()

    def write_pages(self):
        """As a checkpoint does; there is no command for it."""
        self.sql('set global innodb_max_dirty_pages_pct = 0;')
        until = time.time() + 5
        while int(self.sql("show global status like 'Innodb_buffer_pool_pages_dirty'").split()[1]) > 10 and time.time() < until:
            time.sleep(0.05)
        self.sql('set global innodb_max_dirty_pages_pct = 90;')

    def tables(self, database):
        return int(self.sql(f"select count(*) from information_schema.tables where table_schema = '{database}'"
                            " and table_name regexp '^(t[0-9]+|big)$'"))

    def prepare(self, _database, run):
        """Runs the preparation of a workload without waiting for the disk."""
        self.wait_for_disk(0)
        try:
            run()
        finally:
            self.wait_for_disk(1)

    def wait_for_disk(self, value):
        self.sql(f'set global innodb_flush_log_at_trx_commit = {value};')
        if self.is_mariadb:
            self.sql(f'set global sync_frm = {value};')

    def counters(self, _database):
        """(syncs, commits of transactions that wrote) of the server. MariaDB counts the syncs of all its files together."""
        syncs = 'Innodb_data_fsyncs' if self.is_mariadb else 'Innodb_os_log_fsyncs'
        said = self.sql(f"show global status like '{syncs}';\n"
                        "select name, count from information_schema.innodb_metrics where name = 'trx_rw_commits'").split()
        return int(said[1]), int(said[3])


class Sqlite:
    name, port = 'sqlite', 0

    def __init__(self, folder):
        self.folder = folder

    def file(self, database):
        return os.path.join(self.folder, database + '.db')

    def reset(self, database):
        for ending in '', '-journal', '-wal', '-shm':
            if os.path.lexists(self.file(database) + ending):
                os.unlink(self.file(database) + ending)

    def tables(self, database):
        done = subprocess.run(['sqlite3', self.file(database), "select count(*) from sqlite_schema where type = 'table'"
                               " and (name glob 't[0-9]*' or name = 'big')"], stdout=subprocess.PIPE, text=True, check=False)
        return int(done.stdout or 0)

    def prepare(self, database, run):
        """Runs the preparation of a workload on a disk in memory, where there is one."""
        fast = os.path.join(MEMORY_DISK, f'whimbrel-bench-{os.getpid()}.db')
        if not os.access(MEMORY_DISK, os.W_OK):
            run()
            return
        try:
            run(file=fast)
            shutil.copyfile(fast, self.file(database))
        finally:
            if os.path.exists(fast):
                os.unlink(fast)


class Job:
    """One tool in one workload."""

    def __init__(self, tool, command, rounds, prepare=None, check=None, folder=None):
        self.tool, self.command, self.rounds = tool, command, rounds
        self.prepare, self.check, self.folder = prepare, check, folder
        self.runs, self.note = [], ''

    def result(self):
        if not self.runs:
            return dict(note=self.note or 'not run')
        wall, cpu, memory = zip(*self.runs)
        return dict(min=min(wall), median=statistics.median(wall), cpu=statistics.median(cpu), memory_mb=max(memory) / 1024,
                    runs=len(wall), note=self.note)


class Bench:
    def __init__(self, ini, work, variables, rounds):
        self.ini = configparser.RawConfigParser()
        self.ini.optionxform = str
        self.ini.read(ini)
        self.work, self.rounds = work, rounds
        self.variables = {**dict(self.ini['vars']), **variables}
        self.tools = []
        self.results, self.loads = {}, {}   # by row

    def use(self, tools):
        """From now on these tools take part, in the order of the file."""
        self.tools = [t for t in self.ini.sections() if t in tools]

    # commands

    def command(self, engine, tool, key, **more):
        """The command of a tool, or None."""
        section = self.ini[tool]
        text = section.get(f'{engine.name}.{key}') or section.get(key)
        if text is None:
            return None
        database = database_of(tool)
        values = {'port': engine.port, 'db': database, 'file': os.path.join(self.work, database + '.db'),
                  **self.variables, **more}
        while (filled := re.sub(r'\{(\w+)\}', lambda m: str(values.get(m[1], m[0])), text)) != text:
            text = filled
        return text

    def run(self, command, folder=None):
        """(wall seconds, CPU seconds, peak memory in KB) of one run."""
        environment = {k: v for k, v in os.environ.items() if k not in NOT_INHERITED}
        while found := re.match(r'([A-Z_]+)=(\S+) ', command):
            environment[found[1]] = found[2]
            command = command[found.end():]
        words = ['sh', '-c', command[3:]] if command.startswith('sh:') else shlex.split(command)
        times, log = os.path.join(self.work, 'times'), os.path.join(self.work, 'log')
        if os.path.exists(times):
            os.unlink(times)
        with open(log, 'w') as output:
            process = subprocess.Popen([self.variables['floor'] + '/timerun', times, *words], stdout=output,
                                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=folder or self.work,
                                       env=environment, start_new_session=True)
        try:
            process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise Failed(f'over {TIMEOUT} s') from None
        wall, user, system, memory, code = open(times).read().split()
        if code != '0':
            said = open(log, errors='replace').read().strip()[-160:]
            raise Failed(f'exit {code}: {" / ".join(said.splitlines())}')
        return float(wall), float(user) + float(system), int(memory)

    # jobs

    def once(self, job):
        if job.note or sum(run[0] for run in job.runs) > ENOUGH:
            return
        try:
            if job.prepare:
                job.prepare()
            figures = self.run(job.command, job.folder)
            wrong = job.check() if job.check else ''
            if wrong:
                raise Failed(wrong)
            job.runs.append(figures)
        except Failed as reason:
            job.note = str(reason)

    def in_rounds(self, name, jobs):
        for number in range(max((j.rounds for j in jobs), default=0)):
            first = number % len(jobs)   # what the one before left to do in the background is not always the same tool's burden
            for job in jobs[first:] + jobs[:first]:
                if number < job.rounds:
                    self.once(job)
        self.results[name] = {job.tool: job.result() for job in jobs}
        for job in jobs:
            print(f'  {name:18} {job.tool:16} {shown(job.result())}', file=sys.stderr, flush=True)

    def files(self, tool, kind, number):
        return workloads.folder_with(os.path.join(self.work, 'files'), self.ini[tool].get('layout', 'updown'), kind, number)

    def seed(self, engine, tool, folder, number):
        """Brings the tool's database to `number` applied."""
        engine.reset(database_of(tool))

        def apply(**more):
            self.run(self.command(engine, tool, 'up', dir=folder, n=number, **more), folder)
        engine.prepare(database_of(tool), apply)

    def expect(self, engine, tool, tables):
        found = engine.tables(database_of(tool))
        return '' if found == tables else f'it left {found} tables, wanted {tables}'

    # workloads

    def startup(self, name, engine):
        self.in_rounds(name, [Job(t, c, max(self.rounds, 20)) for t in self.tools if (c := self.command(engine, t, 'startup'))])

    def apply(self, name, engine, kind, number, port=None):
        """All of them on an empty database."""
        jobs = []
        for tool in self.tools:
            if not self.command(engine, tool, 'up'):
                continue
            folder = self.files(tool, kind, number)
            command = self.command(engine, tool, 'up', dir=folder, n=number, port=port or engine.port)
            jobs.append(Job(tool, command, self.rounds, lambda tool=tool: engine.reset(database_of(tool)),
                            lambda tool=tool: self.expect(engine, tool, workloads.tables_made(kind, number)), folder))
        self.in_rounds(name, jobs)

    def applied(self, name, engine, key, kind, number):
        """`noop` or `status`, with all of them applied."""
        jobs = []
        for tool in self.tools:
            if not self.command(engine, tool, key) and not (key == 'noop' and self.command(engine, tool, 'up')):
                continue
            folder = self.files(tool, kind, number)
            command = self.command(engine, tool, key, dir=folder, n=number) or self.command(engine, tool, 'up', dir=folder, n=number)
            job = Job(tool, command, max(self.rounds, 7), None,
                      lambda tool=tool: self.expect(engine, tool, workloads.tables_made(kind, number)), folder)
            try:
                self.seed(engine, tool, folder, number)
            except Failed as reason:
                job.note = f'preparation: {reason}'
            jobs.append(job)
        self.in_rounds(name, jobs)

    def down(self, name, engine, kind, number):
        """Reverts all of them."""
        jobs = []
        for tool in self.tools:
            if not self.command(engine, tool, 'down'):
                continue
            folder = self.files(tool, kind, number)
            jobs.append(Job(tool, self.command(engine, tool, 'down', dir=folder, n=number), self.rounds,
                            lambda tool=tool, folder=folder: self.seed(engine, tool, folder, number),
                            lambda tool=tool: self.expect(engine, tool, 0), folder))
        self.in_rounds(name, jobs)

    def far_away(self, name, engine, kind, number, port):
        """`apply` on a server that is 5 ms away."""
        with delayed(self.variables['floor'], port, engine.port, ONE_WAY_MS):
            self.apply(name, engine, kind, number, port)

    def trips(self, name, engine, kind, port):
        """Round trips, commits and log syncs: for each migration (from runs of 10 and of 110), for a run, for a no-op."""
        self.results[name] = {}
        for tool in self.tools:
            if self.command(engine, tool, 'up'):
                try:
                    self.results[name][tool] = self.trips_of(engine, tool, kind, port)
                except Failed as reason:
                    self.results[name][tool] = dict(note=str(reason))
                print(f'  {name:18} {tool:16} {shown(self.results[name][tool])}', file=sys.stderr, flush=True)

    def trips_of(self, engine, tool, kind, port):
        ten, many = (self.counted(engine, tool, kind, number, port) for number in (10, 110))
        key = 'noop' if self.command(engine, tool, 'noop') else 'up'
        nothing = self.counted(engine, tool, kind, 110, port, key, keep=True)
        each = {k: (many[k] - ten[k]) / 100 for k in ('trips', 'syncs', 'commits')}
        return dict(trips=each['trips'], trips_of_run=ten['trips'] - 10 * each['trips'], syncs=each['syncs'],
                    commits=each['commits'], connections=many['connections'], noop_trips=nothing['trips'], note='')

    def counted(self, engine, tool, kind, number, port, key='up', keep=False):
        """What one run costs."""
        database, folder = database_of(tool), self.files(tool, kind, number)
        if not keep:
            engine.reset(database)
        log = os.path.join(self.work, 'trips')
        with delayed(self.variables['floor'], port, engine.port, 0, log):
            before = engine.counters(database)
            self.run(self.command(engine, tool, key, dir=folder, n=number, port=port), folder)
            time.sleep(1.2)   # until the server has published its counters
            after = engine.counters(database)
        trips = [int(n) for n in re.findall(r'turnarounds (\d+)', open(log).read())]
        return dict(trips=sum(trips), connections=len(trips), syncs=after[0] - before[0], commits=after[1] - before[1])


class delayed:
    """With this the server is reached through the delaying proxy at a port."""

    def __init__(self, programs, port, target, milliseconds, log=os.devnull):
        self.words = [programs + '/delayproxy', str(port), str(target), str(milliseconds)]
        self.log = log

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdout=open(self.log, 'w'))
        time.sleep(0.2)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def database_of(tool):
    return 'bench_' + re.sub(r'\W', '_', tool)


def shown(result):
    return ' '.join(f'{k} {v:.4f}' if isinstance(v, float) else f'{k} {v}' for k, v in result.items() if v != '')
