"""Decoupled distillation (DKD; Zhao et al., CVPR 2022, arXiv 2203.08679): the target class and the others apart."""

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, logsigmoid

from fdkd.distill.losses.logits import labelled, mean_over, prepare_logits
from fdkd.registry import DISTILL_LOSSES


def target_kl(student: Tensor, teacher: Tensor, classes: Tensor, tau: float) -> Tensor:
    r"""TCKD: KL divergence of "target class or not", one value per position.

    Args:
        student: Logits ``[N, K]`` or ``[N, K, H, W]``, in at least float32.
        teacher: The same shape.
        classes: The target class of each position, ``[N]`` or ``[N, H, W]``, all within 0..K-1.
        tau: Temperature, above 0.

    Returns:
        The shape of ``classes``. It holds no factor ``tau**2``.
    """
    index = classes.unsqueeze(1)
    return _binary_kl(*(_margin(*_split(logits, index, tau)) for logits in (student, teacher)))


def non_target_kl(student: Tensor, teacher: Tensor, classes: Tensor, tau: float) -> Tensor:
    """NCKD: KL divergence over the classes other than the target, one value per position.

    Arguments and result as in :func:`target_kl`; 0 for K = 2, where there is one other class.
    """
    index = classes.unsqueeze(1)
    return _kl_of_others(*(_others(logits, index, tau) for logits in (student, teacher)))


def decoupled_kl(student: Tensor, teacher: Tensor, classes: Tensor, tau: float) -> tuple[Tensor, Tensor]:
    """:func:`target_kl` and :func:`non_target_kl` together, for little more than the cost of one of them.

    With p the teacher's softened probability of the target class, ``target + (1 - p) * non_target`` is the divergence
    over all classes, that of Hinton et al. (Zhao et al., Eq. 5 and 6).
    """
    index = classes.unsqueeze(1)
    student, teacher = _split(student, index, tau), _split(teacher, index, tau)
    return _binary_kl(_margin(*student), _margin(*teacher)), _kl_of_others(student[1], teacher[1])


def dkd_loss(
    student: Tensor,
    teacher: Tensor,
    target: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 8.0,
    tau: float = 4.0,
) -> dict[str, Tensor]:
    r"""Divergence of the target class from the rest, and divergence among the rest, weighted apart.

    .. math::
        \frac{\tau^2}{M} \sum_i \big(\alpha\, \mathrm{KL}(b^t_i \Vert b^s_i)
                                   + \beta\, \mathrm{KL}(\hat p^t_i \Vert \hat p^s_i)\big)

    over the M positions that have a class: :math:`b = (p_y, 1 - p_y)` and :math:`\hat p_k = p_k / (1 - p_y)` for the
    classes k other than the target y, with p the softmax of the logits over tau.

    The defaults are the paper's for CIFAR-100, where beta is 2 or 6 instead for some pairs of models; for ImageNet they
    are alpha 1, beta 0.5, tau 1. The authors' code raises the loss linearly over the first epochs (20 for CIFAR-100,
    1 for ImageNet), which ``warmup`` in a config does. FD-CMKD names no setting.

    That code takes logarithms of probabilities that can round to 0, and removes the target by taking 1000 from its
    logit, which large logits undo. Here the target is left out exactly and its probability never formed, so that values
    and gradients are right where it rounds to 0 or 1. Positions without a class (-1, 255) do not count; that code knows
    none.

    Args:
        student: Logits ``[N, K]`` or ``[N, K, H, W]``, K >= 2. For K = 2 the second part is 0.
        teacher: The same shape.
        target: Labels ``[N]`` or ``[N, H, W]``, required; -1 and 255 as in the data sets.
        alpha: Weight of the target part.
        beta: Weight of the non-target part.
        tau: Temperature, above 0.

    Returns:
        ``loss_target`` and ``loss_non_target``, weighted, each 0 or more; 0 where no position has a class. Their values
        per position are those of :func:`decoupled_kl`.

    Raises:
        ValueError: If the shapes differ, are none of logits, or have a single class, or there are no labels.

    Example:
        >>> import torch
        >>> student, teacher = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[1.0, 1.0, 0.0]])
        >>> dkd_loss(student, teacher, torch.tensor([0]), tau=1.0)
        {'loss_target': tensor(0.0477), 'loss_non_target': tensor(0.8876)}
    """
    student, teacher = prepare_logits(student, teacher, target)
    has, classes = labelled(target)
    of_target, of_others = decoupled_kl(student, teacher, classes, tau)
    return {
        'loss_target': mean_over(of_target, has, tau**2 * alpha),
        'loss_non_target': mean_over(of_others, has, tau**2 * beta),
    }


@DISTILL_LOSSES.register_module()
class DKDLoss(nn.Module):
    """:func:`dkd_loss` as a configurable loss on the ``logits`` tap.

    Args:
        alpha: See :func:`dkd_loss`.
        beta: See :func:`dkd_loss`.
        tau: See :func:`dkd_loss`.
    """

    def __init__(self, alpha: float = 1.0, beta: float = 8.0, tau: float = 4.0) -> None:
        super().__init__()
        self.alpha, self.beta, self.tau = alpha, beta, tau

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> dict[str, Tensor]:
        return dkd_loss(student, teacher, target, alpha=self.alpha, beta=self.beta, tau=self.tau)


def _split(logits: Tensor, index: Tensor, tau: float) -> tuple[Tensor, Tensor]:
    """The logit of the target class over tau, and those of the others."""
    return logits.gather(1, index) / tau, _others(logits, index, tau)


def _others(logits: Tensor, index: Tensor, tau: float) -> Tensor:
    """The logits over tau, with half the most negative number in place of the target's.

    No logit changes its log-softmax, so that in a divergence it is subtracted from itself: the target class has no part
    in the sum and none in the gradient. -inf less -inf would be NaN, which another pass over all classes would remove.
    """
    return (logits / tau).scatter_(1, index, torch.finfo(logits.dtype).min / 2)


def _margin(target: Tensor, others: Tensor) -> Tensor:
    """log(p / (1 - p)) of the probability p of the target class, exact where p rounds to 0 or 1."""
    return (target - others.logsumexp(1, keepdim=True)).squeeze(1)


def _binary_kl(student: Tensor, teacher: Tensor) -> Tensor:
    """KL divergence of two Bernoulli distributions from their margins."""
    yes = teacher.sigmoid() * (logsigmoid(teacher) - logsigmoid(student))
    return yes + (-teacher).sigmoid() * (logsigmoid(-teacher) - logsigmoid(-student))


def _kl_of_others(student: Tensor, teacher: Tensor) -> Tensor:
    """KL divergence along dim 1 of what :func:`_others` gives."""
    log_p = log_softmax(teacher, 1)
    return (log_p.exp() * (log_p - log_softmax(student, 1))).sum(1)
