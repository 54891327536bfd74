"""Non-target distillation: the second half of DKD (Zhao et al., CVPR 2022, arXiv 2203.08679) on its own."""

from torch import Tensor, nn

from fdkd.distill.losses.dkd import non_target_kl
from fdkd.distill.losses.logits import labelled, mean_over, prepare_logits
from fdkd.registry import DISTILL_LOSSES


def nkd_loss(student: Tensor, teacher: Tensor, target: Tensor | None = None, tau: float = 4.0) -> Tensor:
    r"""Divergence of the softened predictions among the classes other than the target.

    .. math:: \frac{\tau^2}{M} \sum_i \mathrm{KL}(\hat p^t_i \Vert \hat p^s_i), \qquad
        \hat p_k = \frac{p_k}{1 - p_y} \text{ for } k \ne y

    over the M positions that have a class y, with p the softmax of the logits over tau. It equals
    ``dkd_loss(..., alpha=0, beta=1)['loss_non_target']``, computed alone.

    We read ``NKD`` in the tables of FD-CMKD as this, which Zhao et al. name NCKD. It is not the NKD of Yang et al.
    (ICCV 2023, arXiv 2303.13005), which has a term for the target class as well. FD-CMKD names neither a temperature
    nor a weight; tau is that of Zhao et al. for CIFAR-100.

    Args:
        student: Logits ``[N, K]`` or ``[N, K, H, W]``, K >= 2. For K = 2 there is one other class and the loss is 0.
        teacher: The same shape.
        target: Labels ``[N]`` or ``[N, H, W]``, required; positions without a class (-1, 255) do not count.
        tau: Temperature, above 0.

    Returns:
        A scalar of 0 or more, in at least float32; 0 where no position has a class.

    Raises:
        ValueError: If the shapes differ, are none of logits, or have a single class, or there are no labels.

    Example:
        >>> import torch
        >>> student, teacher = torch.tensor([[9.0, 0.0, 0.0]]), torch.tensor([[-9.0, 1.0, 0.0]])
        >>> nkd_loss(student, teacher, torch.tensor([0]), tau=1.0)
        tensor(0.1109)
    """
    student, teacher = prepare_logits(student, teacher, target)
    has, classes = labelled(target)
    return mean_over(non_target_kl(student, teacher, classes, tau), has, tau**2)


@DISTILL_LOSSES.register_module()
class NKDLoss(nn.Module):
    """:func:`nkd_loss` as a configurable loss on the ``logits`` tap.

    Args:
        tau: See :func:`nkd_loss`.
    """

    def __init__(self, tau: float = 4.0) -> None:
        super().__init__()
        self.tau = tau

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> Tensor:
        return nkd_loss(student, teacher, target, tau=self.tau)
