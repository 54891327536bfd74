"""Locks between processes, which end with the process that holds them."""

import errno
import fcntl
from pathlib import Path
from typing import IO

#: What file systems without locks answer.
_WITHOUT = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def try_lock(path: Path) -> IO[str] | None:
    """Locks ``path``, a file that is made where absent, for as long as what is returned stays open.

    On a file system without locks it succeeds, and keeps nobody out.

    Returns:
        The open file, or ``None`` where another process, or another open file of this one, holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.open('w')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    except OSError as error:
        if error.errno not in _WITHOUT:
            lock.close()
            raise
    return lock
