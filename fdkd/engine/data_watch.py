"""What one should know about the data of a training while it runs."""

import time
from typing import Any

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner

from fdkd.registry import HOOKS


@HOOKS.register_module()
class DataWatch(Hook):
    """Says the data sets' notices at the start, and after each epoch which gaps it had and how long training waited.

    Counted are samples without one of the algorithm's modalities (they add no distillation loss) and samples without a
    label (they add no task loss). The share of time spent waiting for data is that of this process: what passes between
    the end of one iteration, logging included, and the start of the next. (MMEngine's ``data_time`` counts the logging
    and whatever else follows its timer as well.) The first epoch's holds the start of the loader's workers.
    """

    priority = 'LOWEST'  # the last of all hooks at the end of an iteration

    def __init__(self) -> None:
        self._gaps: dict[str, int] = {}
        self._samples = 0
        self._waited = self._start = self._last = 0.0

    def before_train(self, runner: Runner) -> None:
        loaders = [runner.train_dataloader, *([runner.val_loop.dataloader] if runner.val_loop else [])]
        for loader in loaders:
            for notice in getattr(loader.dataset, 'notices', ()):
                runner.logger.warning(notice)

    def before_train_epoch(self, runner: Runner) -> None:
        self._gaps = dict.fromkeys((*runner.algorithm.modalities, 'label'), 0)
        self._samples, self._waited = 0, 0.0
        self._start = self._last = time.perf_counter()

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict[str, Any] | None = None) -> None:
        self._waited += time.perf_counter() - self._last

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict[str, Any], outputs: dict[str, Any] | None = None
    ) -> None:
        samples = data_batch['data_samples']
        present = [sample.get('present', self._gaps) for sample in samples]
        for part in self._gaps:
            self._gaps[part] += sum(part not in parts for parts in present)
        self._samples += len(samples)
        self._last = time.perf_counter()

    def after_train_epoch(self, runner: Runner) -> None:
        ranks = all_gather_object((self._samples, self._gaps))
        epoch, samples = f'epoch {runner.epoch + 1}', sum(count for count, _ in ranks)
        for part in self._gaps:
            if lacking := sum(gaps[part] for _, gaps in ranks):
                runner.logger.info(f'{epoch}: {lacking} of {samples} samples had no {part}')
        if self._samples:  # none where training resumed at the very end of the epoch
            share = self._waited / (self._last - self._start)
            runner.logger.info(f'{epoch}: {100 * share:.1f} % of the time was spent waiting for data')
