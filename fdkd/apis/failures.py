"""What the machine refuses, in one line: full disks, forbidden folders, lack of memory, dead processes, taken ports."""

import errno
import re

import torch

from fdkd.errors import FdkdError
from fdkd.printable import printable

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_HINTS = {
    **dict.fromkeys(_FULL, 'free some space, or choose a folder on another disk'),
    **dict.fromkeys(_FORBIDDEN, 'choose a folder that may be written to'),
    errno.ENOTDIR: 'a part of this path is a file',
    errno.EISDIR: 'expected the name of a file',
    errno.EEXIST: 'expected a folder, or a name that is free',
    errno.ENOENT: 'is its folder there?',
    errno.EAGAIN: 'no more processes can be started: take fewer --workers',
    errno.EMFILE: 'raise the limit of open files (ulimit -n), or take fewer --workers',
    errno.ENOMEM: 'lower --batch-size or --workers',
}
_MEMORY = 'lower --batch-size (with --accumulate the step stays what it is) or --workers'
_PARTIAL = re.compile(r'(\.[\w-]+-\d+)?\.partial$')
_CAUGHT = re.compile(r'\ACaught .*^([\w.]+\.)?_?(Array)?MemoryError\b', re.DOTALL | re.MULTILINE)
_WORKER = re.compile(r'DataLoader worker \(pid\(?s?\)?:? ?[\d, ]*\)[^\n]*')


def in_one_line(error: BaseException) -> str | None:
    """What to tell a user of ``error`` in place of its traceback; ``None`` for what only a traceback explains."""
    if isinstance(error, FdkdError):
        return f'this machine has too little memory: {_MEMORY}' if _lacks_memory(error) else _own_words(error)
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, torch.OutOfMemoryError):
        return f'the GPU has too little memory: {_MEMORY}, or try --amp'
    if isinstance(error, MemoryError):
        return f'this machine has too little memory: {_MEMORY}'
    if isinstance(error, RuntimeError):
        return _of_torch(f'{error.__cause__ or ""} {error}')  # the cause may name the signal that killed a process
    return None


def _lacks_memory(error: BaseException) -> bool:
    """Whether a file, say, could not be read for lack of memory; what a data loader's process raised is text."""
    if _CAUGHT.search(str(error)):
        return True
    cause = error.__cause__
    return cause is not None and (isinstance(cause, MemoryError) or _lacks_memory(cause))


def _own_words(error: FdkdError) -> str:
    """The message itself; an error from a data loader's process comes wrapped in that process's traceback."""
    return printable(str(error).rpartition(f'{type(error).__name__}: ')[2].strip())


def _of_system(error: OSError) -> str | None:
    if error.filename is None and error.errno not in _HINTS:
        return None
    words = error.strerror or str(error)
    filename = error.filename if error.filename2 is None else error.filename2  # where it was to be renamed to
    place = '' if filename is None else f'{_named(filename)}: '
    hint = _HINTS.get(error.errno)
    return f'{place}{words}' + (f'; {hint}' if hint else '')


def _named(filename: object) -> str:
    """A path as the user knows it: a file that is written beside its place is called after that."""
    text = filename.decode(errors='replace') if isinstance(filename, bytes) else str(filename)
    return printable(_PARTIAL.sub('', text))


def _of_torch(text: str) -> str | None:
    if "can't allocate memory" in text:
        return f'this machine has too little memory: {_MEMORY}'
    if 'unable to mmap' in text or 'unable to open shared memory' in text or 'Bus error' in text:
        return (
            'no shared memory is left for batches from the processes that load data: mount a larger /dev/shm (docker '
            'run --shm-size=8g), take fewer --workers, or load in the main process with --workers 0'
        )
    if found := _WORKER.search(text):
        return (
            f'{found[0].rstrip(".")}: a process that loads data died, as they do where memory runs out or a decoder '
            'fails at a damaged file: take fewer --workers, or check the data with `fdkd check-data`'
        )
    if 'EADDRINUSE' in text or 'address already in use' in text.lower():
        return 'the port where processes meet is taken, by another job on this machine: set MASTER_PORT to another one'
    if 'PytorchStreamWriter' in text or 'unexpected pos' in text:
        return 'a checkpoint could not be written whole: is the disk full? What was saved before is intact'
    return None
