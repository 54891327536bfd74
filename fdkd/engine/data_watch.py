"""What one should know about the data of a training while it runs."""

from typing import Any

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner

from fdkd.registry import HOOKS


@HOOKS.register_module()
class DataWatch(Hook):
    """Says the data sets' notices at the start, and after each epoch which gaps it had and how long training waited.

    Counted are samples without one of the algorithm's modalities (they add no distillation loss) and samples without a
    label (they add no task loss). The share of time spent waiting for data is that of this process; the first epoch's
    holds the start of the loader's workers.
    """

    def __init__(self) -> None:
        self._gaps: dict[str, int] = {}
        self._samples = self._iterations = 0

    def before_train(self, runner: Runner) -> None:
        loaders = [runner.train_dataloader, *([runner.val_loop.dataloader] if runner.val_loop else [])]
        for loader in loaders:
            for notice in getattr(loader.dataset, 'notices', ()):
                runner.logger.warning(notice)

    def before_train_epoch(self, runner: Runner) -> None:
        self._gaps = dict.fromkeys((*runner.algorithm.modalities, 'label'), 0)
        self._samples = self._iterations = 0

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict[str, Any], outputs: dict[str, Any] | None = None
    ) -> None:
        samples = data_batch['data_samples']
        for part in self._gaps:
            self._gaps[part] += sum(part not in sample.metainfo.get('present', (part,)) for sample in samples)
        self._samples += len(samples)
        self._iterations += 1

    def after_train_epoch(self, runner: Runner) -> None:
        ranks = all_gather_object((self._samples, self._gaps))
        epoch, samples = f'epoch {runner.epoch + 1}', sum(count for count, _ in ranks)
        for part in self._gaps:
            if lacking := sum(gaps[part] for _, gaps in ranks):
                runner.logger.info(f'{epoch}: {lacking} of {samples} samples had no {part}')
        if not self._iterations:  # resumed at the very end of the epoch
            return
        scalars = runner.message_hub.log_scalars
        waited, took = (sum(scalars[f'train/{key}'].data[0][-self._iterations :]) for key in ('data_time', 'time'))
        runner.logger.info(f'{epoch}: {100 * waited / took:.1f} % of the time was spent waiting for data')
