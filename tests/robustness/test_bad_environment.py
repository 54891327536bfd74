"""What the machine refuses (space, rights, memory, processes, ports) ends in one line, and good files stay whole."""

import builtins
import errno
import json
import os
import resource
import signal
import socket
import tempfile
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from fdkd.apis.cli import guarded
from fdkd.checkpoint import write_checkpoint
from fdkd.datasets.listing import Listing
from fdkd.datasets.paired import PairedDataset
from fdkd.files import write_json
from tests.robustness.bad.breaking import command
from tests.robustness.bad.place import new_place  # noqa: F401
from tests.robustness.bad.tools import Bad, in_a_child, refuses, refuses_in_a_child, run_tool

TRAIN, TEST = ('train', '{imu}'), ('test', '{pair}', '{student}')
LAUNCHED = ('train', '{imu}', '--launcher', 'pytorch')


def system(number, *path):
    return lambda: OSError(number, os.strerror(number), *path)


def failing(owner, name, error, words=TRAIN, where=''):
    """``owner.name`` raises ``error()``; where ``where`` is given, only for a path that holds it."""

    def breaks(place):
        original = getattr(owner, name)

        def fails(*args, **kwargs):
            paths = ' '.join(map(str, args))
            if where not in paths:
                return original(*args, **kwargs)
            raise error()

        place.patch.setattr(owner, name, fails)
        return command(*words)(place)

    return breaks


def in_the_worker(act):
    """Reading a sample in a process of the loader does ``act``."""

    def breaks(place):
        read, here = PairedDataset.__getitem__, os.getpid()

        def reads(dataset, key):
            return act() if os.getpid() != here else read(dataset, key)

        place.patch.setattr(PairedDataset, '__getitem__', reads)
        return command(*TRAIN, '--workers', '1')(place)

    return breaks


def raising(error):
    def act():
        raise error()

    return act


def variables(words=LAUNCHED, **values):
    def breaks(place):
        for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'):
            place.patch.delenv(name, raising=False)
        for name, value in values.items():
            place.patch.setenv(name, value)
        return command(*words)(place)

    return breaks


FULL = system(errno.ENOSPC)
DISKS = [
    Bad('a disk that is full at a checkpoint', failing(os, 'fsync', FULL),
        ['.pth: No space left on device; free some space']),
    Bad('a quota that is used up', failing(os, 'fsync', system(errno.EDQUOT)),
        ['.pth: Disk quota exceeded; free some space']),
    Bad('a folder that is read-only', failing(os, 'mkdir', system(errno.EROFS, 'work_dirs/new'),
        (*TRAIN, '--work-dir', 'work_dirs/new'), 'work_dirs/new'),
        ['work_dirs/new: Read-only file system', 'may be written to']),
    Bad('a folder of someone else', failing(os, 'mkdir', system(errno.EACCES, 'work_dirs/new'),
        (*TRAIN, '--work-dir', 'work_dirs/new'), 'work_dirs/new'),
        ['work_dirs/new: Permission denied', 'may be written to']),
    Bad('a table of someone else', failing(Path, 'read_bytes', system(errno.EACCES, 'clips.csv'), where='clips'),
        ['clips.csv: cannot be read', 'Permission denied']),
    Bad('a picture of someone else', failing(builtins, 'open', system(errno.EACCES, 'c13.png'), TEST, 'c13.png'),
        ['image/c13.png: unreadable', 'Permission denied']),
    Bad('a checkpoint of someone else', failing(Path, 'open', system(errno.EACCES, 'student.pth'), TEST,
        'student.pth'), ['student.pth: Permission denied']),
    Bad('a disk that fails', failing(Image, 'open', system(errno.EIO), TEST), ['unreadable', 'Input/output error']),
    Bad('no folder for temporary files', failing(tempfile, '_gettempdir', lambda: FileNotFoundError(
        errno.ENOENT, 'No usable temporary directory found in []')), ['imu.py: cannot be read', 'No usable temporary']),
]  # fmt: skip
MEMORY = [
    Bad('too little memory', failing(Listing, 'read', MemoryError), ['too little memory', '--batch-size']),
    Bad('too little memory for a tensor', failing(torch, 'stack', lambda: RuntimeError(
        "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried")),
        ['this machine has too little memory', '--accumulate']),
    Bad('too little memory of a GPU', failing(torch, 'stack', lambda: torch.OutOfMemoryError('CUDA out of memory.')),
        ['the GPU has too little memory', '--batch-size', '--amp']),
    Bad('pictures of 10^12 pixels', command('train', '{pair}', '--size', '1000000x1000000', '--teacher', 'untrained'),
        ['image of sample', 'cannot be applied']),
]  # fmt: skip
PROCESSES = [
    Bad('too many processes', failing(os, 'fork', system(errno.EAGAIN), (*TRAIN, '--workers', '2')),
        ['no more processes can be started: take fewer --workers']),
    Bad('too many open files', failing(os, 'pipe', system(errno.EMFILE), (*TRAIN, '--workers', '2')),
        ['Too many open files', 'ulimit -n', '--workers']),
    Bad('no shared memory', in_the_worker(raising(lambda: RuntimeError(
        'unable to mmap 4096 bytes from file </torch_1>: Cannot allocate memory (12)'))),
        ['no shared memory is left', '--shm-size', '--workers 0']),
    Bad('a worker that memory kills', in_the_worker(lambda: os.kill(os.getpid(), signal.SIGKILL)),
        ['a process that loads data died', 'take fewer --workers']),
    Bad('a worker with a bus error', in_the_worker(lambda: os.kill(os.getpid(), signal.SIGBUS)),
        ['no shared memory is left', '--shm-size']),
    Bad('too little memory in a worker', in_the_worker(raising(MemoryError)), ['too little memory', '--workers']),
]  # fmt: skip
RANKS = [
    Bad('no launcher', variables(), ['--launcher pytorch, but RANK is not set', 'docs/scaling.md']),
    Bad('no Slurm', variables(('train', '{imu}', '--launcher', 'slurm')), ['but SLURM_PROCID is not set']),
    Bad('no MPI', variables(('train', '{imu}', '--launcher', 'mpi')), ['but OMPI_COMM_WORLD_RANK is not set']),
    Bad('half a launcher', variables(RANK='0'), ["WORLD_SIZE='' in the environment, expected a whole number"]),
    Bad('a rank in words', variables(RANK='first', WORLD_SIZE='1'), ["RANK='first' in the environment, expected"]),
    Bad('a rank beyond all', variables(RANK='2', WORLD_SIZE='2'), ['RANK=2 of WORLD_SIZE=2: no such rank']),
    Bad('no local rank', variables(RANK='0', WORLD_SIZE='1'), ["LOCAL_RANK='' in the environment"]),
    Bad('a port in words', variables(RANK='0', WORLD_SIZE='1', LOCAL_RANK='0', MASTER_PORT='http'),
        ["MASTER_PORT='http' in the environment, expected a whole number"]),
    Bad('no GPU', command('train', '{imu}', '--amp-dtype', 'fp16'), ['float16 needs a GPU, and there is none', 'bf16']),
]  # fmt: skip


@pytest.mark.parametrize('bad', [*DISKS, *MEMORY, *RANKS], ids=lambda bad: bad.name)
def test_it_is_refused(bad, place, capsys):
    if bad.name == 'no GPU' and torch.cuda.is_available():
        pytest.skip('there is a GPU')
    refuses(bad, place, capsys)


@pytest.mark.parametrize('bad', PROCESSES, ids=lambda bad: bad.name)
def test_a_loader_that_fails_is_told(bad, place):
    """In a child, since what torch leaves of a loader that failed shows in other tests."""
    refuses_in_a_child(bad, place, lambda: None)


def test_a_port_in_use_is_told(place, capsys):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        launched = variables(RANK='0', WORLD_SIZE='1', LOCAL_RANK='0', MASTER_PORT=port)
        says = ['the port where processes meet is taken', 'MASTER_PORT']
        refuses(Bad('a port in use', launched, says), place, capsys)


def small_files():
    """From here on the kernel refuses what a file has beyond 6000 bytes, as it does on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))


WRITERS = {
    'weights.pth': lambda path: write_checkpoint({'state_dict': {'w': torch.ones(10_000)}}, path),
    'figures.json': lambda path: write_json(path, {'figures': list(range(10_000))}),
}


@pytest.mark.parametrize('name', WRITERS)
def test_what_the_kernel_cuts_short_replaces_nothing(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(b'good')

    def status():
        try:
            guarded(lambda: WRITERS[name](path))
        except SystemExit as end:
            os.write(2, str(end.code).encode())
            return 1 if str(end.code).startswith(f'error: {path}: File too large; free some space') else 2
        return 0

    assert in_a_child(status, small_files)[0] == 1
    assert path.read_bytes() == b'good'
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


CUT = [
    Bad('a second test', command(*TEST), ['File too large; free some space']),
    Bad('a report', command('report', '{run}', '--out', 'report.html'), ['report.html: File too large; free some']),
]  # fmt: skip


@pytest.mark.parametrize('bad', CUT, ids=lambda bad: bad.name)
def test_a_tool_that_the_kernel_cuts_short_replaces_nothing(bad, place):
    (place.root / 'report.html').write_text('good')
    run_tool(['test', place.pair, place.student])
    refuses_in_a_child(bad, place, small_files)


def test_a_disk_that_is_full_at_the_results_of_a_second_test(place, capsys):
    run_tool(['test', place.pair, place.student])
    full = failing(Path, 'write_text', FULL, TEST, 'results.json')
    refuses(Bad('results', full, ['results.json: No space left on device; free some space']), place, capsys)


def test_a_clock_that_is_wrong_changes_nothing(place, monkeypatch):
    """A machine that starts in 1970, with files from the future, scores as any other."""
    assert run_tool(['test', place.pair, place.student, '--work-dir', 'before']) == 0
    os.utime(place.student, (2**33, 2**33))
    monkeypatch.setattr(time, 'time', lambda: 0.0)
    assert run_tool(['test', place.pair, place.student, '--work-dir', 'new']) == 0
    before, after = (json.loads(Path(f'{name}/results.json').read_text())['student'] for name in ('before', 'new'))
    assert after['metrics'] == before['metrics']
