"""A batch of random values that has gone through a config's own pipeline, from where files would have been read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fdkd.check.arrays import SMALL
from fdkd.check.findings import CertainMistake
from fdkd.datasets.base import seeded
from fdkd.datasets.collate import collate_pairs
from fdkd.datasets.steps import uncached
from fdkd.datasets.transforms.stored import tap_shapes, total_size
from fdkd.errors import ConfigError
from fdkd.labels import VOID
from fdkd.registry import TRANSFORMS

#: Whose steps are known, to load or not.
_KNOWN = ('fdkd.', 'mmcv.', 'mmseg.')
#: Seconds and tokens in a quick check.
QUICK_SECONDS, QUICK_TOKENS = 0.5, 8


@dataclass
class Plan:
    """What the generated files look like.

    Attributes:
        modalities: What is loaded.
        classes: Number of classes.
        arrays: Shape of the arrays of each modality.
        quick: Half a second of sound and eight tokens at most.
    """

    modalities: Sequence[str]
    classes: int
    arrays: Mapping[str, Sequence[int]]
    quick: bool = False


def generated_batch(pipeline: Sequence[Mapping[str, Any]], plan: Plan, samples: int) -> dict[str, Any]:
    """A collated batch of ``samples`` that have every modality and a label.

    Random values take the place of the files that the loading steps read; every other step runs as in training, so the
    shapes are those that it makes. Pictures come at the size that the first step with a size asks for, arrays in the
    plan's shape, texts at their greatest length.

    Raises:
        ConfigError: If no step loads a modality, or a step fails; a :class:`~fdkd.check.findings.CertainMistake`, if
            it is one of a modality that has no arrays.
    """
    pipeline = uncached(pipeline)  # nothing of random values is to be kept
    steps = [step for step in pipeline if _modality(step) in (None, *plan.modalities)]
    refuse_unloaded(pipeline, plan.modalities)
    built = [(_LOADERS.get(_name(step)), None if _name(step) in _LOADERS else TRANSFORMS.build(step)) for step in steps]
    size = _size(steps)
    packed = []
    for number in range(samples):
        with seeded(0, 0, f'generated_{number}'):
            results = _listed(number, plan)
            for step, (load, transform) in zip(steps, built, strict=True):
                if load is not None:
                    load(results, step, size, plan)
                else:
                    results = _run(transform, results, step, plan)
        packed.append(results)
    return collate_pairs(packed)


def refuse_unloaded(pipeline: Sequence[Mapping[str, Any]], modalities: Sequence[str]) -> None:
    """Refuses modalities that no step loads.

    Raises:
        ConfigError: With what is loaded.
    """
    loaded = _loaded(uncached(pipeline))
    if lacking := [name for name in modalities if name not in loaded]:
        raise ConfigError(
            f'train_dataloader.dataset.pipeline: no step that can be generated for loads {", ".join(lacking)}; loaded '
            f'are {", ".join(sorted(loaded)) or "none"}'
        )


def shrink(pipeline: Sequence[dict[str, Any]], height: int, width: int) -> None:
    """Lets no step of a pipeline have a greater size than this; smaller ones stay, so that it never grows."""
    for step in (*pipeline, *(inner for outer in pipeline for inner in outer.get('transforms', ()))):
        for key in ('scale', 'size'):
            if key in step:
                own = _height_width(step[key], key)
                known = all(isinstance(length, int) for length in own)
                size = (min(height, own[0]), min(width, own[1])) if known else (height, width)
                step[key] = size[::-1] if key == 'scale' else size


def own_loaders(pipeline: Sequence[Mapping[str, Any]], modalities: Sequence[str]) -> list[str]:
    """The steps of a user's own that may load the modalities which no known step loads; none where all are loaded."""
    lacking = set(modalities) - _loaded(pipeline)
    own = [step for step in pipeline if not TRANSFORMS.get(step['type']).__module__.startswith(_KNOWN)]
    return [_name(step) for step in own if _modality(step) in lacking or (lacking and _modality(step) is None)]


def _loaded(pipeline: Sequence[Mapping[str, Any]]) -> set[str]:
    return {_modality(step) for step in pipeline if _name(step) in _LOADERS} - {None}


def _listed(number: int, plan: Plan) -> dict[str, Any]:
    """What a data set lists of a sample."""
    paths = {f'{kind}_path': 'generated' for kind in (*plan.modalities, 'label')}
    label = int(np.random.randint(plan.classes))
    return {
        'sample_id': f'generated_{number}', 'sample_idx': number, 'sample_view': 0, 'gt_label': label,
        'num_classes': plan.classes, 'present': (*plan.modalities, 'label'), **paths,
    }  # fmt: skip


def _run(transform: Callable, results: dict[str, Any], step: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    kind = ConfigError if _modality(step) in (None, *plan.arrays) else CertainMistake
    try:
        done = transform(results)
    except Exception as error:
        raise kind(f'the step {step["type"]} fails on generated values: {error}') from error
    if done is None:
        raise kind(f'the step {step["type"]} drops a generated sample')
    return done


def _name(step: Mapping[str, Any]) -> str:
    return str(step['type']).removeprefix('fdkd.')


def _modality(step: Mapping[str, Any]) -> str | None:
    return step.get('modality', getattr(TRANSFORMS.get(step['type']), 'modality', None))


def _size(steps: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Height and width of the first step that has a size: MMCV's ``scale`` (width, height), torchvision's ``size``."""
    for step in steps:
        for key in ('scale', 'size'):
            if key in step:
                return _height_width(step[key], key)
    return SMALL


def _height_width(given: Any, key: str) -> tuple[int, int]:
    pair = tuple(given) if isinstance(given, (list, tuple)) else (given,) * 2
    return (pair * 2)[:2][::-1] if key == 'scale' else (pair * 2)[:2]


def _rgb(results: dict, step: Mapping, size: tuple[int, int], plan: Plan) -> None:
    results['img'] = np.random.randint(256, size=(*size, 3), dtype=np.uint8)
    results['img_shape'] = results['ori_shape'] = size


def _depth(results: dict, step: Mapping, size: tuple[int, int], plan: Plan) -> None:
    results['depth'] = np.random.uniform(0.5, 10, size).astype(np.float32)
    results.setdefault('seg_fields', []).append('depth')
    if 'img' not in results:
        results['img'] = np.zeros(size, np.uint8)
        results['img_shape'] = results['ori_shape'] = size


def _label_map(results: dict, step: Mapping, size: tuple[int, int], plan: Plan) -> None:
    labels = np.random.randint(plan.classes, size=size).astype(np.uint8)
    labels[np.random.random(size) < 0.1] = VOID
    results['gt_seg_map'] = labels
    results.setdefault('seg_fields', []).append('gt_seg_map')


def _audio(results: dict, step: Mapping, size: tuple[int, int], plan: Plan) -> None:
    seconds = step.get('seconds') or 1.0
    seconds = min(seconds, QUICK_SECONDS) if plan.quick else seconds
    samples = round(seconds * step.get('rate', 16000))
    results[step['modality']] = np.random.uniform(-0.5, 0.5, samples).astype(np.float32)


def _frames(results: dict, step: Mapping, size: tuple[int, int], plan: Plan) -> None:
    results[step['modality']] = torch.randint(256, (step.get('frames', 1), 3, *size), dtype=torch.uint8)


def _array(results: dict, step: Mapping, size: tuple[int, int], plan: Plan) -> None:
    results[step['modality']] = torch.randn(*plan.arrays[step['modality']])


def _features(results: dict, step: Mapping, size: tuple[int, int], plan: Plan) -> None:
    results[step['modality']] = torch.randn(total_size(tap_shapes(step['taps'])))


def _tokens(results: dict, step: Mapping, size: tuple[int, int], plan: Plan) -> None:
    length = step.get('max_length', 128)
    results[step['modality']] = _ids(min(length, QUICK_TOKENS) if plan.quick else length)


def _ids(length: int) -> Tensor:
    return torch.randint(1, 20, (length,))


#: The steps that read files or need a vocabulary, and what takes their place.
_LOADERS: dict[str, Callable[[dict, Mapping, tuple[int, int], Plan], None]] = {
    'LoadRGB': _rgb, 'LoadDepth': _depth, 'LoadLabelMap': _label_map, 'LoadAudio': _audio, 'LoadFrames': _frames,
    'LoadArray': _array, 'LoadFeatures': _features, 'Tokenize': _tokens,
}  # fmt: skip
