"""Whether a run's teacher can be spared most of its work."""

from typing import Any

from mmengine.config import Config

from fdkd.algorithms.distiller import CrossModalDistiller
from fdkd.algorithms.teacher import comes_with_data
from fdkd.datasets.steps import concerns, is_random
from fdkd.registry import ALGORITHMS, TRANSFORMS


def has_fixed_view(cfg: Config) -> bool:
    """Whether a frozen teacher sees every training sample the same in each epoch, so that ``--cache-teacher`` serves.

    What :class:`~fdkd.engine.teacher_cache.TeacherCacheHook` asks a data set is asked of its config here: before a run
    starts, its samples are not looked up. Of several teachers nothing is kept, nor of one that is read from files.
    """
    if not issubclass(ALGORITHMS.get(cfg.model.type), CrossModalDistiller):
        return False
    if 'teacher' not in cfg.model or comes_with_data(cfg.model.teacher):
        return False
    dataset, modality = cfg.train_dataloader.dataset, cfg.model.teacher.modality
    steps: list[Any] = [TRANSFORMS.build(step) for step in dataset.pipeline if step.get('modality') in (None, modality)]
    return modality in (dataset.get('views') or ()) or not any(
        is_random(step) and concerns(step, modality) for step in steps
    )
