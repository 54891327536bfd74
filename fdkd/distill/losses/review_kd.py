"""ReviewKD (Chen et al., "Distilling Knowledge via Knowledge Review", CVPR 2021, arXiv 2104.09044)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, conv2d, interpolate, mse_loss

from fdkd.distill.losses.checks import at_least_float32, same_shape
from fdkd.distill.losses.stages import Channels, as_map, stage_channels, stage_pairs
from fdkd.distill.norm import BatchNorm2d
from fdkd.registry import DISTILL_LOSSES


def hcl(student: Tensor, teacher: Tensor) -> Tensor:
    r"""The hierarchical context loss: mean squared errors of a map at its full size and pooled to 4x4, 2x2 and 1x1.

    .. math:: \sum_{k=0}^{K} 2^{-k} \, \mathrm{MSE}\big(P_k(s), P_k(t)\big) \Big/ \sum_{k=0}^{K} 2^{-k}

    with :math:`P_0` the identity and :math:`P_1, P_2, \dots` the average pools to those of the sizes 4, 2, 1 that
    are below the map's height. As in the published code, only the height decides, also for maps that are not square.

    Args:
        student: ``[N, C, H, W]`` or ``[N, D]``, a map of one position.
        teacher: The same shape.

    Returns:
        A scalar of 0 or more, in at least float32.

    Raises:
        ValueError: If the shapes differ or are not of maps or vectors.

    Example:
        >>> hcl(torch.tensor([[[[4.0, 0.0], [0.0, 0.0]]]]), torch.zeros(1, 1, 2, 2)).item()  # (4 + 1 / 2) / 1.5
        3.0
    """
    same_shape(student, teacher)
    student, teacher = at_least_float32(as_map(student), as_map(teacher))
    difference = student - teacher  # Pooling is linear: the difference is pooled once instead of both sides.
    loss, weight, total = mse_loss(student, teacher), 1.0, 1.0
    for size in (4, 2, 1):
        if size < difference.shape[2]:
            weight /= 2
            loss = loss + weight * adaptive_avg_pool2d(difference, size).square().mean()
            total += weight
    return loss / total


class _Fusion(nn.Module):
    """The paper's attention-based fusion of one stage with what the deeper stages left."""

    def __init__(self, in_channels: int, mid_channels: int, out_channels: int, fuse: bool) -> None:
        super().__init__()
        self.reduce = _conv_norm(in_channels, mid_channels, 1)
        self.attention = nn.Conv2d(2 * mid_channels, 2, 1) if fuse else None
        self.expand = _conv_norm(mid_channels, out_channels, 3)

    def forward(self, x: Tensor, deeper: Tensor | None, size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The stage with the teacher's channels and ``size``, and what the next shallower stage fuses."""
        x = self.reduce(x)
        if self.attention is not None:
            x = self._fuse(x, deeper)
        x = _resize(x, size)
        return self.expand(x), x

    def _fuse(self, x: Tensor, deeper: Tensor) -> Tensor:
        # The convolution of the concatenation is the sum of two; the deeper one is taken at its own, smaller size.
        of_x, of_deeper = self.attention.weight.chunk(2, dim=1)
        logits = conv2d(x, of_x, self.attention.bias) + _resize(conv2d(deeper, of_deeper), x.shape[2:])
        first, second = logits.sigmoid().split(1, dim=1)
        return x * first + _resize(deeper, x.shape[2:]) * second


def _conv_norm(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_uniform_(conv.weight, a=1)
    return nn.Sequential(conv, BatchNorm2d(out_channels))


def _resize(x: Tensor, size: Sequence[int]) -> Tensor:
    if x.shape[2:] == tuple(size):
        return x
    # the nearest position of a single one would be the corner
    return x.mean((2, 3), keepdim=True) if tuple(size) == (1, 1) else interpolate(x, tuple(size), mode='nearest')


@DISTILL_LOSSES.register_module()
class ReviewKDLoss(nn.Module):
    r"""Each stage of the teacher against the student's stages from there on down, fused: :func:`hcl` of every stage.

    From the deepest stage to the shallowest, a stage passes a 1x1 convolution and batch norm to ``mid_channels``; two
    attention maps (a 1x1 convolution of both, then the sigmoid) weight it and the residual feature of the deeper
    stage, resized to it; their sum is resized to the teacher's map, is the residual for the next stage, and passes a
    3x3 convolution and batch norm to the teacher's channels. Every resizing is to the nearest position, but to a
    teacher that is a vector, which the published code does not know: there the map is averaged.

    The weight of the loss is the config's: the published scripts take 0.6 (ResNet-20 from ResNet-56) to 8 on
    CIFAR-100, 5 for most pairs, with a linear warm-up over 20 epochs, and 1 by default on ImageNet. That code adds the
    pooled feature before the classifier as one more, deepest stage; the tap ``stages`` has none, and a list of maps
    that ends with a vector does the same. Its convolutions run in half precision where mixed precision is on, here
    in float32.

    Args:
        student_channels: Channels of the student's tap, a number or one per stage. The framework fills it in.
        teacher_channels: Channels of the teacher's tap, likewise.
        mid_channels: Channels in which stages are fused; by default, as in the CIFAR-100 code, those of the student's
            last stage but at most 512 (ImageNet: 512 for ResNet-18, 256 for MobileNet).

    Raises:
        ValueError: If channels are missing or do not fit each other.

    Example:
        >>> loss = ReviewKDLoss(student_channels=[8, 16], teacher_channels=[4, 8])
        >>> student, teacher = [torch.zeros(2, 8, 4, 4), torch.zeros(2, 16, 2, 2)], [torch.ones(2, 4, 6, 6)]
        >>> loss(student, [*teacher, torch.ones(2, 8, 3, 3)]).item()  # 1 at every size of both stages
        2.0
    """

    takes_lists = True

    def __init__(
        self,
        student_channels: Channels = None,
        teacher_channels: Channels = None,
        mid_channels: int | None = None,
    ) -> None:
        super().__init__()
        self.channels = stage_channels('ReviewKDLoss', student_channels, teacher_channels)
        deepest = len(self.channels) - 1
        mid_channels = mid_channels or min(512, self.channels[-1][0])
        self.fusions = nn.ModuleList(
            _Fusion(student, mid_channels, teacher, fuse=stage < deepest)
            for stage, (student, teacher) in enumerate(self.channels)
        )

    def forward(
        self, student: Tensor | Sequence[Tensor], teacher: Tensor | Sequence[Tensor], target: Tensor | None = None
    ) -> Tensor:
        """The loss of one tap.

        Args:
            student: ``[N, D]`` or ``[N, C, H, W]`` of any size, or one per stage from shallow to deep.
            teacher: The same of the teacher.
            target: Not used.

        Raises:
            ValueError: If stages or channels do not fit.
        """
        pairs = [[as_map(x) for x in pair] for pair in stage_pairs(student, teacher, self.channels)]
        losses, deeper = [], None
        for fusion, (x, reference) in zip(reversed(self.fusions), reversed(pairs), strict=True):
            with torch.autocast(x.device.type, enabled=False):
                fused, deeper = fusion(x.to(fusion.reduce[0].weight.dtype), deeper, reference.shape[2:])
            losses.append(hcl(fused, reference))
        return sum(losses)
