"""Stopping at SIGTERM and SIGINT, so that a training that a scheduler takes off its machine loses nothing."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from fdkd.engine.agreement import Agreement
from fdkd.engine.workers import shield
from fdkd.registry import HOOKS

#: Exit status of a job that was stopped by a signal and can be continued: "try again later".
STOPPED = 75  # os.EX_TEMPFAIL, which Windows lacks
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(KeyboardInterrupt):
    """A signal has stopped the job; nothing is lost.

    Like the ``KeyboardInterrupt`` that it is, it passes by whatever catches an ``Exception``.

    Args:
        message: What has happened, for the user.
        together: Whether every rank stops here, so that they can take leave of each other.
    """

    def __init__(self, message: str, together: bool = False) -> None:
        super().__init__(message)
        self.together = together


@dataclass
class _Watch:
    """What has come, and what is to be done about it.

    Attributes:
        process: The process that watches; those forked from it inherit its handlers.
        received: The first signal that came.
        deferred: Whether :class:`StopOnSignal` looks for it; elsewhere a signal stops at once.
        former: The handlers that were there before.
    """

    process: int
    received: signal.Signals | None = None
    deferred: bool = False
    former: dict[signal.Signals, Any] = field(default_factory=dict)


_watch: _Watch | None = None


@contextmanager
def stoppable() -> Iterator[None]:
    """Within it, SIGTERM and SIGINT stop the job by :class:`Interrupted`: a training after its step, with
    :class:`StopOnSignal`, anything else at once.

    After the first signal a second SIGINT kills the process, whatever it does. Within another ``stoppable``, and in
    another thread than the main one, it does nothing; a signal that was ignored before, as by ``nohup`` or for a
    shell's background jobs, stays so.
    """
    global _watch
    if _watch is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    _watch = watch = _Watch(os.getpid())
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            watch.former[number] = signal.signal(number, _on_signal)
    try:
        yield
    except Exception as error:
        if watch.received and not watch.deferred:  # such as a loader whose workers the same signal has killed
            raise _stopped_at_once(watch.received) from error
        raise
    finally:
        _watch = None
        for number, handler in watch.former.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _on_signal(number: int, _frame: Any) -> None:
    watch = _watch
    if watch is None or os.getpid() != watch.process:  # a forked process, where it is as if there were no handler
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        signal.raise_signal(number)
        return
    if watch.received:
        return
    watch.received = signal.Signals(number)
    if signal.SIGINT in watch.former:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if not watch.deferred:
        raise _stopped_at_once(watch.received)
    if is_main_process():
        with suppress(OSError):  # a terminal that is gone must not break the step
            os.write(2, f'{watch.received.name}: stopping after this step; Ctrl-C stops at once\n'.encode())


def _stopped_at_once(received: signal.Signals) -> Interrupted:
    return Interrupted(f'stopped by {received.name}; what was saved is intact; continue with --resume')


@HOOKS.register_module()
class StopOnSignal(Hook):
    """Ends a training by :class:`Interrupted` when :func:`stoppable` has seen a signal, with everything saved.

    That is after the step in which the signal came, all hooks included, or with accumulated gradients after the one
    that completes them, in ``iter_N.pth``. Of several ranks all stop after the same step, which may be one later:
    signals do not reach them at one time, nor always all of them. A validation is broken off where a checkpoint was
    written, or resumed, just before it. A save in progress is finished. Data loaders' workers are shielded from
    signals.

    Outside :func:`stoppable` it does nothing. Custom hooks of priority ``LOWEST`` come after it.
    """

    priority = 'LOWEST'
    _watch: _Watch | None = None  # as where a runner validates without training
    _saved = False

    def before_train(self, runner: Runner) -> None:
        """From here on signals wait for :meth:`after_train_iter`."""
        self._watch = _watch
        if self._watch is None:
            return
        for loop in (runner.train_loop, runner.val_loop):
            if loop is not None:
                shield(loop.dataloader)
        self._agreement = Agreement()
        self._saved = runner.resumed_from is not None  # until the first step, if only a validation was left to do
        self._watch.deferred = True

    def before_saving(self, runner: Runner) -> None:
        self._saved = True

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self._saved = False

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Stops where a signal has come to any rank."""
        if self._watch is not None and (number := self._ask()) and runner.optim_wrapper.should_update():
            iteration = runner.iter + 1
            self._agreement.finish()
            if not self._saved:
                runner.save_checkpoint(runner.work_dir, f'iter_{iteration}.pth', by_epoch=False)
            self._agreement.meet()  # rank 0 alone writes, and the others must not leave before
            self._stop(number, runner, iteration)

    def before_val_epoch(self, runner: Runner) -> None:
        if self._watch is not None:
            self._batches = self._agreement.least(len(runner.val_loop.dataloader))

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Stops a validation before which everything was saved."""
        if self._watch is not None and batch_idx < self._batches and (number := self._ask()) and self._saved:
            self._agreement.finish()
            self._stop(number, runner, runner.iter)

    def after_train(self, runner: Runner) -> None:
        """Stops before the report, and lets signals stop at once again."""
        if self._watch is None:
            return
        self._watch.deferred = False
        if number := max(self._ask(), self._agreement.finish()):
            self._stop(number, runner, runner.iter)

    def _ask(self) -> int:
        """The signal that has come to any rank, 0 where none has; of other ranks what came before the last call."""
        return self._agreement.ask(self._watch.received or 0)

    def _stop(self, number: int, runner: Runner, iteration: int) -> None:
        raise Interrupted(
            f'stopped by {signal.Signals(number).name} at iteration {iteration} of {runner.max_iters}; '
            f'everything is saved in {runner.work_dir}; continue with --resume',
            together=True,
        )
