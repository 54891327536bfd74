"""Processes that load data, and the signals that are meant for the job."""

import os
import signal
import threading
from collections.abc import Callable
from functools import partial

from torch.utils.data import DataLoader


def shield(loader: DataLoader) -> None:
    """Lets the workers that ``loader`` starts from now on outlive a SIGTERM or SIGINT sent to the whole job.

    A scheduler, and a terminal at Ctrl-C, signals every process of a job; the step in progress still needs its batch.
    Workers end when their loader or its process does, or when that process terminates them. macOS and Windows cannot
    tell who sends a SIGTERM: there it ends them.
    """
    loader.worker_init_fn = partial(_start, loader.worker_init_fn)


def _start(then: Callable[[int], None] | None, worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, 'sigwaitinfo'):  # not on macOS, where a terminal signals a job, but no scheduler
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_obey, args=(os.getppid(),), daemon=True).start()
    if then is not None:
        then(worker)


def _obey(parent: int) -> None:
    """Ends this process at a SIGTERM of ``parent``, as torch's own handler does, and at no other's."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
