"""What the machine refuses is told in one line; what is a mistake of the program keeps its traceback."""

import errno
import os

import pytest
import torch

from fdkd.apis.failures import in_one_line
from fdkd.errors import DataError


def system(number, *path):
    return OSError(number, os.strerror(number), *path)


def test_an_expected_failure_has_its_own_words():
    assert in_one_line(DataError('rgb/0001.jpg: unreadable')) == 'rgb/0001.jpg: unreadable'


def test_an_expected_failure_of_a_worker_loses_its_traceback():
    text = 'Caught DataError in worker 0.\nTraceback:\n  ...\nfdkd.errors.DataError: rgb/0001.jpg: unreadable\n'
    assert in_one_line(DataError(text)) == 'rgb/0001.jpg: unreadable'


@pytest.mark.parametrize(
    ('error', 'told'),
    [
        (system(errno.ENOSPC, 'a.pth'), 'a.pth: No space left on device; free some space'),
        (system(errno.ENOSPC), 'No space left on device; free some space'),
        (system(errno.EACCES, b'a'), 'a: Permission denied; choose a folder that may be written to'),
        (system(errno.EIO, 'a'), 'a: Input/output error'),
        (system(errno.ENOENT, 'a/x.json.host-12.partial'), 'a/x.json: No such file or directory; is its folder there?'),
        (system(errno.EISDIR, 'x.json.host-12.partial', None, 'x.json'), 'x.json: Is a directory'),
        (system(errno.EMFILE), 'Too many open files; raise the limit of open files'),
        (MemoryError(), 'this machine has too little memory: lower --batch-size'),
        (torch.OutOfMemoryError('CUDA out of memory'), 'the GPU has too little memory: lower --batch-size'),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), 'this machine has too little memory'),
        (RuntimeError('unable to mmap 4 bytes from file </torch_1>'), 'no shared memory is left'),
        (RuntimeError('DataLoader worker (pid 12) is killed by signal: Bus error. It is'), 'no shared memory is left'),
        (
            RuntimeError('DataLoader worker (pid(s) 12, 13) exited unexpectedly'),
            'DataLoader worker (pid(s) 12, 13) exited unexpectedly: a process that loads data died',
        ),
        (RuntimeError('The server socket has failed: EADDRINUSE'), 'the port where processes meet is taken'),
        (RuntimeError('[enforce fail] PytorchStreamWriter failed writing file'), 'a checkpoint could not be written'),
    ],
)
def test_what_the_machine_refuses_is_one_line(error, told):
    line = in_one_line(error)
    assert line.startswith(told)
    assert '\n' not in line


def test_a_file_that_memory_did_not_suffice_for_is_not_called_damaged():
    error, between = DataError('a.npy: unreadable'), ValueError('odd')
    error.__cause__, between.__cause__ = between, MemoryError()
    text = 'Caught DataError in worker 0.\nTraceback:\nnumpy._core._exceptions._ArrayMemoryError: 4 GiB\n'
    for one in (error, DataError(f'{text}\nfdkd.errors.DataError: a.npy: unreadable\n')):
        assert in_one_line(one).startswith('this machine has too little memory')
    assert in_one_line(DataError('MemoryError is what a.npy is called')).startswith('MemoryError is')


def test_the_signal_that_killed_a_worker_may_be_the_cause():
    error = RuntimeError('DataLoader worker (pid(s) 12) exited unexpectedly')
    error.__cause__ = RuntimeError('DataLoader worker (pid 12) is killed by signal: Bus error. It is possible that')
    assert in_one_line(error).startswith('no shared memory is left')


@pytest.mark.parametrize('error', [ValueError('x'), RuntimeError('mat1 and mat2'), KeyError('a'), OSError('odd')])
def test_a_programming_error_keeps_its_traceback(error):
    assert in_one_line(error) is None


def test_what_a_terminal_would_obey_is_escaped():
    assert '\x1b' not in in_one_line(system(errno.EACCES, 'a\x1b[2J'))
