"""A student that can be asked, whether it is a trained model or comes from an exported file."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from fdkd.algorithms import Algorithm
from fdkd.datasets.collate import collate_pairs
from fdkd.errors import ConfigError
from fdkd.export.graph import raw_inputs
from fdkd.export.reading import Exported
from fdkd.inference.results import label_map
from fdkd.models.preprocessor import Tokens

#: A label map with, if asked for, scores; or the scores of classes.
Answer = Any


class Student(Protocol):
    """What both kinds can do.

    Attributes:
        pads: Whether inputs of different lengths make a batch.
    """

    pads: bool

    def ask(self, samples: Sequence[dict[str, Any]], scores: bool) -> list[Answer]:
        """Answers for packed samples: of segmentation a label map ``[H, W]`` in the sample's own size and, with
        ``scores``, ``[K, H, W]``; of classification ``[K]``."""


class TrainedStudent:
    """A trained model.

    Args:
        algorithm: The student alone, on its device.
    """

    def __init__(self, algorithm: Algorithm) -> None:
        self._algorithm = algorithm.eval()
        self.pads = isinstance(algorithm.data_preprocessor.normalizers[algorithm.modality], Tokens)

    @torch.no_grad()
    def ask(self, samples: Sequence[dict[str, Any]], scores: bool) -> list[Answer]:
        """See :class:`Student`."""
        sizes = []
        for sample in (sample['data_samples'] for sample in samples):
            sizes.append(sample.metainfo.get('ori_shape'))
            if sizes[-1]:  # resized here, class by class, and not by the model, all at once
                sample.set_metainfo({'ori_shape': sample.img_shape})
        found = self._algorithm.test_step(collate_pairs(samples))
        if sizes[0] is None:
            return [sample.pred_scores.cpu().numpy() for sample in found]
        corners = getattr(self._algorithm.student, 'align_corners', False)
        return _dense([sample.seg_logits.data for sample in found], sizes, corners, scores)


class ExportedStudent:
    """A student from a file, on the CPU.

    Args:
        exported: The file's content.
    """

    def __init__(self, exported: Exported) -> None:
        self._exported = exported
        self.pads = any(entry['name'] == 'attention_mask' for entry in exported.meta['inputs'])

    def ask(self, samples: Sequence[dict[str, Any]], scores: bool) -> list[Answer]:
        """See :class:`Student`."""
        meta = self._exported.meta
        modality, normalizer = meta['modality'], Tokens() if self.pads else nn.Identity()
        inputs = raw_inputs([sample['inputs'][modality] for sample in samples], modality, normalizer)
        logits = torch.from_numpy(self._exported.run({name: x.numpy() for name, x in inputs.items()}))
        if meta['task'] == 'classification':
            return list(logits.softmax(1).numpy())
        sizes = [sample['data_samples'].ori_shape for sample in samples]
        return _dense(logits, sizes, meta['align_corners'], scores)


def _dense(
    logits: Sequence[Tensor], sizes: Sequence[tuple[int, int]], align_corners: bool, scores: bool
) -> list[Answer]:
    if len(logits[0]) < 2:
        raise ConfigError('a segmentation head with one output channel: inference knows those with one for each class')
    return [label_map(x, size, align_corners, scores) for x, size in zip(logits, sizes, strict=True)]
