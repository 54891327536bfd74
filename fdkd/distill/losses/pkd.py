"""PKD (Cao et al., NeurIPS 2022, arXiv 2207.02039): features imitated up to the scale and offset of each channel."""

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from fdkd.distill.losses.checks import at_least_float32, same_shape
from fdkd.errors import LossError
from fdkd.registry import DISTILL_LOSSES

#: What the public code adds to a standard deviation.
_EPS = 1e-6


def pkd_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Half the mean squared error of standardised channels, which is one minus their mean Pearson correlation.

    .. math:: \frac1{2CM} \sum_{c,m} \big(\hat x^a_{cm} - \hat x^b_{cm}\big)^2 = \frac1C \sum_c (1 - r_c), \qquad
        \hat x_{cm} = \frac{x_{cm} - \mu_c}{\sqrt{\sigma_c^2 + \epsilon^2}}

    with :math:`\mu_c, \sigma_c` the mean and the standard deviation of channel :math:`c` over the :math:`M` samples and
    positions of the batch, and :math:`\epsilon = 10^{-6}`.

    A channel that is constant over the batch standardises to 0, so that it costs 1/2 against one that varies (with a
    gradient as steep as :math:`1/\epsilon`, as in the public code) and nothing against another constant one; a batch of
    one vector therefore costs 0.

    Deviations from the public code, which divides by the unbiased standard deviation plus :math:`\epsilon`: we divide
    by the biased one, so that the two sides of the equation agree and a single value has a deviation (0, not NaN); our
    loss is M / (M - 1) times theirs. And :math:`\epsilon` joins the variance. That code also resizes the student's
    map where sizes differ; here the connector ``Resize`` does. The weight of the method in its configs for detectors (6
    with two stages, 10 with one) is the loss's ``weight``.

    Args:
        student: Feature ``[N, D]``, ``[N, T, D]`` or ``[N, C, H, W]``.
        teacher: Feature of the same shape.

    Returns:
        A scalar from 0 (every channel perfectly correlated) to 2, in at least float32.

    Raises:
        ValueError: If the shapes differ or are none of these.

    Example:
        >>> student = torch.tensor([[1.0, 5.0], [2.0, 7.0]])
        >>> pkd_loss(student, torch.tensor([[10.0, 1.0], [30.0, -1.0]])).item()  # correlations 1 and -1
        1.0
    """
    same_shape(student, teacher)
    if student.ndim not in (2, 3, 4):
        raise LossError(
            f'student feature {tuple(student.shape)} and teacher feature {tuple(teacher.shape)}: '
            'expected [N, D], [N, T, D] or [N, C, H, W]'
        )
    student, teacher = at_least_float32(student, teacher)
    return mse_loss(_standardise(student), _standardise(teacher)) / 2


def _standardise(x: Tensor) -> Tensor:
    """Each channel with mean 0 and deviation 1.

    Batch normalisation without parameters or running averages is the same map, and takes less than half the time of a
    mean, a deviation and a quotient, forward and backward. The function of ``torch.nn.functional`` refuses a single
    value. Since it computes ``x / deviation - mean / deviation``, which loses the digits of a channel that hardly
    varies, the first value of each channel is subtracted before: constant channels are then 0 exactly.
    """
    if x.ndim == 3:
        x = x.flatten(0, 1)
    first = x[:1] if x.ndim == 2 else x[:1, :, :1, :1]
    return torch.batch_norm(
        x - first.detach(),  # the result does not depend on the offset: neither does the gradient
        weight=None,
        bias=None,
        running_mean=None,
        running_var=None,
        training=True,
        momentum=0.0,
        eps=_EPS**2,
        cudnn_enabled=torch.backends.cudnn.enabled,
    )


@DISTILL_LOSSES.register_module()
class PKDLoss(nn.Module):
    """:func:`pkd_loss` as a configurable loss on the ``feat`` tap; it needs no labels."""

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> Tensor:
        return pkd_loss(student, teacher)
