"""OFD (Heo et al., "A Comprehensive Overhaul of Feature Distillation", ICCV 2019, arXiv 1904.01866)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, threshold

from fdkd.distill.losses.checks import at_least_float32, same_shape
from fdkd.distill.losses.stages import Channels, as_map, stage_channels, stage_pairs
from fdkd.distill.norm import BatchNorm2d
from fdkd.errors import LossError
from fdkd.registry import DISTILL_LOSSES


def bn_margins(weight: Tensor, bias: Tensor) -> Tensor:
    r"""The margin of each channel: the mean of its negative values, read off the batch norm before it.

    .. math::
        m = \mathbb E[x \mid x < 0] = \beta - |\gamma| \frac{\phi(\beta / |\gamma|)}{\Phi(-\beta / |\gamma|)},
        \quad x \sim \mathcal N(\beta, \gamma^2)

    Where a value is negative with a probability of 0.001 or less, the margin is :math:`-3|\gamma|`, which is not in
    the paper but in the published code, whose results are reported. (The expectation would be nearer to 0 there.) A
    channel with :math:`\gamma = 0`, by which that code divides, has the constant's margin :math:`\min(\beta, 0)`.
    A residual block adds its shortcut after this batch norm; as the published code, this takes no account of it.

    Args:
        weight: Scale :math:`\gamma` of the teacher's last batch norm before the tap, ``[C]``.
        bias: Its shift :math:`\beta`, ``[C]``.

    Returns:
        Margins ``[C]`` of 0 or less, in at least float32.

    Example:
        >>> bn_margins(torch.tensor([1.0, -1.0, 2.0]), torch.tensor([0.0, -9.0, 9.0]))
        tensor([-0.7979, -9.0000, -6.0000])
    """
    dtype = torch.promote_types(weight.dtype, torch.float32)
    sigma, mean = weight.detach().double().abs(), bias.detach().double()
    z = mean / (sigma * math.sqrt(2))
    # phi / Phi through erfcx, in which the exponentials of both have cancelled.
    expectation = mean - sigma * math.sqrt(2 / math.pi) / torch.special.erfcx(z)
    return torch.where(torch.erfc(z) / 2 > 0.001, expectation, -3 * sigma).to(dtype)


def margin_relu(x: Tensor, margin: Tensor) -> Tensor:
    r"""The teacher's transform: :math:`\max(x, m_c)`, with one negative margin per channel.

    Args:
        x: Feature before its ReLU, ``[N, C]`` or ``[N, C, H, W]``.
        margin: ``[C]``.

    Raises:
        ValueError: If there is not one margin per channel.

    Example:
        >>> margin_relu(torch.tensor([[-2.0, -2.0, 3.0]]), torch.tensor([-0.5, -4.0, -0.5]))
        tensor([[-0.5000, -2.0000,  3.0000]])
    """
    if margin.shape != x.shape[1:2]:
        raise LossError(f'margins {tuple(margin.shape)} for feature {tuple(x.shape)}: expected one per channel')
    x, margin = at_least_float32(x, margin)
    return torch.maximum(x, margin.view(-1, *[1] * (x.ndim - 2)))


def partial_l2(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Squared distance without the values where the student is below a teacher that is not positive.

    .. math::
        \frac1N \sum_i \big[ s_i > t_i \text{ or } t_i > 0 \big] \, (s_i - t_i)^2

    A sum over channels and positions, as in the paper, and a mean over the batch.

    Args:
        student: Feature of any shape ``[N, ...]``.
        teacher: Feature of the same shape, after :func:`margin_relu`; it gets no gradient.

    Returns:
        A scalar of 0 or more, in at least float32.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> partial_l2(torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.0, -1.0, 1.0]])).item()
        1.25
    """
    same_shape(student, teacher)
    student, teacher = at_least_float32(student, teacher)
    with torch.no_grad():
        # The goal is the teacher, but the student itself where it is below a teacher of 0 or less: its value held
        # between -inf (a positive teacher: the teacher) and the teacher. No mask is computed or kept for backward.
        goal = student.clamp(threshold(teacher, 0, -math.inf), teacher)
    return mse_loss(student, goal, reduction='sum') / len(student)


class _Stage(nn.Module):
    """One stage's loss: the student through a 1x1 convolution and batch norm, the teacher through its margins."""

    def __init__(self, student_channels: int, teacher_channels: int, margin: Tensor) -> None:
        super().__init__()
        self.conv = nn.Conv2d(student_channels, teacher_channels, 1, bias=False)
        self.norm = BatchNorm2d(teacher_channels)
        nn.init.kaiming_normal_(self.conv.weight, mode='fan_out', nonlinearity='relu')
        # Not in checkpoints: margins belong to the teacher, which gives them whenever the loss is built.
        self.register_buffer('margin', margin.detach().clone(), persistent=False)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        if student.ndim != teacher.ndim:
            same_shape(student, teacher)
        student, teacher = as_map(student), as_map(teacher)
        with torch.autocast(student.device.type, enabled=False):
            student = self.norm(self.conv(student.to(self.conv.weight.dtype)))
        return partial_l2(student, margin_relu(teacher, self.margin))


@DISTILL_LOSSES.register_module()
class OFDLoss(nn.Module):
    r""":func:`partial_l2` of every stage, between the adapted student and the teacher's :func:`margin_relu`.

    .. math:: \alpha \sum_{l=1}^{L} 2^{l - L} \, d_p\big(\mathrm{BN}(W_l s_l), \max(t_l, m_l)\big)

    The adapter of each stage is a 1x1 convolution (no bias; normal with variance 2 over the teacher's channels) and
    batch norm. Adapters, weights of the stages and reduction are those of the published code, whose segmentation
    adds two features of the head to the stages. Deviation: it puts the teacher in training mode, fdkd keeps it in
    evaluation mode.

    The features are those before the ReLU: the tap ``stages`` (the paper's), ``map`` or ``feat``; for a vector the
    loss is that of a 1x1 map. Sizes of student's and teacher's maps must be equal; connectors make them so.

    Args:
        student_channels: Channels of the student's tap, a number or one per stage. The framework fills it in.
        teacher_channels: Channels of the teacher's tap, likewise.
        margins: The teacher's :func:`bn_margins` ``[C]``, a tensor or one per stage, likewise.
        alpha: Weight of the sum; the published code has 1e-3 for CIFAR-100 (the default), 1e-4 for ImageNet and 1e-5
            for segmentation. The distance grows with the size of maps, so larger maps take a smaller weight.

    Raises:
        ValueError: If channels or margins are missing or do not fit each other.

    Example:
        >>> loss = OFDLoss(student_channels=8, teacher_channels=4, margins=-torch.ones(4))
        >>> loss(torch.zeros(2, 8), torch.full((2, 4), 10.0)).item()  # alpha times 4 channels times 10 squared
        0.4000000059604645
    """

    takes_lists = True

    def __init__(
        self,
        student_channels: Channels = None,
        teacher_channels: Channels = None,
        margins: Tensor | Sequence[Tensor] | None = None,
        alpha: float = 1e-3,
    ) -> None:
        super().__init__()
        margins = [margins] if margins is None or isinstance(margins, Tensor) else list(margins)
        if any(margin is None for margin in margins):
            raise LossError(
                "OFDLoss needs margins: the teacher's tap has no batch norm before it (BERT has none, for example), "
                'and OFD reads its margins off one; choose a tap of the teacher after a batch norm, or another loss'
            )
        self.channels = stage_channels('OFDLoss', student_channels, teacher_channels)
        widths = [teacher for _, teacher in self.channels]
        if [tuple(margin.shape) for margin in margins] != [(width,) for width in widths]:
            shapes = [tuple(margin.shape) for margin in margins]
            raise LossError(f'margins {shapes} for teacher_channels {widths}: expected one margin per channel')
        self.alpha = alpha
        self.stages = nn.ModuleList(
            _Stage(*pair, *at_least_float32(margin)) for pair, margin in zip(self.channels, margins, strict=True)
        )

    def forward(
        self, student: Tensor | Sequence[Tensor], teacher: Tensor | Sequence[Tensor], target: Tensor | None = None
    ) -> Tensor:
        """The loss of one tap.

        Args:
            student: ``[N, D]`` or ``[N, C, H, W]``, or one per stage from shallow to deep.
            teacher: The same with the teacher's channels.
            target: Not used.

        Raises:
            ValueError: If stages, channels or sizes do not fit.
        """
        pairs = stage_pairs(student, teacher, self.channels)
        losses = [stage(*pair) for stage, pair in zip(self.stages, pairs, strict=True)]
        return sum(self.alpha / 2**depth * loss for depth, loss in enumerate(reversed(losses)))
