"""From a pipeline's dictionary to what a model takes."""

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from fdkd.datasets.class_sample import ClassSample
from fdkd.errors import ConfigError
from fdkd.registry import TRANSFORMS


def _metainfo(results: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """What a sample tells of itself; the data set says its place (``index``) and the number of its ``view``."""
    named = {'index': 'sample_idx', 'view': 'sample_view', **dict(zip(names, names, strict=True))}
    return {name: results[key] for name, key in named.items() if key in results}


@TRANSFORMS.register_module()
class PackSegmentation(BaseTransform):
    """Packs a sample as ``inputs`` (one tensor per modality) and ``data_samples`` (its label map and metadata).

    ``inputs['rgb']`` is uint8 ``[3, H, W]`` in RGB order, ``inputs['depth']`` float32 ``[1, H, W]`` in metres, each
    where the sample has it. The ``SegDataSample`` holds ``gt_sem_seg`` (int64 ``[1, H, W]``, 255 ignored) and, as
    metadata, ``sample_id``, which modalities are ``present``, ``ori_shape``, ``img_shape`` and whether it was flipped,
    and the data set's ``index`` and ``view`` (see :class:`~fdkd.datasets.base.MultimodalDataset`).
    """

    random = False
    META_KEYS = ('sample_id', 'present', 'ori_shape', 'img_shape', 'flip', 'flip_direction')

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        inputs = {}
        if 'rgb_path' in results:
            inputs['rgb'] = torch.from_numpy(np.ascontiguousarray(results['img'][..., ::-1].transpose(2, 0, 1)))
        if 'depth' in results:
            inputs['depth'] = torch.from_numpy(np.ascontiguousarray(results['depth']))[None]
        sample = SegDataSample(metainfo=_metainfo(results, self.META_KEYS))
        if 'gt_seg_map' in results:
            sample.gt_sem_seg = PixelData(data=torch.from_numpy(results['gt_seg_map'].astype(np.int64))[None])
        return {'inputs': inputs, 'data_samples': sample}


@TRANSFORMS.register_module()
class PackClassification(BaseTransform):
    """Packs a sample as ``inputs`` (one tensor per modality that it has) and ``data_samples`` (its label and metadata).

    The tensors are what the modalities' transforms made. The :class:`~fdkd.datasets.class_sample.ClassSample` holds
    ``gt_label`` (int64 scalar) and, as metadata, ``sample_id``, ``present`` and the data set's ``index`` and ``view``
    (see :class:`~fdkd.datasets.base.MultimodalDataset`).

    Raises:
        ConfigError: If a modality is still a path or a text, since no step of the pipeline reads it.
    """

    random = False

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        present = results['present']
        inputs = {name: self._tensor(name, results[name]) for name in present if name != 'label'}
        sample = ClassSample(metainfo=_metainfo(results, ('sample_id', 'present')))
        sample.gt_label = torch.tensor(results['gt_label'], dtype=torch.int64)
        return {'inputs': inputs, 'data_samples': sample}

    @staticmethod
    def _tensor(name: str, value: Any) -> torch.Tensor:
        if isinstance(value, str):
            raise ConfigError(
                f'PackClassification: {name} is still {value[:80]!r}; the pipeline needs a step that reads it, '
                f"for example dict(type='LoadAudio', modality={name!r})"
            )
        return value if isinstance(value, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(value))
