"""C2KD (Huo et al., CVPR 2024): two models and their proxies, linked where the rankings of the classes agree."""

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from fdkd.distill.losses.dkd import non_target_kl
from fdkd.distill.losses.kendall import kendall_tau
from fdkd.distill.losses.logits import counted, labelled, mean_over, prepare_logits
from fdkd.registry import DISTILL_LOSSES


def ofsd_loss(student: Tensor, teacher: Tensor, target: Tensor | None, *, omega: float = 0.0) -> Tensor:
    r"""On-the-fly selection distillation (OFSD), from one model to the other.

    .. math::
        \frac1N \sum_n \big[\tau_b(s_n, t_n) > \omega\big]
            \sum_{k \ne y_n} \hat q_{nk} \log \frac{\hat q_{nk}}{\hat p_{nk}}

    with :math:`\hat p, \hat q` the softmax of student and teacher over the classes other than the target, and
    :math:`\tau_b` Kendall's rank correlation of the two rows of logits, the target's included.

    The mean is over all labelled positions, selected or not, as in the published code: the fewer agree, the weaker
    the loss. A sample without a label, or a void pixel, has no target and does not count. Deviations:

    - The published code sets the target's logit to 0 on both sides and keeps it in the softmax; the paper's sum leaves
      the target out. We leave it out.
    - The paper's correlation counts ties as disagreement; the published code calls SciPy's :math:`\tau_b`, as we do.

    Args:
        student: Logits ``[N, K]`` or ``[N, K, H, W]``.
        teacher: Logits of the same shape.
        target: Labels ``[N]``, -1 ignored, or ``[N, H, W]``, 255 ignored.
        omega: Threshold of the correlation; the published code's 0.

    Returns:
        A scalar of 0 or more, in at least float32; 0 where no position is selected.

    Raises:
        ValueError: If the shapes differ, K is 1, or there are no labels.

    Example:
        >>> student = torch.tensor([[3.0, 1.0, 0.0], [0.0, 1.0, 2.0]])
        >>> teacher = torch.tensor([[3.0, 1.0, 0.0], [2.0, 1.0, 0.0]])  # the second row ranks the other way round
        >>> ofsd_loss(student, teacher, torch.tensor([0, 0])).item()
        0.0
    """
    student, teacher = prepare_logits(student, teacher, target)
    has, classes = labelled(target)
    selected = kendall_tau(student, teacher) > omega
    return _mean_selected(non_target_kl(student, teacher, classes, tau=1.0), selected, has)


def c2kd_losses(
    student: Tensor,
    teacher: Tensor,
    student_proxy: Tensor,
    teacher_proxy: Tensor,
    target: Tensor | None,
    *,
    lambda_1: float = 1.0,
    lambda_2: float = 1.0,
    lambda_3: float = 1.0,
    omega: float = 0.0,
) -> dict[str, Tensor]:
    r"""The six distillation losses of C2KD, three a model, without the two models' task losses.

    .. math::
        \lambda_1 \big[ D(\bar t' \,\|\, t) + D(\bar t \,\|\, t') \big]
        + \lambda_2 \big[ D(\bar s' \,\|\, s) + D(\bar s \,\|\, s') \big]
        + \lambda_3 \big[ D_\mathrm{OFSD}(\bar t' \,\|\, s') + D_\mathrm{OFSD}(\bar s' \,\|\, t') \big]

    with :math:`s', t'` the logits of the proxies, ``D`` the Kullback-Leibler divergence of the softmax at temperature
    1, :math:`D_\mathrm{OFSD}` that of :func:`ofsd_loss`, and a bar over the side that is held fixed. Cross-modal
    knowledge thus passes between the proxies alone. Proxies have no task loss. The gradient of a proxy reaches the
    features that it reads.

    The paper's text writes the correlation of the models' logits in its selection rule; the published code takes the
    proxies', whose agreement decides what they can learn from each other, and so do we. All weights are 1 there.

    Args:
        student: The student's logits ``[N, K]`` or ``[N, K, H, W]``.
        teacher: The teacher's, of the same shape, with their history.
        student_proxy: The student's proxy's.
        teacher_proxy: The teacher's proxy's.
        target: Labels ``[N]``, -1 ignored, or ``[N, H, W]``, 255 ignored. Samples without a label count where a model
            and its proxy are compared; void pixels count nowhere.
        lambda_1: Weight between the teacher and its proxy.
        lambda_2: Weight between the student and its proxy.
        lambda_3: Weight between the proxies.
        omega: Threshold of the selection.

    Returns:
        ``loss_student``, ``loss_student_proxy``, ``loss_student_cross`` (of the proxy, towards the teacher's), the
        same of the teacher, each named after what it trains; and ``selected``, the share of the labelled positions
        that the selection keeps.

    Raises:
        ValueError: If the shapes differ, K is 1, or there are no labels.
    """
    student, student_proxy = prepare_logits(student, student_proxy, target)
    teacher, teacher_proxy = prepare_logits(teacher, teacher_proxy, target)
    student_proxy, teacher_proxy = prepare_logits(student_proxy, teacher_proxy, target)
    has, classes = labelled(target)
    counts = counted(student, target)
    selected = kendall_tau(student_proxy, teacher_proxy) > omega
    towards_student, towards_student_proxy = _both_ways(student, student_proxy)
    towards_teacher, towards_teacher_proxy = _both_ways(teacher, teacher_proxy)
    across = _both_ways(student_proxy, teacher_proxy, classes)
    student_cross, teacher_cross = (_mean_selected(value, selected, has) for value in across)
    return {
        'loss_student': lambda_2 * mean_over(towards_student, counts),
        'loss_student_proxy': lambda_2 * mean_over(towards_student_proxy, counts),
        'loss_student_cross': lambda_3 * student_cross,
        'loss_teacher': lambda_1 * mean_over(towards_teacher, counts),
        'loss_teacher_proxy': lambda_1 * mean_over(towards_teacher_proxy, counts),
        'loss_teacher_cross': lambda_3 * teacher_cross,
        'selected': mean_over(selected.to(student.dtype), has),
    }


def _both_ways(a: Tensor, b: Tensor, left_out: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """``KL(b || a)`` with ``b`` fixed and ``KL(a || b)`` with ``a`` fixed, at each position, from one softmax a side.

    ``left_out`` is a class for each position that takes no part.
    """
    if left_out is None:
        a, b = log_softmax(a, 1), log_softmax(b, 1)
        p, q = a.detach().exp(), b.detach().exp()
    else:
        at = left_out.unsqueeze(1)
        a, b = (log_softmax(x.scatter(1, at, -torch.inf), 1) for x in (a, b))
        p, q = a.detach().exp(), b.detach().exp()
        a, b = (x.scatter(1, at, 0.0) for x in (a, b))  # any finite value: its probability is 0
    return (q * (b.detach() - a)).sum(1), (p * (a.detach() - b)).sum(1)


def _mean_selected(value: Tensor, selected: Tensor, has: Tensor) -> Tensor:
    return mean_over(value.masked_fill(~selected, 0), has)


@DISTILL_LOSSES.register_module()
class OFSDLoss(nn.Module):
    """:func:`ofsd_loss` as a configurable loss on the ``logits`` tap, for a teacher that does not train.

    The whole method, whose teacher trains, is the algorithm :class:`~fdkd.algorithms.c2kd.C2KD`.
    """

    def __init__(self, omega: float = 0.0) -> None:
        super().__init__()
        self.omega = omega

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> Tensor:
        return ofsd_loss(student, teacher, target, omega=self.omega)
