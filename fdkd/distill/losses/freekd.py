"""FreeKD (Zhang et al., CVPR 2024, arXiv 2311.12079): wavelet bands, compared where learnt prompts say it matters."""

import torch
from torch import Tensor, nn

from fdkd.distill.losses.checks import at_least_float32, same_shape
from fdkd.distill.wavelets import Details, haar, inverse_haar
from fdkd.errors import LossError
from fdkd.registry import DISTILL_LOSSES


def prompt_masks(bands: tuple[Tensor, list[Details]], prompts: Tensor) -> list[Tensor]:
    r"""Pixels of interest: :math:`\sigma(P R)` for the approximation, then for each level, the finest first.

    A level's mask comes from the sum of its three bands and serves all of them, as in the public code.

    Args:
        bands: What :func:`haar` made of the teacher's map.
        prompts: P, ``[1 + levels, T, C]``.

    Returns:
        Masks ``[N, T, h, w]`` between 0 and 1.
    """
    approximation, details = bands
    maps = [approximation, *(sum(level) for level in details)]
    return [
        (prompt @ x.flatten(2)).unflatten(2, x.shape[2:]).sigmoid() for prompt, x in zip(prompts, maps, strict=False)
    ]


@torch.no_grad()
def relation(x: Tensor) -> Tensor:
    r"""How much all channels attend to each, 1 on average: :math:`\omega`, ``[N, C]``, without a gradient.

    .. math:: A = \mathrm{softmax}\big( \tfrac1{HW} x x^T \big), \quad \omega_c = \sum_i A_{ic}

    Args:
        x: ``[N, C, H, W]``.
    """
    x = x.flatten(2)
    attention = x / x.shape[2] @ x.mT
    return torch.softmax(attention, 2, out=attention).sum(1)  # the one large tensor: a second takes twice the time


def freekd_loss(
    student: Tensor, teacher: Tensor, prompts: Tensor, *, low: float = 1.0, relational: bool = True
) -> Tensor:
    r"""Masked distance of the wavelet bands of two maps.

    .. math:: \sum_k \omega^{a} \omega^{b} \big\lVert M_k \odot (R_k^a - R_k^b) \big\rVert_1

    over the approximation and the levels k, each a mean over its positions, channels and (three) bands; M is the mean
    of the prompts' masks on the teacher's bands. It needs no labels. See :class:`FreeKDLoss` for what differs from the
    paper and from the public code.

    Args:
        student: ``[N, C, H, W]``.
        teacher: The same shape.
        prompts: ``[1 + levels, T, C]``, those of the approximation first, then the finest level's.
        low: Weight of the approximation.
        relational: Weigh the channels by :func:`relation` of both maps.

    Returns:
        A scalar of 0 or more, in at least float32.

    Raises:
        ValueError: If the features are no maps of one shape and of the prompts' channels, or nothing is left to
            compare.
    """
    _check(student, prompts, 'student')
    same_shape(student, teacher)
    student, teacher = at_least_float32(student, teacher)
    levels = len(prompts) - 1
    with torch.autocast(student.device.type, enabled=False):
        with torch.no_grad():
            masks = [
                mask.mean(1, keepdim=True) for mask in prompt_masks(haar(teacher, levels), prompts.to(teacher.dtype))
            ]
            weight = relation(teacher) * relation(student) if relational else None
        approximation, details = haar(student - teacher, levels)  # the transform is linear
        if not details and not low:
            raise LossError(
                f'feature {tuple(student.shape)}: no level of detail to compare, and low=0 leaves out the rest'
            )
        terms = [_distance(level, mask, weight) for level, mask in zip(details, masks[1:], strict=True)]
        if low:
            terms.append(low * _distance((approximation,), masks[0], weight))
        return sum(terms)


def _distance(bands: tuple[Tensor, ...], mask: Tensor, weight: Tensor | None) -> Tensor:
    distance = bands[0].abs()
    for band in bands[1:]:
        distance = distance + band.abs()
    distance = (distance * mask).mean((2, 3))
    return (distance if weight is None else distance * weight).mean() / len(bands)


def _check(x: Tensor, prompts: Tensor, whose: str) -> None:
    if x.ndim != 4:
        raise LossError(f'{whose} feature {tuple(x.shape)}: wavelets need maps [N, C, H, W]')
    if x.shape[1] != prompts.shape[2]:
        raise LossError(f'{whose} feature {tuple(x.shape)}: the prompts {tuple(prompts.shape)} have other channels')


@DISTILL_LOSSES.register_module()
class FreeKDLoss(nn.Module):
    r""":func:`freekd_loss` as a configurable loss on a tap such as ``map``, and the means to learn its prompts.

    The prompts are a buffer: neither the optimizer nor DistributedDataParallel knows them, and checkpoints hold them.
    They start as normal noise of deviation 0.01 and are learnt before distillation through the frozen teacher, by
    :class:`~fdkd.engine.prompts.LearnPrompts`, which needs :meth:`prompted` and :meth:`dissimilarity`. Without it,
    every mask is about 0.5.

    Where the paper and the public code differ from one another:

    - The code drops the approximation (``low=0``) and has no :math:`\omega` (``relational=False``); the paper has both.
    - The code penalises the Dice coefficient of two masks, the paper the Jaccard coefficient, as here.
    - The code shares a prompt among the three bands of a level, as here; the paper writes of one per band.
    - The code has 2 prompts by default, as the paper, and 6 in its detection config.

    Where we differ from both:

    - The paper's :math:`\omega` relates a layer to the next one and passes a learnt gate. A tap is one layer, and a
      gate trained by the loss that it weighs would close. Here :func:`relation` relates the map to itself, without
      parameters or gradient, and averages over positions, so that the weight does not depend on the map's size.
    - The code always splits three times, padding with zeros; here the levels end at a side of 1 (see :func:`haar`). A
      1x1 map is compared as it is, under the mask of the approximation's prompts.

    Args:
        teacher_channels: Channels of both maps.
        num_tokens: Prompts T per band.
        levels: The most levels of the transform.
        low: Weight of the approximation.
        relational: Weigh the channels by :func:`relation`.
        lambda_dis: Weight of :meth:`dissimilarity`.

    Raises:
        ValueError: If ``teacher_channels`` is missing.
    """

    def __init__(
        self,
        teacher_channels: int | None = None,
        num_tokens: int = 2,
        levels: int = 3,
        low: float = 1.0,
        relational: bool = True,
        lambda_dis: float = 1.0,
    ) -> None:
        super().__init__()
        if not isinstance(teacher_channels, int):
            raise LossError(
                f'FreeKDLoss compares one map, teacher_channels={teacher_channels}: add the number, and '
                "on='map' for the last stage"
            )
        self.levels, self.low, self.relational, self.lambda_dis = levels, low, relational, lambda_dis
        self.register_buffer('prompts', 0.01 * torch.randn(1 + levels, num_tokens, teacher_channels))

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> Tensor:
        return freekd_loss(student, teacher, self.prompts, low=self.low, relational=self.relational)

    def prompted(self, teacher: Tensor) -> Tensor:
        r"""The teacher's map with every band R replaced by :math:`\sum_t \sigma(P_t R) \odot R`.

        Args:
            teacher: ``[N, C, H, W]``.

        Returns:
            The same shape, in at least float32.
        """
        (approximation, details), masks, size = *self._masks(teacher), teacher.shape[2:]
        masks = [mask.sum(1, keepdim=True) for mask in masks]
        details = [tuple(band * mask for band in level) for level, mask in zip(details, masks[1:], strict=True)]
        return inverse_haar(approximation * masks[0], details, size)

    def dissimilarity(self, teacher: Tensor) -> Tensor:
        r"""What keeps the prompts of a band apart, times ``lambda_dis``: the mean Jaccard coefficient of their masks.

        .. math:: \lambda \sum_k \frac1{T^2} \sum_{ij}
            \frac{M_i \cdot M_j}{\lVert M_i \rVert^2 + \lVert M_j \rVert^2 - M_i \cdot M_j}

        Args:
            teacher: ``[N, C, H, W]``.
        """
        total = 0.0
        for mask in self._masks(teacher)[1]:
            mask = mask.flatten(2)
            with torch.autocast(mask.device.type, enabled=False):
                common = mask @ mask.mT
            own = common.diagonal(dim1=1, dim2=2)
            either = own[:, :, None] + own[:, None] - common
            total = total + (common / either.clamp_min(1e-12)).mean()
        return self.lambda_dis * total

    def _masks(self, teacher: Tensor) -> tuple[tuple[Tensor, list[Details]], list[Tensor]]:
        _check(teacher, self.prompts, 'teacher')
        (teacher,) = at_least_float32(teacher)
        with torch.autocast(teacher.device.type, enabled=False):
            bands = haar(teacher, self.levels)
            return bands, prompt_masks(bands, self.prompts.to(teacher.dtype))
