"""What a student says of one input."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate


@dataclass(frozen=True)
class Segmentation:
    """A label map.

    Attributes:
        name: Of the input, different from that of every other input of the same call.
        source: Where it comes from: a path, or what kind of input it is.
        time: Seconds from the start of a video; ``None`` for a still.
        labels: uint8 ``[H, W]`` in the input's own size: indices of the student's ``classes``.
        scores: float32 ``[K, H, W]``, softmax over K; ``None`` unless asked for.
    """

    name: str
    source: str
    time: float | None
    labels: np.ndarray
    scores: np.ndarray | None = None


@dataclass(frozen=True)
class Classification:
    """A class.

    Attributes:
        name: As of :class:`Segmentation`.
        source: As of :class:`Segmentation`.
        time: As of :class:`Segmentation`.
        label: Name of the class with the highest score.
        scores: float32 ``[K]``, softmax over K.
    """

    name: str
    source: str
    time: float | None
    label: str
    scores: np.ndarray


def label_map(
    logits: Tensor, size: tuple[int, int], align_corners: bool, scores: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """The class of each pixel, from logits that are resized bilinearly first.

    Args:
        logits: ``[K, h, w]``.
        size: ``(H, W)``.
        align_corners: As of :func:`torch.nn.functional.interpolate`.
        scores: Whether to return the softmax too, which takes memory for all classes at once.

    Returns:
        uint8 ``[H, W]``, the lowest class where several are equal; and float32 ``[K, H, W]`` or ``None``.
    """
    if scores:
        whole = _resized(logits, size, align_corners)
        return whole.argmax(0).to(torch.uint8).cpu().numpy(), whole.softmax(0).cpu().numpy()
    highest = _resized(logits[:1], size, align_corners)[0]
    labels = torch.zeros(size, dtype=torch.uint8, device=logits.device)
    for number in range(1, len(logits)):  # one by one: those of all classes of a photograph take gigabytes
        value = _resized(logits[number : number + 1], size, align_corners)[0]
        labels.masked_fill_(value > highest, number)
        torch.maximum(highest, value, out=highest)
    return labels.cpu().numpy(), None


def _resized(logits: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    return interpolate(logits[None], size=tuple(size), mode='bilinear', align_corners=align_corners)[0]
