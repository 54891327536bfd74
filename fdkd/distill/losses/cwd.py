"""Channel-wise distillation (CWD; Shu et al., ICCV 2021, arXiv 2011.13256): match where each channel is active."""

from torch import Tensor, nn

from fdkd.distill.losses.checks import at_least_float32, same_shape
from fdkd.distill.losses.logit_kd import softened_kl
from fdkd.errors import LossError
from fdkd.registry import DISTILL_LOSSES


def cwd_loss(student: Tensor, teacher: Tensor, tau: float = 4.0) -> Tensor:
    r"""Divergence of each channel's map, as a distribution over its positions.

    .. math::
        \frac{\tau^2}{NC} \sum_{n, c} \mathrm{KL}\big(\mathrm{softmax}_i(t_{nci} / \tau) \,\Vert\,
                                                      \mathrm{softmax}_i(s_{nci} / \tau)\big)

    with i the H W positions of a map.

    The default tau is what the authors' code trains with on the logits of Cityscapes, at weight 3 (unstated, its option
    is 1; its version for MMSegmentation uses tau 1 and weight 5). The weight is the config's.

    Labels play no part, as in the authors' code: void pixels are positions like any others, on the ``logits`` tap too.
    That code takes the logarithm of a softmax, which is -inf where a probability rounds to 0; here the log-softmax is
    computed directly. Where the channels differ it adapts the student's by a 1x1 convolution, the connector
    ``Projection`` here.

    Args:
        student: Map ``[N, C, H, W]`` with more than one position: a feature or dense logits.
        teacher: The same shape.
        tau: Temperature, above 0.

    Returns:
        A scalar of 0 or more, in at least float32.

    Raises:
        ValueError: If the shapes differ, or are not those of maps with two positions or more.

    Example:
        >>> import torch
        >>> student, teacher = torch.tensor([[[[0.0, 1.0]]]]), torch.tensor([[[[1.0, 0.0]]]])
        >>> cwd_loss(student, teacher, tau=1.0)
        tensor(0.4621)
    """
    if student.ndim != 4 or teacher.ndim != 4 or teacher.shape[2:].numel() < 2:
        raise LossError(
            f'student {tuple(student.shape)} and teacher {tuple(teacher.shape)}: '
            'expected maps [N, C, H, W] with at least two positions'
        )
    same_shape(student, teacher)
    student, teacher = at_least_float32(student, teacher)
    return tau**2 * softened_kl(student.flatten(2), teacher.flatten(2), tau, dim=2).mean()


@DISTILL_LOSSES.register_module()
class CWDLoss(nn.Module):
    """:func:`cwd_loss` as a configurable loss on a tap of maps; it needs no labels.

    Args:
        tau: See :func:`cwd_loss`.
    """

    def __init__(self, tau: float = 4.0) -> None:
        super().__init__()
        self.tau = tau

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> Tensor:
        return cwd_loss(student, teacher, tau=self.tau)
