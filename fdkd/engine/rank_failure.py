"""Ranks that fail: the one that did says why and goes at once, and the others follow in one line."""

import contextlib
import os
import re
import sys
import time
import traceback
from typing import NoReturn

from mmengine.dist import get_rank
from torch.distributed.distributed_c10d import _get_default_store
from torch.distributed.elastic.multiprocessing.errors import get_error_handler

_FAILED = 'fdkd_failed'
#: What gloo, NCCL and the store say when the process at the other end has gone.
_GONE = re.compile(
    r'connection (was )?(closed|reset|refused|aborted)|broken pipe|remote process exited|communicator was aborted',
    re.IGNORECASE,
)


def fail(error: Exception) -> NoReturn:
    """Ends this rank with the traceback of ``error``, or with one line where it only says that another rank has gone.

    The traceback goes to torchrun as well, for the summary of its own.
    """
    if isinstance(error, RuntimeError) and _GONE.search(str(error)):
        time.sleep(1)  # so that a launcher finds the rank that went first before it finds this one
        message = f'error: another rank has gone, whose own message says why ({_first_line(error)})'
    else:
        message = traceback.format_exc().rstrip()
        get_error_handler().record_exception(error)
    leave_at_once(message, 1)


def leave_at_once(message: str, status: int, failed: bool = True) -> NoReturn:
    """Ends this rank without waiting for anyone: not for a rank that has gone, nor for a GPU that waits for it.

    Args:
        message: For the user, on stderr.
        status: Exit status.
        failed: Whether the others are told that this rank has failed, see :func:`another_failed`.
    """
    print(message, file=sys.stderr, flush=True)
    sys.stdout.flush()
    if failed:
        with contextlib.suppress(RuntimeError):  # the store may have gone with rank 0
            _get_default_store().set(_FAILED, str(get_rank()))
    os._exit(status)


def another_failed() -> bool:
    """Whether a rank has said that it failed: the signal that stops this one then came from the launcher."""
    try:
        return _get_default_store().check([_FAILED])
    except RuntimeError:  # gone with rank 0, which has ended in whatever way
        return True


def _first_line(error: Exception) -> str:
    return f'{type(error).__name__}: {str(error).strip().splitlines()[0]}'
