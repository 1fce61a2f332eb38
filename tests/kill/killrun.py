"""Kills `whimbrel up` and `whimbrel down` with SIGKILL at random moments and judges the database.

The moments are spread evenly over the measured time of a whole run. After each kill, as soon as the server has done with
the killed session, and again after a plain second run:

    wrong     record and effects disagree: an effect without its record, a record without its effect, half an effect
    unknown   the second run says that a person must decide (exit 5), and after `repair` it goes on
    stuck     the second run does not succeed by itself
    dup       after the second run something happened more than once

Every third trial kills `down --all`; the others kill `up`. Every second one runs with `--group 1` (one migration a
transaction or message). In every fifth the second run starts at once, while the server may still be busy with the killed
session, so that nothing is looked at in between.
"""
import os
import random
import re
import signal
import statistics
import time

from blackbox import PAUSE, UNKNOWN_STATE, Project, settle, stepwise_of, wait

COUNT = 8
MEASURE_EVERY = 30   # trials: a machine does not stay as busy as it was


class KillRun:
    def __init__(self, program, database, folder, seed=0):
        self.program, self.database = program, database
        self.seed = seed or random.SystemRandom().randrange(1, 10**6)
        self.random = random.Random(self.seed)
        self.stepwise = stepwise_of(database.kind, COUNT)
        self.project = Project(os.path.join(folder, 'migrations'), database.kind, COUNT, self.stepwise, PAUSE[database.kind])
        self.result = dict(db=database.kind, seed=self.seed, trials=0, killed=0, mid=0, wrong=0, unknown=0, stuck=0, dup=0,
                           linger_max=0.0)
        self.examples = []

    def run(self, command, options):
        return self.program.run(*self.project.arguments(command, self.database, *options))

    def prepare(self, command, options):
        """Brings the database to where the command has everything to do."""
        settle(self.database)
        self.database.fresh()
        if command == 'down':
            done = self.run('up', options)
            if done.code != 0 or not self.look().complete():
                raise RuntimeError(f'a plain up on a fresh database failed with {done.code}:\n{done.text}\n{self.look()}')

    def look(self):
        return self.project.look(self.database)

    def measure(self, command, options):
        """How long a whole run takes."""
        times = []
        for _ in range(3):
            self.prepare(command, options)
            start = time.monotonic()
            done = self.run(command, options)
            times.append(time.monotonic() - start)
            if done.code != 0 or not self.reached(command):
                raise RuntimeError(f'a plain {command} failed with {done.code}:\n{done.text}\n{self.look()}')
        return statistics.median(times)

    def reached(self, command):
        """Did the command bring the database to where it should?"""
        state = self.look()
        return state.complete() if command == 'up' else state.empty()

    def kill_at(self, command, options, delay):
        process = self.program.start(*self.project.arguments(command, self.database, *options))
        time.sleep(delay)
        self.result['killed'] += process.poll() is None
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        wait(process, 10)

    def note(self, kind, number, command, options, text):
        self.result[kind] += 1
        if len(self.examples) < 5:
            self.examples.append(f'trial {number}, {command} {" ".join(options)}: {kind}: {text}')

    def judge_after_kill(self, number, command, options):
        self.result['linger_max'] = max(self.result['linger_max'], round(settle(self.database), 3))
        state = self.look()
        done = len(state.full | state.part)
        self.result['mid'] += 0 < done < COUNT or bool(state.part)
        wrong = state.disagreement(self.stepwise, command == 'down')
        if wrong:
            self.note('wrong', number, command, options, wrong)

    def second_run(self, number, command, options):
        """The run that must put everything right. True if it did."""
        done = self.run(command, options)
        if done.code == UNKNOWN_STATE:
            self.note('unknown', number, command, options, done.text)
            done = self.decide(done, command, options)
        if done.code == 0 and self.reached(command):
            return True
        state = self.look()
        repeated = [k for k, n in state.trace.items() if n > 1]
        self.note('dup' if repeated else 'stuck', number, command, options, f'exit {done.code}\n{done.text}\n{state}')
        return False

    def decide(self, told, command, options):
        """Does what a person would: looks at the data, says so with `repair`, and runs again."""
        version = self.stepwise[0]
        statement = re.search(r'--statement (\d+)', told.text)
        if not statement:
            return told
        answer = '--did-run' if self.ran(version, command, int(statement[1])) else '--did-not-run'
        self.program.run('repair', f'{version:06d}', '--statement', statement[1], answer,
                         '--url', self.database.url, '--dir', self.project.folder)
        return self.run(command, options)

    def ran(self, version, command, statement):
        """Whether a row-changing statement of the stepwise script took effect (see up_script and down_script)."""
        if command == 'up' and statement == 2:
            return int(self.database.query(f'select count(*) from t{version}')[0][0]) > 0
        traced = version in self.look().trace
        return traced if command == 'up' else not traced

    def trial(self, number, moments):
        command = 'down' if number % 3 == 2 else 'up'
        options = ('--group', '1') if number % 2 else ()
        self.prepare(command, options)
        self.kill_at(command, options, self.random.uniform(0, 1.05 * moments[command, options]))
        self.result['trials'] += 1
        if number % 5 != 4:
            self.judge_after_kill(number, command, options)
        if self.second_run(number, command, options) and command == 'up':
            done = self.run('down', options)
            if done.code != 0 or not self.look().empty():
                self.note('stuck', number, 'the down after', options, f'exit {done.code}\n{done.text}\n{self.look()}')

    def trials(self, count):
        """Runs them all; returns the summary."""
        start = time.monotonic()
        for number in range(count):
            if number % MEASURE_EVERY == 0:
                moments = {(command, options): self.measure(command, options)
                           for command in ('up', 'down') for options in ((), ('--group', '1'))}
            self.trial(number, moments)
        self.result['run_ms'] = {' '.join((c, *o)): round(1000 * t, 1) for (c, o), t in moments.items()}
        self.result['seconds'] = round(time.monotonic() - start, 1)
        return self.result
