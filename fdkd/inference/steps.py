"""A student's own part of a pipeline: what its evaluation does to a file, without what belongs to labels."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.registry import init_default_scope

from fdkd.datasets.base import seeded
from fdkd.datasets.steps import DETERMINISTIC, step_name, uncached
from fdkd.engine.console import import_quietly
from fdkd.errors import ConfigError, ExportError
from fdkd.labels import UNLABELLED
from fdkd.registry import TRANSFORMS

#: Steps that only a sample with a label map needs.
_OF_LABELS = ('LoadLabelMap', 'LoadAnnotations')
#: Steps that read ``MODALITY_path``; all others read the entry of the modality's name.
_OF_PATHS = ('LoadRGB', 'LoadDepth')


class Steps:
    """The steps from a path, or a text, to a packed sample; the same numbers as the evaluation's pipeline gives.

    Args:
        configs: Configs of the steps, the packing one last.
        modality: What the student sees.
        leave_out: Names of steps that are not applied, such as ``'AddNoise'``.

    Attributes:
        loader: The step that reads the modality's files.
        kind: The name of its class.
        dense: Whether samples are packed for segmentation.

    Raises:
        ConfigError: If no step reads the modality, or there is none of a name in ``leave_out``.
    """

    def __init__(self, configs: Sequence[Mapping[str, Any]], modality: str, leave_out: Sequence[str] = ()) -> None:
        self.modality = modality
        transforms = [TRANSFORMS.build(dict(config)) for config in configs]
        names = [type(step).__name__ for step in transforms]
        if strange := sorted(set(leave_out) - set(names)):
            have = ', '.join(map(step_name, transforms))
            raise ConfigError(f'leave_out names {", ".join(strange)}, no step of this pipeline ({have})')
        self._transforms = [step for step, name in zip(transforms, names, strict=True) if name not in leave_out]
        own = [step for step in self._transforms if getattr(step, 'modality', None) == modality]
        if not own:
            raise ConfigError(f'the pipeline has no step that reads {modality}')
        self.loader, self.kind = own[0], type(own[0]).__name__
        self.dense = type(self._transforms[-1]).__name__ == 'PackSegmentation'

    @property
    def names(self) -> list[str]:
        """What is applied, in its order."""
        return [step_name(step) for step in self._transforms]

    def __call__(self, value: str, sample_id: str) -> dict[str, Any]:
        """The sample of a path or text.

        Args:
            value: What the first step reads.
            sample_id: What steps that depend on it take for the sample's id.

        Returns:
            ``inputs`` with the modality's tensor, and ``data_samples``.

        Raises:
            DataError: If a step cannot use it.
        """
        key = f'{self.modality}_path' if self.kind in _OF_PATHS else self.modality
        results = {'sample_id': sample_id, 'present': (self.modality,), 'gt_label': UNLABELLED, key: value}
        with seeded(0, 0, sample_id):  # as a data set draws that is asked for a bare index
            for step in self._transforms:
                results = step(results)
        return results


def steps_of_config(pipeline: Sequence[Mapping[str, Any]], modality: str, leave_out: Sequence[str] = ()) -> Steps:
    """The steps of an evaluation's pipeline that one modality passes; results of ``Cached`` are not looked at."""
    kept = []
    for config in uncached(pipeline):
        kind = TRANSFORMS.get(config['type'])
        of = config.get('modality', getattr(kind, 'modality', None))
        if of in (None, modality) and kind.__name__ not in _OF_LABELS:
            kept.append(config)
    return Steps(kept, modality, leave_out)


def steps_of_export(meta: Mapping[str, Any], path: Path, leave_out: Sequence[str] = (), unsafe: bool = False) -> Steps:
    """The steps that an exported student's metadata describe.

    Args:
        meta: The metadata.
        path: The file, for messages.
        leave_out: See :class:`Steps`.
        unsafe: Build whatever step is registered.

    Raises:
        ExportError: If a step is not known. MMEngine takes a name that it does not know for the path of any Python
            function, and a file is not to choose that.
    """
    import_quietly('mmseg.datasets')
    init_default_scope('fdkd')
    TRANSFORMS.import_from_location()
    modality, configs = meta['modality'], []
    for entry in meta['preprocessing']:
        config = {key: _as_tuple(value) for key, value in entry.items() if key != 'does'}
        scope, _, name = str(config['type']).rpartition('.')
        own = scope in ('', 'fdkd') and name in TRANSFORMS.module_dict and name != 'Cached'
        foreign = scope in ('', 'mmseg', 'mmcv') and name in DETERMINISTIC
        kind = TRANSFORMS.get(config['type']) if own or foreign or unsafe else None
        if kind is None:
            raise ExportError(
                f'{path}: its preprocessing names the step {config["type"]!r}, which is none of fdkd; import what '
                'registers it, or infer from config and checkpoint'
            )
        if 'modality' in inspect.signature(kind).parameters:
            config['modality'] = modality
        configs.append(config)
    pack = 'PackSegmentation' if meta['task'] == 'segmentation' else 'PackClassification'
    return Steps([*configs, {'type': pack}], modality, leave_out)


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
