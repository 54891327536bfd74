"""Stopping a training by a signal, and going on as if nothing had been."""

import os
import signal
import threading
from contextlib import nullcontext

import pytest

from fdkd.apis.options import RunOptions
from fdkd.apis.train import train
from fdkd.engine import interruption
from fdkd.engine.interruption import STOPPED, Interrupted, StopOnSignal, stoppable
from tests.support.signalling import same_weights, spare_time, write_striking


@pytest.fixture(autouse=True)
def handlers():
    """SIGINT raises, as where nobody ignores it; afterwards the handlers are what they were before."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = signal.getsignal(signal.SIGTERM)
    yield
    found = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGTERM, before)
    signal.signal(signal.SIGINT, former)
    assert found == (before, signal.default_int_handler)


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.delenv('STRIKE', raising=False)
    monkeypatch.setattr('fdkd.apis.train.WORK_DIRS', tmp_path / 'work_dirs')
    return tmp_path / 'work_dirs'


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    return write_striking(tmp_path_factory.mktemp('configs'))


@pytest.fixture(autouse=True)
def in_short(monkeypatch):
    spare_time(monkeypatch, lambda runner: reported.append(runner.work_dir))
    reported.clear()


reported = []


def options(**changes):
    return RunOptions(**{'epochs': 2, **changes})


@pytest.fixture(scope='module')
def whole(config, tmp_path_factory):
    """An uninterrupted run."""
    folder = tmp_path_factory.mktemp('whole')
    train(config.with_name('imu.py'), options(), work_dir=folder)
    return folder


@pytest.mark.parametrize(
    ('at', 'what', 'iteration', 'files'),
    [
        ('before_train_iter 0', 'SIGTERM', 1, ['iter_1.pth']),
        ('after_train_iter 1', 'SIGINT', 2, ['iter_2.pth']),
        ('after_train_iter 2', 'SIGTERM', 3, ['iter_3.pth']),  # the epoch's last
        ('before_saving 0', 'SIGTERM', 3, ['epoch_1.pth']),  # goes on to the validation, which stops
        ('before_val_iter 0', 'SIGTERM', 3, ['epoch_1.pth']),
        ('before_train_iter 4', 'SIGTERM', 5, ['epoch_1.pth', 'iter_5.pth']),
        ('before_saving 1', 'SIGTERM', 6, ['epoch_1.pth', 'epoch_2.pth']),  # goes on to the end, but not to the report
        ('after_train 0', 'SIGTERM', 6, ['epoch_1.pth', 'epoch_2.pth']),
    ],
)
def test_a_stopped_run_resumes_to_the_same_weights(config, whole, tmp_path, monkeypatch, at, what, iteration, files):
    monkeypatch.setenv('STRIKE', f'0 {at} {what}')
    with pytest.raises(Interrupted, match=rf'stopped by {what} at iteration {iteration} of 6; everything is saved'):
        train(config.with_name('imu.py'), options(), work_dir=tmp_path)
    assert sorted(path.name for path in tmp_path.glob('*_*.pth')) == files
    assert not reported
    monkeypatch.delenv('STRIKE')
    train(config.with_name('imu.py'), options(), work_dir=tmp_path, resume=True)
    assert same_weights(tmp_path, whole)
    assert reported == [str(tmp_path)]


def test_a_validation_that_is_made_up_for_can_be_stopped_again(config, tmp_path, monkeypatch):
    monkeypatch.setenv('STRIKE', '0 before_val_iter 0 SIGTERM')
    for _ in range(2):
        with pytest.raises(Interrupted, match='at iteration 3 of 6'):
            train(config.with_name('imu.py'), options(), work_dir=tmp_path, resume=True)


def test_a_validation_without_a_training_is_left_alone():
    hook = StopOnSignal()
    with stoppable():
        hook.before_val_epoch(None)
        hook.after_val_iter(None, 0)


def test_accumulated_gradients_are_completed_first(config, tmp_path, monkeypatch):
    given = options(accumulate=2)
    train(config.with_name('imu.py'), given, work_dir=tmp_path / 'whole')
    monkeypatch.setenv('STRIKE', '0 after_train_iter 3 SIGTERM')  # the first of two in the second epoch
    with pytest.raises(Interrupted, match='at iteration 5 of 6'):
        train(config.with_name('imu.py'), given, work_dir=tmp_path / 'cut')
    monkeypatch.delenv('STRIKE')
    train(config.with_name('imu.py'), given, work_dir=tmp_path / 'cut', resume=True)
    assert same_weights(tmp_path / 'cut', tmp_path / 'whole')


def test_preempted_over_and_over_little_is_left_behind(config, whole, tmp_path, monkeypatch):
    monkeypatch.setenv('STRIKE', '0 after_train_iter 0 SIGTERM')
    for _ in range(5):
        with pytest.raises(Interrupted):
            train(config.with_name('imu.py'), options(), work_dir=tmp_path, resume=True)
    assert len(list(tmp_path.glob('iter_*.pth'))) <= 3
    monkeypatch.delenv('STRIKE')
    train(config.with_name('imu.py'), options(), work_dir=tmp_path, resume=True)
    assert same_weights(tmp_path, whole)
    assert len(list(tmp_path.glob('*_*.pth'))) <= 2


def test_a_stop_in_the_teachers_training_stops_the_job_which_goes_on_with_the_teacher(
    config, runs, tmp_path, monkeypatch
):
    one = options(epochs=1)
    train(config, one, work_dir=tmp_path / 'whole')
    [folder] = runs.glob('*/imu-*')
    folder.rename(tmp_path / 'teacher')
    monkeypatch.setenv('STRIKE', '0 after_train_iter 1 SIGTERM')
    with pytest.raises(Interrupted, match='at iteration 2 of 3'):
        train(config, one, work_dir=tmp_path / 'run')
    assert (folder / 'iter_2.pth').exists()
    assert not (tmp_path / 'run').exists()
    monkeypatch.delenv('STRIKE')
    train(config, one, work_dir=tmp_path / 'run', resume=True)
    assert same_weights(folder, tmp_path / 'teacher')
    assert same_weights(tmp_path / 'run', tmp_path / 'whole')


@pytest.mark.parametrize('name', ['TORCHELASTIC_RESTART_COUNT', 'SLURM_RESTART_COUNT'])
def test_a_job_that_its_launcher_started_again_resumes_unasked(config, whole, tmp_path, monkeypatch, name):
    monkeypatch.setenv('STRIKE', '0 after_train_iter 1 SIGTERM')
    with pytest.raises(Interrupted):
        train(config.with_name('imu.py'), options(), work_dir=tmp_path)
    monkeypatch.setenv(name, '1')
    monkeypatch.setenv('STRIKE', ';'.join(['0 after_train_iter 0 SIGTERM'] * 2))
    with pytest.raises(Interrupted, match='at iteration 3 of 6'):
        train(config.with_name('imu.py'), options(), work_dir=tmp_path)


def test_outside_a_step_a_signal_stops_at_once(config, tmp_path, monkeypatch):
    monkeypatch.setattr('fdkd.apis.train.report', lambda runner: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted, match='stopped by SIGTERM; what was saved is intact') as stopped:
        train(config.with_name('imu.py'), options(), work_dir=tmp_path)
    assert not stopped.value.together
    assert (tmp_path / 'epoch_2.pth').exists()


def test_what_dies_of_the_same_signal_does_not_hide_it():
    def load():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            raise RuntimeError('DataLoader worker is killed by signal: Terminated.')

    with pytest.raises(Interrupted, match='SIGTERM'), stoppable():
        load()


def test_an_error_stays_an_error():
    with pytest.raises(ZeroDivisionError), stoppable():
        1 / 0  # noqa: B018


def test_the_inner_of_two_leaves_the_handlers_to_the_outer():
    with stoppable():
        inside = signal.getsignal(signal.SIGTERM)
        with stoppable():
            assert signal.getsignal(signal.SIGTERM) is inside
        assert signal.getsignal(signal.SIGTERM) is inside is interruption._on_signal


def test_a_thread_leaves_signals_alone():
    def enter():
        with stoppable():
            seen.append(signal.getsignal(signal.SIGTERM))

    seen = []
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stoppable():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, signal.default_int_handler)


def end_of(child):
    """How a forked process ends that calls ``child``."""
    process = os.fork()
    if not process:
        try:
            child()
        finally:
            os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def test_a_second_ctrl_c_kills_at_once():
    def child():
        os.close(2)
        with stoppable():
            interruption._watch.deferred = True
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)  # as launchers send it beside
            os.kill(os.getpid(), signal.SIGINT)

    assert end_of(child) == -signal.SIGINT


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_forked_process_ends_as_without_handlers(number):
    with stoppable():

        def child():
            try:
                os.kill(os.getpid(), number)
            except Interrupted:
                os._exit(4)
            except KeyboardInterrupt:
                os._exit(5)

        assert end_of(child) == {signal.SIGTERM: -signal.SIGTERM, signal.SIGINT: 5}[number]


def test_the_hook_alone_leaves_signals_to_python(config, tmp_path, monkeypatch):
    monkeypatch.setattr('fdkd.apis.train.stoppable', nullcontext)
    monkeypatch.setenv('STRIKE', '0 after_train_iter 1 SIGINT')
    with pytest.raises(KeyboardInterrupt) as stopped:
        train(config.with_name('imu.py'), options(), work_dir=tmp_path)
    assert not isinstance(stopped.value, Interrupted)


def test_the_status_is_the_one_for_trying_again():
    assert STOPPED == 75
