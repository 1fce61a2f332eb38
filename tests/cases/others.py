"""Cases of further tools and of safety that the native commands can show: taking over a database (O), dependencies (D),
files that deserve a word (L), passwords (L15), waiting for a database (G65)."""
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time

from blackbox import Psql
from fixtures import ROOT, SEQ
from texts import say
from trial import (MYSQL, POSTGRES, SERVERS, SQLITE, Group, answer, do, ledger, remove, setting, sql, table, tables, untouched, write)

CASES = []
case = Group(CASES).case
AUTOMIGRATED = sql('create table users (id {serial}, name varchar(255) not null)')
TWO = [table('migrations/1_a'), table('migrations/2_b')]

# ---- O: taking over ----

case('O32', 'line ends of an applied file do not matter', TWO, do('up'),
     write('migrations/1_a.up.sql', 'create table a (i int);\r\n'), do('up', out=say('no change'), lacks='warning'),
     do('validate'))
case('O33', 'an applied file that was edited stops up before anything runs', TWO, do('up'),
     write('migrations/1_a.up.sql', 'create table a (i bigint);\n'), table('migrations/3_c'),
     do('up', 1, err=[say('edited'), 'migrations/1_a.up.sql', 'repair 1 --accept-file']), ledger('1 2'), tables('a b'),
     do('validate', 3, has='migrations/1_a.up.sql'),
     do('repair 1 --accept-file'), do('up'), ledger('1 2 3'))
case('O34', 'after a baseline only what is newer runs', TWO, table('migrations/3_c'), table('migrations/4_d'),
     do('baseline 3'), ledger('1 2 3'), do('up', out='4 d'), tables('d'), do('history', out='baseline'))
case('O40', 'a database whose tables exist is taken over without running anything', SEQ, AUTOMIGRATED,
     setting(WHIMBREL_DIR='m'),
     do('baseline --at 1', out='nothing was run'), do('version', out='000001\n'), ledger('1'), tables('users'),
     do('up', out=say('no change')),
     write('m/000002_add_user_phone.up.sql', 'alter table users add column phone varchar(20);\n'),
     write('m/000002_add_user_phone.down.sql', 'alter table users drop column phone;\n'), do('up'), ledger('1 2'),
     do('down'), ledger('1'))
case('O40', 'the same in the one-row ledger', SEQ, AUTOMIGRATED,
     setting(WHIMBREL_DIR='m', WHIMBREL_PROFILE='golang-migrate'),
     do('baseline --at 1'), ledger('1|f'), do('version', out='000001\n'), tables('users'))
case('O41b', 'a baseline of a database that has a history is refused', TWO, do('up 1'),
     do('baseline 2', 1, err='whimbrel force'), ledger('1'))
case('O41c', 'a one-row ledger stays where it is when a lower version is repaired',
     setting(WHIMBREL_PROFILE='golang-migrate'), TWO,
     table('migrations/5_e'), do('up'), table('migrations/3_late', 'late'), do('up', err=say('late')),
     do('repair 3 --mark-applied'), ledger('5|f'), do('up', out=say('no change'), lacks='late'),
     do('repair 2 --mark-reverted', 1, err=['one row', '5']), ledger('5|f'),
     do('repair 5 --mark-reverted'), ledger('3|f'))
case('O41d', 'repair alone only looks: it waits for no lock', TWO, do('up'),
     do('repair', out='nothing to repair', within=2))

case('S0-39', 'a late file that is marked to run late is no fault', TWO, table('migrations/5_e'), do('up'),
     write('migrations/3_late.up.sql', '-- whimbrel: out-of-order\ncreate table late (i int);\n'),
     do('validate', lacks='older than'), do('up', out='3 late'), ledger('1 2 3 5'))

# ---- D: dependencies, by the native files ----

def requires(path, name, what):
    return [write(f'{path}.up.sql', f'-- whimbrel: requires {what}\ncreate table {name} (i int);\n'),
                  write(f'{path}.down.sql', f'drop table {name};\n')]


DEPENDENT = [table('migrations/a/1_a'), requires('migrations/b/1_b', 'b', 'c@2'), table('migrations/c/1_c'),
                   table('migrations/c/2_d', 'd')]
case('D06', 'what is required comes first', DEPENDENT,
     do('up', out='re:a +1 a .*c +1 c .*c +2 d .*b +1 b '), ledger('a/1 b/1 c/1 c/2'))
case('D06', 'of one namespace: what it requires comes along, and is told; --only refuses', DEPENDENT,
     do('up -n b --only', 1, err=['c@2', '--only']), untouched(),
     do('up -n b', has='c'), ledger('b/1 c/1 c/2'))
case('D08', 'a circle of migrations is named, and nothing runs', requires('migrations/a/1_a', 'a', 'b@1'),
     requires('migrations/b/1_b', 'b', 'a@1'),
     do('validate', 3, has='a 1 -> b 1 -> a 1'), do('validate --files-only', 3, has='a 1 -> b 1 -> a 1'),
     do('up', 2, err='a 1 -> b 1 -> a 1'), untouched())
case('D09', 'a requirement that does not exist is named, and nothing runs', requires('migrations/a/1_a', 'a', 'x@1'),
     do('up', 2, err=['x', 'no such namespace']), untouched())
case('D16', 'what is required is not reverted, unless forced', DEPENDENT, do('up'),
     do('down -n c', 1, err=['b 1', '--force']), ledger('a/1 b/1 c/1 c/2'),
     do('down -n c --force'), ledger('a/1 b/1 c/1'))

# ---- L: files that deserve a word ----

case('L01', 'a missing down script is told by plan and validate', TWO, remove('migrations/2_b.down.sql'),
     do('validate', has=['2', "can't be reverted"]), do('plan', out="can't be reverted"))
case('L02', 'a name that tells nothing is noted', TWO, write('migrations/000007_changes.up.sql', 'select 1;\n'),
     do('validate -v', has='changes'))
case('L10', 'an applied file that was edited is an error', TWO, do('up'),
     write('migrations/1_a.up.sql', 'create table a (x int);\n'),
     do('validate', 3, has=say('edited')))
case('S0-40', 'a gap in the versions is told', table('migrations/000001_a'), table('migrations/000002_b'),
     table('migrations/000005_c'),
     do('validate', has='missing between 000002 and 000005'), do('up'), ledger('1 2 5'))
SECRET = 's3cr3tw0rd'
case('L15', 'a password that the server refuses is nowhere', TWO,
     *(do(f'{command} -u postgres://app:{SECRET}@127.0.0.1:1/shop', (0, 1, 2, 3), lacks=SECRET)
       for command in ('up', 'status', 'up --json', 'up -v', 'config', 'check', 'repair', 'force 1')), on=SQLITE)
case('L15', 'a password that the server refuses is nowhere', TWO,
     *(do(f'{command} -u "{{with_password}}"', (0, 1, 2, 3), lacks=SECRET)
       for command in ('up', 'status', 'up --json', 'up -v', 'config', 'check', 'repair', 'force 1')), untouched(), on=MYSQL)
APP = sql(["create user whimbrel identified by '" + SECRET + "'", 'grant all on {db}.* to whimbrel'])
case('L15', 'a password is not in the history', TWO, APP, do('up -u {with_password}', lacks=SECRET), do('history -v', lacks=SECRET),
     do('history --json', lacks=SECRET), ledger('1 2'),
     answer("select count(*) from whimbrel_history where concat_ws(' ', executed_by, tool, error, note, up_script, down_script)"
            f" like '%{SECRET}%'", '0'), on=MYSQL)
case('L15', 'a password file is read, and shown nowhere', TWO, APP, write('pw', SECRET + '\n'),
     setting(WHIMBREL_URL='{as_app}'), do('up', 1, err='denied'), do('up --password-file pw', lacks=SECRET),
     do('config --password-file pw', lacks=SECRET), ledger('1 2'), on=MYSQL)
case('S2-25', 'a wrong password, or none, is told and not shown', TWO, APP,
     do('up -u {with_wrong_password}', 1, err=['re:denied .*whimbrel', 'user and password'], lacks='wr0ngw0rd'),
     do('up -u {as_app}', 1, err='re:denied .*whimbrel'), untouched(), on=MYSQL)
case('L15', 'a password is not in the history', TWO, do('up -u {with_password}'), do('history -v', lacks=SECRET),
     do('history --json', lacks=SECRET),
     answer(f"select count(*) from whimbrel_history h where h::text like '%{SECRET}%'", '0'), on=POSTGRES)
case('L15', 'a password file is read, and shown nowhere', TWO, write('pw', SECRET + '\n'),
     do('up --password-file pw', lacks=SECRET), do('config --password-file pw', lacks=SECRET), ledger('1 2'),
     on=POSTGRES)

# ---- a database that is not there yet, or can't be written ----


class Server:
    """A server of a case's own, from scripts/servers. What it is asked to become it can on PostgreSQL."""
    VERSIONS = {'postgres': '15', 'mariadb': '10.11', 'mysql': '9'}

    def __init__(self, kind):
        self.kind = kind
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            self.port = str(s.getsockname()[1])
        self.folder = tempfile.mkdtemp(prefix='whimbrel-server-')
        user, database = ('whimbrel', 'postgres') if kind == 'postgres' else ('root', 'whimbrel')
        self.url = f'{kind}://{user}@127.0.0.1:{self.port}/{database}'

    def call(self, action):
        subprocess.run([ROOT / 'scripts' / 'servers' / f'{self.kind}.sh', action, self.VERSIONS[self.kind], self.port,
                        self.folder], check=True, stdout=subprocess.DEVNULL)

    def passwords(self):
        """From now on the role `app` has a password, and must give it."""
        psql = Psql(self.url)
        psql.query("create role app login superuser password 's3cr3tw0rd'")
        rules = pathlib.Path(self.folder, 'data', 'pg_hba.conf')
        rules.write_text('host all app 127.0.0.1/32 scram-sha-256\n' + rules.read_text())
        psql.query('select pg_reload_conf()')
        psql.close()
        time.sleep(0.3)

    def standby(self):
        """Stops it in good order and starts it as a standby of nobody: it only reads."""
        data = pathlib.Path(self.folder, 'data')
        pid = int((data / 'postmaster.pid').read_text().split('\n')[0])
        os.kill(pid, signal.SIGINT)
        while (data / 'postmaster.pid').exists():
            time.sleep(0.02)
        (data / 'standby.signal').touch()
        self.call('start')


def server(t):
    t.kept['server'] = own = Server(t.kind)
    t.open.append(lambda: own.call('stop'))
    t.environment['WHIMBREL_URL'] = own.url


def start_late(seconds):
    """The server comes up that much later, while the next steps go on."""
    def step(t):
        thread = threading.Timer(seconds, t.kept['server'].call, ['start'])
        thread.start()
        t.open.append(thread.join)
    return step


def on_server(method):
    def step(t):
        own = t.kept['server']
        own.call('start') if method == 'start' else getattr(own, method)()
    return step


def as_app(password):
    """The URL of the role app, with this password or none."""
    def step(t):
        who = 'app' if password is None else f'app:{password}'
        t.environment['WHIMBREL_URL'] = t.kept['server'].url.replace('whimbrel@', who + '@')
    return step


case('G65', 'wait until a server that starts later answers, then up', TWO, server, start_late(1.5),
     do('up', 1, err='connection refused'), do('wait --timeout 30s', out='ready'), do('up', out='2 applied'),
     do('version', out='2\n'), on=SERVERS)
case('S4-28', 'a standby refuses what writes, names the cause, and answers what reads', TWO, server, on_server('start'),
     do('up 1'), on_server('standby'),
     do('up', 1, err=['standby', 'primary']), do('force 1', 1, err='standby'), do('down', 1, err='standby'),
     do('status', out='pending: 2 b'), do('version', out='1\n'), do('check --min default=1', out='ok'),
     do('plan', out='1 to apply'), on=POSTGRES)
def read_only(t):
    """The whole server only reads, for whoever is no administrator, until the case ends."""
    t.database.query('set global read_only = 1')
    t.open.append(lambda: t.database.query('set global read_only = 0'))


case('S4-28', 'a replica refuses what writes, names the cause, and answers what reads', TWO, APP,
     setting(WHIMBREL_URL='{with_password}'), do('up 1'), read_only,
     do('up', 1, err=['read', 'primary']), do('force 1', 1, err='primary'), do('down', 1, err='primary'),
     do('status', out='pending: 2 b'), do('version', out='1\n'), do('check --min default=1', out='ok'),
     do('plan', out='1 to apply'), ledger('1'), tables('a'), on=MYSQL)
case('S2-25', 'a wrong password, or none, is told and not shown; a password file is the way out', TWO, server, on_server('start'),
     on_server('passwords'), as_app('wr0ngw0rd'), do('up', 1, err=['password authentication failed', 'app'], lacks='wr0ngw0rd'),
     as_app(None), do('up', 1, err=['password', 'app']),
     write('pw', SECRET + '\n'), do('up --password-file pw', out='2 applied', lacks=SECRET),
     as_app(SECRET), do('version', out='2\n'), do('config', lacks=SECRET), on=POSTGRES)
