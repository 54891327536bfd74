"""Loss and gradient of MSE and logMSE over the difference of two features, the paper's Fig. 4."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fdkd.distill.losses.fdkd import symmetric_log


@dataclass(frozen=True)
class Curve:
    """A loss of one entry over the difference, float64 ``[points]`` each.

    Attributes:
        difference: The student's entry where the teacher's is 0.
        loss: The loss there.
        gradient: Its derivative.
    """

    difference: Tensor
    loss: Tensor
    gradient: Tensor


def loss_curves(extent: float = 5.0, points: int = 401) -> dict[str, Curve]:
    """The curves of ``'MSE'`` (Eq. 4) and ``'logMSE'`` (Eq. 5 and 6).

    logMSE is a function of both features, not of their difference; as in the figure, the teacher's is held at 0.

    Args:
        extent: The curves reach from minus this difference to this.
        points: Number of points, odd to have one at 0.
    """
    return {
        'MSE': _curve(torch.square, extent, points),
        'logMSE': _curve(lambda x: symmetric_log(x).square(), extent, points),
    }


def _curve(loss: Callable[[Tensor], Tensor], extent: float, points: int) -> Curve:
    x = torch.linspace(-extent, extent, points, dtype=torch.float64).requires_grad_()
    y = loss(x)
    return Curve(x.detach(), y.detach(), torch.autograd.grad(y.sum(), x)[0])
