"""Features of several models in one plane, the paper's Fig. 6."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.manifold import TSNE
from torch import Tensor

from fdkd.errors import FdkdError


@dataclass(frozen=True)
class Embedding:
    """Points of the plane; row ``i`` of every model is of the same sample.

    Attributes:
        points: For each model ``[M, 2]``.
        labels: Class of each sample, ``[M]``.
    """

    points: dict[str, np.ndarray]
    labels: np.ndarray


def embed(
    features: Mapping[str, Tensor], labels: Tensor, classes: Sequence[int], perplexity: float = 30.0, seed: int = 0
) -> Embedding:
    """Maps the features of some classes, of all models together, to the plane by t-SNE.

    The features stay as they are: models of another scale or mean lie apart, which is a part of what is shown.

    Args:
        features: For each model ``[N, D]`` of the same N samples and the same D.
        labels: Class of each sample, ``[N]``.
        classes: The classes to show.
        perplexity: About how many neighbours count; less where there are fewer than three times as many points.
        seed: Of t-SNE; its start are the principal components.

    Raises:
        FdkdError: If the shapes do not match, or fewer than four points are of these classes.
    """
    shapes = {name: tuple(x.shape) for name, x in features.items()}
    if len({*shapes.values()}) != 1 or any(len(shape) != 2 or shape[0] != len(labels) for shape in shapes.values()):
        raise FdkdError(f'features of the shapes {shapes} and {len(labels)} labels; expected [N, D] of each, N labels')
    shown = torch.isin(labels, torch.tensor(list(classes), dtype=labels.dtype))
    points = np.concatenate([x[shown].double().numpy(force=True) for x in features.values()])
    if len(points) < 4:
        raise FdkdError(f'{len(points)} points of the classes {list(classes)}; t-SNE needs at least 4')
    bounded = min(perplexity, (len(points) - 1) / 3)
    plane = TSNE(perplexity=bounded, init='pca', random_state=seed).fit_transform(points)
    parts = np.split(plane, len(features))
    return Embedding(dict(zip(features, parts, strict=True)), labels[shown].numpy(force=True))
