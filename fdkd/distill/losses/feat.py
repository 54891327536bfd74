"""Feature imitation (Romero et al., ICLR 2015, arXiv 1412.6550): the mean squared error of raw features."""

from torch import Tensor, nn
from torch.nn.functional import mse_loss

from fdkd.distill.losses.checks import at_least_float32, same_shape
from fdkd.registry import DISTILL_LOSSES


def feature_mse_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Mean of the squared differences, ``Feat`` in the tables of FD-CMKD.

    .. math:: \frac1{ND} \lVert x^a - x^b \rVert_2^2

    (Romero et al. write half the squared norm without the average; the factor is the loss's weight.)

    Args:
        student: Feature of any shape.
        teacher: Feature of the same shape.

    Returns:
        A scalar of 0 or more, in at least float32.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> import torch
        >>> feature_mse_loss(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 1.0]])).item()
        2.5
    """
    same_shape(student, teacher)
    student, teacher = at_least_float32(student, teacher)
    return mse_loss(student, teacher)  # one pass each way, and nothing kept for backward but the features


@DISTILL_LOSSES.register_module()
class FeatureMSELoss(nn.Module):
    """:func:`feature_mse_loss` as a configurable loss on the ``feat`` tap; it needs no labels."""

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> Tensor:
        return feature_mse_loss(student, teacher)
