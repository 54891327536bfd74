"""Logit distillation (Hinton et al., NeurIPS workshop 2014, arXiv 1503.02531): match softened predictions."""

from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

from fdkd.distill.losses.logits import counted, mean_of_sums, prepare_logits
from fdkd.registry import DISTILL_LOSSES


def softened_kl(student: Tensor, teacher: Tensor, tau: float, dim: int = 1) -> Tensor:
    """KL divergence of the student's softened distribution from the teacher's, one value per distribution.

    Args:
        student: Logits of any shape, in at least float32.
        teacher: The same shape.
        tau: Temperature, above 0.
        dim: The dimension that the distributions lie along.

    Returns:
        The shape of ``student`` without ``dim``; 0 where the two agree. It holds no factor ``tau**2``.

    Example:
        >>> import torch
        >>> softened_kl(torch.zeros(1, 2), torch.tensor([[0.0, 2.0]]).log1p(), tau=1.0)
        tensor([0.1308])
    """
    return _divergence(student, teacher, tau, dim).sum(dim)


def _divergence(student: Tensor, teacher: Tensor, tau: float, dim: int) -> Tensor:
    """What :func:`softened_kl` sums."""
    log_p = log_softmax(teacher / tau, dim)
    return kl_div(log_softmax(student / tau, dim), log_p, reduction='none', log_target=True)


def logit_kd_loss(student: Tensor, teacher: Tensor, target: Tensor | None = None, tau: float = 4.0) -> Tensor:
    r"""Divergence of the softened predictions, ``Logit`` in the tables of FD-CMKD.

    .. math::
        \frac{\tau^2}{M} \sum_i \mathrm{KL}\big(\mathrm{softmax}(t_i / \tau) \,\Vert\, \mathrm{softmax}(s_i / \tau)\big)

    over the M positions that count: all samples of ``[N, K]``, labelled or not, and all pixels of ``[N, K, H, W]`` that
    are not void.

    Hinton et al. name no temperature for all tasks (20 on MNIST, 2.5 to 4 for its narrowest students, 2 on speech), and
    FD-CMKD names none at all; 4 is what the public benchmarks of the methods compared here use (RepDistiller,
    mdistiller). The factor :math:`\tau^2` is theirs and keeps the size of the gradient when tau changes. They write the
    cross-entropy of soft targets; the divergence is smaller by the teacher's entropy and has the same gradient. Their
    cross-entropy of the labels is the student's own task loss.

    Public code for dense prediction averages over void pixels too, and some of it over classes, which makes the loss K
    times smaller; here it is the mean over the pixels that count.

    Args:
        student: Logits ``[N, K]`` or ``[N, K, H, W]``, K >= 2.
        teacher: The same shape.
        target: Labels ``[N]`` or ``[N, H, W]``, for void pixels alone (255); ``None`` counts every position.
        tau: Temperature, above 0.

    Returns:
        A scalar of 0 or more, in at least float32; 0 where no position counts.

    Raises:
        ValueError: If the shapes differ, are none of logits, or have a single class.

    Example:
        >>> import torch
        >>> student, teacher = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])
        >>> logit_kd_loss(student, teacher, tau=1.0)
        tensor(0.4621)
    """
    student, teacher = prepare_logits(student, teacher, target)
    return mean_of_sums(_divergence(student, teacher, tau, 1), counted(student, target), tau**2)


@DISTILL_LOSSES.register_module()
class LogitKDLoss(nn.Module):
    """:func:`logit_kd_loss` as a configurable loss on the ``logits`` tap.

    Args:
        tau: See :func:`logit_kd_loss`.
    """

    def __init__(self, tau: float = 4.0) -> None:
        super().__init__()
        self.tau = tau

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> Tensor:
        return logit_kd_loss(student, teacher, target, tau=self.tau)
