"""What one should know about the data of a training while it runs."""

import json
import time
from collections.abc import Mapping
from typing import Any

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner

from fdkd.errors import DataError
from fdkd.registry import HOOKS

#: The share of the training samples that may be unreadable where ``on_error='skip'``; one always may. More is no
#: accident but a copy that broke off, or the wrong folder, and changes what a method is compared on.
LIMIT = 0.01
#: How many of them an error lists; the log has all.
_SHOWN = 20
_KEY = 'skipped'  # of the message hub, whose plain values a checkpoint keeps


@HOOKS.register_module()
class DataWatch(Hook):
    """Says the data sets' notices at the start, and after each epoch which gaps it had and how long training waited.

    Counted are samples without one of the algorithm's modalities (they add no distillation loss) and samples without a
    label (they add no task loss). The share of time spent waiting for data is that of this process: what passes between
    the end of one iteration, logging included, and the start of the next. (MMEngine's ``data_time`` counts the logging
    and whatever else follows its timer as well.) The first epoch's holds the start of the loader's workers.

    Where the data set's ``on_error`` is ``'skip'``, the samples that could not be read are counted, each once however
    often it comes up, and each is a warning in the log. The count goes on where a run is resumed, and stays with it
    where it is resumed with another ``on_error``. The processes tell each other theirs before a checkpoint is saved and
    at the end of an epoch.

    Raises:
        DataError: If more than :data:`LIMIT` of the split's samples are unreadable: as soon as one process has met so
            many (the others then end with it), or on all when they agree.
    """

    priority = 'LOWEST'  # the last of all hooks at the end of an iteration

    def __init__(self) -> None:
        self._gaps: dict[str, int] = {}
        self._samples = 0
        self._skipped: dict[str, str] = {}
        self._waited = self._start = self._last = 0.0

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Forgets what an earlier run in this process has lost; the one that continues knows its own."""
        if runner._resume:
            runner.message_hub.pop_info(_KEY)

    def before_train(self, runner: Runner) -> None:
        loaders = [runner.train_dataloader, *([runner.val_loop.dataloader] if runner.val_loop else [])]
        notices = (notice for loader in loaders for notice in getattr(loader.dataset, 'notices', ()))
        for notice in dict.fromkeys(notices):
            runner.logger.info(notice)
        if not runner.iter:  # not resumed: the hub may be that of an earlier run in this process
            runner.message_hub.pop_info(_KEY)
        if _skips(runner):
            self._skipped = _known(runner)
            runner.message_hub.update_info(_KEY, json.dumps(self._skipped))

    def before_train_epoch(self, runner: Runner) -> None:
        self._gaps = dict.fromkeys((*runner.algorithm.modalities, 'label'), 0)
        self._samples, self._waited = 0, 0.0
        self._start = self._last = time.perf_counter()

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict[str, Any] | None = None) -> None:
        self._waited += time.perf_counter() - self._last
        for sample in data_batch['data_samples']:  # before the step, after which a checkpoint may be saved
            self._count(runner, sample.get('unreadable', {}))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict[str, Any], outputs: dict[str, Any] | None = None
    ) -> None:
        samples = data_batch['data_samples']
        present = [sample.get('present', self._gaps) for sample in samples]
        for part in self._gaps:
            self._gaps[part] += sum(part not in parts for parts in present)
        self._samples += len(samples)
        self._last = time.perf_counter()

    def before_saving(self, runner: Runner) -> None:
        self._agree(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        self._agree(runner)
        ranks = all_gather_object((self._samples, self._gaps))
        epoch, samples = f'epoch {runner.epoch + 1}', sum(count for count, _ in ranks)
        for part in self._gaps:
            if lacking := sum(gaps[part] for _, gaps in ranks):
                runner.logger.info(f'{epoch}: {lacking} of the {samples} samples read had no {part}')
        if self._samples:  # none where training resumed at the very end of the epoch
            share = self._waited / (self._last - self._start)
            runner.logger.info(f'{epoch}: {100 * share:.1f} % of the time was spent waiting for data')

    def _agree(self, runner: Runner) -> None:
        """Lets every process count what the others have met."""
        if _skips(runner):
            ranks = all_gather_object(self._skipped)
            self._count(runner, {sample_id: text for found in ranks for sample_id, text in found.items()})

    def _count(self, runner: Runner, unreadable: Mapping[str, str]) -> None:
        """Counts samples that nobody has met before, warns of each and stops if they are too many."""
        new = {sample_id: text for sample_id, text in unreadable.items() if sample_id not in self._skipped}
        if not new:
            return
        for sample_id, text in new.items():
            runner.logger.warning(f'training sample {sample_id} cannot be read: {text}')
        self._skipped |= new
        runner.message_hub.update_info(_KEY, json.dumps(self._skipped))
        count, total = len(self._skipped), len(runner.train_dataloader.dataset)
        if count > (allowed := allowed_of(total)):
            shown = sorted(self._skipped.items())[:_SHOWN]
            lines = ''.join(f'\n  {sample_id}: {text}' for sample_id, text in shown)
            rest = f'\n  and {count - len(shown)} more, see the log' if count > len(shown) else ''
            raise DataError(
                f"{count} of {total:,} training samples cannot be read; on_error='skip' puts up with {allowed} "
                f'({100 * LIMIT:g} %, or one). Repair or remove them; `fdkd check-data` finds all:{lines}{rest}'
            )


def allowed_of(total: int) -> int:
    """How many of so many training samples may be unreadable."""
    return max(int(LIMIT * total), 1)


def skipped(runner: Runner) -> dict[str, Any] | None:
    """What a training says of the samples that it could not read, also before it was resumed.

    ``None`` where it would have stopped at the first, and lost none while it would not.

    Returns:
        ``number``, ``of`` (how many samples the split has) and ``samples``: what was wrong with each, by id.
    """
    samples = _known(runner)
    if not samples and not _skips(runner):
        return None
    total = len(runner.train_dataloader.dataset)
    return {'number': len(samples), 'of': total, 'samples': dict(sorted(samples.items()))}


def _known(runner: Runner) -> dict[str, str]:
    return json.loads(runner.message_hub.get_info(_KEY, '{}'))


def _skips(runner: Runner) -> bool:
    return getattr(runner.train_dataloader.dataset, 'on_error', 'raise') == 'skip'
