"""Mean and spread of features, the paper's Fig. 2: modalities whose features differ in scale are hard to compare."""

from dataclasses import dataclass

from torch import Tensor

from fdkd.errors import FdkdError


@dataclass(frozen=True)
class Scale:
    """Statistics of one model's features, float64; spreads are population standard deviations.

    Attributes:
        mean: Mean over all entries of all samples.
        std: Standard deviation of the same.
        feature_means: Mean of each feature over the samples, ``[D]``.
        feature_stds: Standard deviation of each feature over the samples, ``[D]``.
    """

    mean: float
    std: float
    feature_means: Tensor
    feature_stds: Tensor


def scale_of(features: Tensor) -> Scale:
    """Mean and standard deviation of features.

    Args:
        features: ``[N, D]``; or ``[N, C, H, W]``, whose positions count as samples of C features; or ``[N, T, D]``,
            whose steps do.

    Raises:
        FdkdError: If the features have another shape or there are none.

    Example:
        >>> import torch
        >>> scale = scale_of(torch.tensor([[1.0, 2.0], [3.0, 2.0]]))
        >>> scale.mean, scale.feature_means.tolist(), scale.feature_stds.tolist()
        (2.0, [2.0, 2.0], [1.0, 0.0])
    """
    if features.ndim not in (2, 3, 4) or not features.numel():
        raise FdkdError(f'features of the shape {tuple(features.shape)}; expected [N, D], [N, T, D] or [N, C, H, W]')
    rows = (features.movedim(1, -1) if features.ndim == 4 else features).flatten(0, -2).detach().double()
    return Scale(rows.mean().item(), rows.std(correction=0).item(), rows.mean(0), rows.std(0, correction=0))
