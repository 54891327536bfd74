"""Running jobs with a training that takes no time: order, limits, failures, and parents that are killed."""

import fcntl
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter

import pytest

from fdkd.reproduce import execute
from fdkd.reproduce.execute import Executor, in_order, missing, train_command, work_dir
from fdkd.reproduce.ledger import Ledger
from tests.support.fake_training import results
from tests.support.jobs import COMMAND, journal, make_job, processes


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(execute, '_POLL_SECONDS', 0.02)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / 'ledger.jsonl')


@pytest.fixture
def told():
    return []


@pytest.fixture
def make(tmp_path):
    return lambda name, teacher=None, **plan: make_job(tmp_path, name, teacher, **plan)


@pytest.fixture
def run(tmp_path, ledger, told):
    """Runs what is missing of some jobs; returns the executor."""

    def run(jobs, parallel=1, **watch):
        executor = Executor(ledger, tmp_path, COMMAND, parallel, told.append)
        executor.run(missing(jobs, ledger, tmp_path), **watch)
        return executor

    return run


def statuses(ledger):
    return [(row['key'].removeprefix('key-'), row['status']) for row in ledger.rows()]


def test_order_has_every_job_once_and_teachers_first(make):
    grand = make('grand')
    teacher = make('teacher', grand)
    a, b, alone = make('a', teacher), make('b', teacher), make('alone')
    assert in_order([a, alone, b, teacher, a]) == [grand, teacher, a, alone, b]


def test_each_run_once_and_teachers_before_students(tmp_path, make, run, ledger):
    teacher = make('teacher', seconds=0.3)
    jobs = [make('a', teacher), make('b', teacher), make('alone')]
    executor = run(jobs, parallel=2)
    starts = journal(tmp_path, 'start')
    assert sorted(starts) == ['a', 'alone', 'b', 'teacher']
    assert executor.failed == {}
    happened = journal(tmp_path)
    assert happened.index(('end', 'teacher')) < min(happened.index(('start', 'a')), happened.index(('start', 'b')))
    assert Counter(statuses(ledger)) == Counter((name, 'done') for name in starts)
    assert not any(row['resumed'] for row in ledger.rows())
    assert missing(jobs, ledger, tmp_path) == []
    run(jobs)
    assert len(journal(tmp_path, 'start')) == 4


def test_as_many_side_by_side_as_allowed(tmp_path, make, run):
    most = []
    jobs = [make(name, company=count) for name, count in (('a', 2), ('b', 2), ('c', 4), ('d', 4), ('e', 0))]
    executor = run(jobs, parallel=2, watch=lambda running: most.append(len(running)))
    assert executor.failed == {}  # 'a' ends only when 'b' has started, and 'c' when 'd' has
    assert max(most) == 2
    assert journal(tmp_path, 'start')[4] == 'e'


def test_one_at_a_time(tmp_path, make, run):
    run([make('a', seconds=0.1), make('b', seconds=0.1)])
    assert journal(tmp_path) == [('start', 'a'), ('end', 'a'), ('start', 'b'), ('end', 'b')]


def test_what_a_run_is_called_with(tmp_path, make, run, monkeypatch):
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    monkeypatch.setattr(os, 'cpu_count', lambda: 7)
    teacher = make('teacher')
    run([make('a', teacher)], parallel=3)
    folder, taught_by = tmp_path / 'runs' / 'a', tmp_path / 'runs' / 'teacher' / 'student.pth'
    call = json.loads((folder / 'call.json').read_text())
    expected = ['--work-dir', str(folder), '--resume', '--teacher', str(taught_by), '--seed', '0']
    assert call == {'arguments': [str(tmp_path / 'a.json'), *expected], 'threads': '2'}
    assert '--teacher' not in json.loads((taught_by.parent / 'call.json').read_text())['arguments']
    assert (folder / 'console.log').read_text().startswith(f'$ {COMMAND[0]} ')


def test_threads_that_the_user_set_stay(tmp_path, make, run, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '5')
    run([make('a')], parallel=2)
    assert json.loads((tmp_path / 'runs' / 'a' / 'call.json').read_text())['threads'] == '5'


def test_only_what_a_reader_needs_stays(tmp_path, make, run):
    run([make('a')])
    names = {path.name for path in (tmp_path / 'runs' / 'a').iterdir()}
    assert names == {'student.pth', 'results.json', 'console.log', 'call.json', 'busy', '.lock'}


def test_a_failure_takes_its_students_along_and_nothing_else(tmp_path, make, run, ledger, told):
    teacher = make('teacher', fails=True)
    student = make('student', teacher)
    jobs = [student, make('grandchild', student), make('alone')]
    executor = run(jobs)
    assert set(executor.failed) == {'key-teacher', 'key-student', 'key-grandchild'}
    assert executor.failed['key-student'] == 'its teacher teacher failed'
    assert journal(tmp_path, 'start') == ['teacher', 'alone']
    assert statuses(ledger) == [('teacher', 'failed'), ('alone', 'done')]
    row = ledger.rows()[0]
    assert row['exit_status'] == 3
    assert row['error'] == [f'line {number}' for number in range(8, 20)]
    assert [text.split('\n')[0] for text in told] == [
        'failed: teacher: see runs/teacher/console.log, which ends with:',
        'failed: student: its teacher teacher failed',
        'failed: grandchild: its teacher student failed',
        'done: alone: accuracy 75.0',
    ]
    assert told[0].endswith('line 18\n    line 19')
    assert (tmp_path / 'runs' / 'teacher' / 'epoch_1.pth').exists()  # the next try continues it


def test_a_failed_run_is_tried_again_and_its_students_with_it(tmp_path, make, run, ledger):
    student = make('student', make('teacher', fails=True))
    run([student])
    student = make('student', make('teacher'))
    run([student])
    assert journal(tmp_path, 'start') == ['teacher', 'teacher', 'student']
    assert statuses(ledger) == [('teacher', 'failed'), ('teacher', 'done'), ('student', 'done')]
    assert ledger.done() == {'key-teacher', 'key-student'}
    assert ledger.newest()['key-teacher']['resumed'] is True


def test_a_run_that_was_stopped_has_not_failed_and_is_continued(tmp_path, make, run, ledger, told):
    student = make('student', make('teacher', stopped=True))
    executor = run([student, make('alone')])
    assert executor.failed == {}
    assert set(executor.stopped) == {'key-teacher', 'key-student'}
    assert statuses(ledger) == [('alone', 'done')]
    assert told == [
        'stopped: teacher: by a signal; what it has saved stays, and the same command continues it',
        'stopped: student: its teacher teacher is to be continued first',
        'done: alone: accuracy 75.0',
    ]
    student = make('student', make('teacher'))
    executor = run([student])
    assert executor.stopped == {}
    assert journal(tmp_path) == [
        ('start', 'teacher'), ('stop', 'teacher'), ('start', 'alone'), ('end', 'alone'), ('start', 'teacher'),
        ('end', 'teacher'), ('start', 'student'), ('end', 'student'),
    ]  # fmt: skip
    assert [(row['name'], row['status'], row['resumed']) for row in ledger.rows()] == [
        ('alone', 'done', False), ('teacher', 'done', True), ('student', 'done', False),
    ]  # fmt: skip


def test_a_run_without_results_has_failed(make, run, ledger):
    run([make('a', forgets=True)])
    assert statuses(ledger) == [('a', 'failed')]
    assert ledger.rows()[0]['exit_status'] == 0


def test_results_of_another_run_do_not_count(tmp_path, make, run, ledger):
    folder = tmp_path / 'runs' / 'a'
    folder.mkdir(parents=True)
    (folder / 'student.pth').write_text('x')
    (folder / 'results.json').write_text(json.dumps(results('hash-other')))
    run([make('a', forgets=True)])
    assert statuses(ledger) == [('a', 'failed')]


def test_what_ended_unseen_is_entered_without_running(tmp_path, make, run, ledger):
    run([make('a')])
    ledger.path.unlink()
    run([make('b', make('a'))])
    assert journal(tmp_path, 'start') == ['a', 'b']
    assert statuses(ledger) == [('a', 'done'), ('b', 'done')]
    assert [row['resumed'] for row in ledger.rows()] == [True, False]  # how long it took, no one saw


@pytest.mark.parametrize('gone', ['student.pth', 'results.json'])
def test_a_teacher_without_weights_is_trained_again_where_a_student_needs_it(tmp_path, make, run, gone):
    teacher = make('teacher')
    first, second = make('first', teacher), make('second', teacher)
    run([first])
    (tmp_path / 'runs' / 'teacher' / gone).unlink()
    run([first, teacher])
    assert journal(tmp_path, 'start') == ['teacher', 'first']
    run([first, second])
    assert journal(tmp_path, 'start') == ['teacher', 'first', 'teacher', 'second']


def test_a_run_that_another_process_holds_is_waited_for(tmp_path, make, run, ledger):
    a, b = make('a'), make('b')
    folder = work_dir(tmp_path, a)
    folder.mkdir(parents=True)
    lock, polls = (folder / '.lock').open('w'), []
    fcntl.flock(lock, fcntl.LOCK_EX)

    def watch(running):
        polls.append([job.name for job, _ in running])
        if not lock.closed and ledger.rows() and len(polls) > 20:
            assert journal(tmp_path, 'start') == ['b']
            lock.close()

    run([a, b], watch=watch)
    assert journal(tmp_path, 'start') == ['b', 'a']
    assert statuses(ledger) == [('b', 'done'), ('a', 'done')]


def test_two_calls_at_once_share_the_work(tmp_path, make, ledger, told):
    jobs = [make(name, teacher, seconds=0.1) for teacher in [make('teacher', seconds=0.1)] for name in 'abcd']
    others = [fork(tmp_path, jobs) for _ in range(2)]
    executor = Executor(ledger, tmp_path, COMMAND, 1, told.append)
    executor.run(in_order(jobs))
    for other in others:
        other.join(60)
        assert other.exitcode == 0
    assert sorted(journal(tmp_path, 'start')) == ['a', 'b', 'c', 'd', 'teacher']
    assert sorted(statuses(ledger)) == [(name, 'done') for name in ('a', 'b', 'c', 'd', 'teacher')]
    assert len(told) == 5


def test_an_interruption_ends_the_runs_and_loses_nothing(tmp_path, make, run, ledger):
    jobs = [make('a', wait_for=str(tmp_path / 'go')), make('b')]

    def watch(running):
        if processes(tmp_path):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(jobs, watch=watch)
    assert not alive(processes(tmp_path)[0])
    assert journal(tmp_path) == [('start', 'a')]
    assert ledger.rows() == []
    (tmp_path / 'go').touch()
    run(jobs)
    assert journal(tmp_path, 'start') == ['a', 'a', 'b']
    assert ledger.newest()['key-a']['resumed'] is True


def test_the_command_is_the_repositorys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train_command(tmp_path / 'there') == [sys.executable, 'there/tools/train.py']


# Parents that are killed. The parent is a fork, which takes no time, and its runs are processes of their own.


def reproduce(folder, jobs):
    ledger = Ledger(folder / 'ledger.jsonl')
    Executor(ledger, folder, COMMAND, 2, lambda text: None).run(missing(jobs, ledger, folder))


def fork(folder, jobs):
    process = multiprocessing.get_context('fork').Process(target=reproduce, args=(folder, jobs))
    process.start()
    return process


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def alive(pid):
    """Whether a process runs (one that ended may still be listed until its parent looks)."""
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def wait_for_starts(folder, count):
    deadline = time.monotonic() + 30
    while len(processes(folder)) < count:
        assert time.monotonic() < deadline, 'no run started'
        time.sleep(0.01)


def test_a_run_outlives_its_parent_and_is_entered_by_the_next(tmp_path, make, run, ledger):
    teacher = make('teacher', wait_for=str(tmp_path / 'go'))
    jobs, polls = [make('student', teacher)], []
    parent = fork(tmp_path, jobs)
    wait_for_starts(tmp_path, 1)
    kill(parent)
    assert alive(processes(tmp_path)[0])

    def watch(running):
        polls.append(len(running))
        if len(polls) == 20:
            assert journal(tmp_path, 'start') == ['teacher']
            (tmp_path / 'go').touch()

    run(jobs, watch=watch)
    assert journal(tmp_path) == [('start', 'teacher'), ('end', 'teacher'), ('start', 'student'), ('end', 'student')]
    assert polls[:20] == [0] * 20
    assert statuses(ledger) == [('teacher', 'done'), ('student', 'done')]


def test_when_both_are_killed_the_run_is_continued(tmp_path, make, run, ledger):
    jobs = [make('a', wait_for=str(tmp_path / 'go'))]
    parent = fork(tmp_path, jobs)
    wait_for_starts(tmp_path, 1)
    kill(parent)
    os.kill(processes(tmp_path)[0], signal.SIGKILL)
    (tmp_path / 'go').touch()
    run(jobs)
    assert journal(tmp_path) == [('start', 'a'), ('start', 'a'), ('end', 'a')]
    assert [(row['key'], row['resumed']) for row in ledger.rows()] == [('key-a', True)]


@pytest.mark.parametrize('seed', range(3))
def test_kills_at_any_moment_lose_nothing_and_run_nothing_twice(tmp_path, make, run, ledger, seed):
    moments = random.Random(seed)
    teacher = make('teacher', seconds=0.1)
    jobs = [make(name, teacher, seconds=moments.uniform(0, 0.3)) for name in 'abcd'] + [make('alone', seconds=0.2)]
    for _ in range(5):
        parent = fork(tmp_path, jobs)
        time.sleep(moments.uniform(0, 0.4))
        kill(parent)
    run(jobs, parallel=2)
    happened = Counter(journal(tmp_path))
    assert happened == Counter((word, name) for word in ('start', 'end') for name in [*'abcd', 'teacher', 'alone'])
    done = Counter(row['key'] for row in ledger.rows() if row['status'] == 'done')
    assert done == Counter(f'key-{name}' for name in [*'abcd', 'teacher', 'alone'])
    assert len(ledger.rows()) == 6
