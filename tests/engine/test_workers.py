"""Processes that load data: deaf to what the job is sent, not to their parent."""

import os
import signal

import pytest
from torch.utils.data import DataLoader

from fdkd.engine.workers import shield


class Processes:
    """A data set whose samples are the process that loads them."""

    def __len__(self):
        return 40

    def __getitem__(self, index):
        return os.getpid()


@pytest.fixture
def loading():
    """An iterator with one worker."""
    loader = DataLoader(Processes(), 1, num_workers=1)
    shield(loader)
    iterator = iter(loader)
    yield iterator
    iterator._shutdown_workers()


def test_a_worker_goes_on_after_a_signal_to_all(loading):
    process = next(loading).item()
    assert process != os.getpid()
    sender = os.fork()
    if not sender:
        os.kill(process, signal.SIGTERM)
        os.kill(process, signal.SIGINT)
        os._exit(0)
    os.waitpid(sender, 0)
    os.kill(process, signal.SIGINT)
    assert {one.item() for one in loading} == {process}


def test_a_worker_ends_when_its_parent_terminates_it(loading):
    next(loading)
    [worker] = loading._workers
    worker.terminate()
    worker.join(20)
    assert worker.exitcode == 0


def test_what_starts_a_worker_still_does():
    def mark(worker):
        os.environ['MARK'] = f'worker {worker}'

    class Marks(Processes):
        def __getitem__(self, index):
            return os.environ.get('MARK', '')

    loader = DataLoader(Marks(), 1, num_workers=1, worker_init_fn=mark)
    shield(loader)
    assert next(iter(loader)) == ['worker 0']


def test_where_nobody_can_tell_who_sends_a_sigterm_ctrl_c_is_still_ignored(monkeypatch):
    monkeypatch.delattr(signal, 'sigwaitinfo')
    loader = DataLoader(Processes(), 1, num_workers=1)
    shield(loader)
    iterator = iter(loader)
    process = next(iterator).item()
    os.kill(process, signal.SIGINT)
    assert {one.item() for one in iterator} == {process}
