r"""FD-CMKD (Liu et al., AAAI 2026, arXiv 2511.19887): strong consistency of the low band, weak of the high band."""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from fdkd.distill.decouplers import FourierDecoupler
from fdkd.distill.losses import closed_gradient
from fdkd.distill.losses.checks import ignored_label, same_shape
from fdkd.errors import LossError
from fdkd.registry import DECOUPLERS, DISTILL_LOSSES

Reduction = Literal['mean', 'batchmean']


def symmetric_log(x: Tensor) -> Tensor:
    """Eq. 6: ``log(1 + x)`` for ``x >= 0`` and ``-log(1 - x)`` below, with slope 1 at 0.

    Example:
        >>> symmetric_log(torch.tensor([0.0, torch.e - 1, 1 - torch.e]))
        tensor([ 0.,  1., -1.])
    """
    # A constant sign of 1 or -1 keeps the slope of 1 at 0, where torch.sign, torch.abs and (in some PyTorch versions)
    # clamped halves have gradient 0. torch.where keeps it too, but on a CPU takes longer than the logarithm itself.
    sign = torch.ones_like(x).copysign(x.detach())
    return sign * (sign * x).log1p()


def standardise(x: Tensor, dims: tuple[int, ...], eps: float = closed_gradient.EPS) -> Tensor:
    """Eq. 7: ``x`` minus its mean, over the L2 norm of that, along ``dims``.

    The norm is clamped at ``eps``, as in the published code, so that an ``x`` of zeros gives zeros.
    """
    centred = x - x.mean(dims, keepdim=True)
    return centred / torch.linalg.vector_norm(centred, dim=dims, keepdim=True).clamp_min(eps)


def band_distance(
    student: Tensor,
    teacher: Tensor,
    dims: tuple[int, ...],
    *,
    scale: bool = True,
    log: bool = False,
    reduction: Reduction = 'mean',
) -> Tensor:
    r"""Squared distance of one band of student and teacher: Eq. 4 and 8 plain, Eq. 5 and 9 with ``log``.

    .. math:: \frac1{ND} \sum \big( s(\mathrm{Std}(x^a)) - s(\mathrm{Std}(x^b)) \big)^2

    Args:
        student: Band of the student, any shape.
        teacher: Band of the teacher, the same shape.
        dims: The dimensions that were decoupled; each vector along them is standardised.
        scale: Standardise both sides (Eq. 7).
        log: Pass both sides through :func:`symmetric_log` (Eq. 6).
        reduction: ``'mean'`` divides by the number of elements, as the paper's ``1/(ND)``; ``'batchmean'`` by the
            number of vectors along ``dims``, so that the loss does not shrink with their length.

    Returns:
        A scalar of 0 or more.
    """
    if scale:
        student, teacher = standardise(student, dims), standardise(teacher, dims)
    if log:
        student, teacher = symmetric_log(student), symmetric_log(teacher)
    distance = (student - teacher).square().mean()
    if reduction == 'batchmean':
        for dim in dims:
            distance = distance * student.shape[dim]
    return distance


class BandClassifier(nn.Module):
    """ReLU, then a linear layer over the channels of an un-standardised band, as in the published code.

    As there, its weights start Xavier-normal and its biases at 0.

    Args:
        channels: Channels ``D`` of the band.
        num_classes: Classes ``K``.
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, num_classes)
        nn.init.xavier_normal_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, band: Tensor) -> Tensor:
        """Logits ``[N, K]`` of ``[N, D]`` or ``[N, T, D]`` (pooled over T), ``[N, K, H, W]`` of ``[N, D, H, W]``."""
        if band.ndim == 4:
            return self.linear(band.relu().movedim(1, -1)).movedim(-1, 1)
        logits = self.linear(band.relu())
        return logits.mean(1) if band.ndim == 3 else logits


def classification(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy over the labels that count; 0 where there are none. Maps are resized to the label map."""
    ignored = ignored_label(target)
    if target.ndim == 3:
        logits = interpolate(logits, size=target.shape[1:], mode='bilinear', align_corners=False)
    total = cross_entropy(logits, target, ignore_index=ignored, reduction='sum')
    return total / (target != ignored).sum().clamp_min(1)


@DISTILL_LOSSES.register_module()
class FDKDLoss(nn.Module):
    r"""The four parts of FD-CMKD on one pair of features (Eq. 8 to 11, without the student's own task loss).

    Returns ``loss_low`` and ``loss_high`` (``loss_raw`` where ``freq`` is off), and ``loss_align`` and ``loss_band``
    where these are on and the batch is labelled. Deviations from the paper are none but these: band classifiers see
    the un-standardised band through one ReLU (published code), and ``freq=False`` compares raw features by MSE, the
    first row of the paper's Table 3.

    Args:
        decoupler: Config of what splits the features; default :class:`~fdkd.distill.decouplers.FourierDecoupler`, with
            the mean kept in the low band where ``scale`` is off.
        lambda_low: Weight of the low band; 0 leaves it out (Table 4).
        lambda_high: Weight of the high band; 0 leaves it out (Table 4).
        freq: Decouple at all (Table 3, Freq).
        scale: Standardise each band (Table 3, Scale); without ``freq``, the raw feature stays as it is.
        log: Log-MSE on the high band (Table 3, Log).
        align: Cross-entropy of one classifier per band, shared by both models, on both (Table 3, Align; Eq. 10).
        band_task: Cross-entropy of one further classifier per band on the student's bands (part of L_task in Eq. 11).
        num_classes: Classes, for ``align`` and ``band_task``.
        channels: Channels of the feature, for ``align`` and ``band_task``.
        reduction: See :func:`band_distance`.

    Raises:
        ValueError: If classifiers are on and ``num_classes`` or ``channels`` is missing.
    """

    def __init__(
        self,
        decoupler: dict[str, Any] | None = None,
        lambda_low: float = 1.0,
        lambda_high: float = 1.0,
        freq: bool = True,
        scale: bool = True,
        log: bool = True,
        align: bool = True,
        band_task: bool = True,
        num_classes: int | None = None,
        channels: int | None = None,
        reduction: Reduction = 'mean',
    ) -> None:
        super().__init__()
        if (align or band_task) and not (num_classes and channels):
            raise LossError(
                'FDKDLoss with align or band_task needs num_classes and channels; '
                'for dense prediction set align=False, band_task=False'
            )
        if reduction not in ('mean', 'batchmean'):
            raise LossError(f"reduction={reduction!r}, expected 'mean' or 'batchmean'")
        self.decoupler = FourierDecoupler(keep_dc=not scale) if decoupler is None else DECOUPLERS.build(dict(decoupler))
        self.lambdas = {'low': lambda_low, 'high': lambda_high}
        self.freq, self.scale, self.log, self.reduction = freq, scale, log, reduction
        bands = ('low', 'high') if freq else ('raw',)
        self.shared = _classifiers(bands, channels, num_classes) if align else None
        self.own = _classifiers(bands, channels, num_classes) if band_task and freq else None

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> dict[str, Tensor]:
        """The loss parts of one pair of features.

        Args:
            student: ``[N, D]``, ``[N, T, D]`` or ``[N, C, H, W]``, before the last ReLU.
            teacher: The same shape.
            target: ``[N]`` classes, -1 ignored, or ``[N, H, W]`` label maps, 255 ignored; ``None`` leaves the
                classifiers out.

        Raises:
            ValueError: If the shapes differ, or the decoupler has no meaning for them.
        """
        same_shape(student, teacher)
        if self.freq and self.scale and closed_gradient.applies_to(self.decoupler) and not teacher.requires_grad:
            classified = target is not None and bool(self.shared or self.own)
            losses, student_bands, teacher_bands = self._with_closed_gradient(student, teacher, classified)
        else:
            student_bands, teacher_bands = self._bands(student), self._bands(teacher)
            losses = self._distances(student_bands, teacher_bands)
        if target is not None and self.shared is not None:
            losses['loss_align'] = _sum_over_bands(self.shared, target, student_bands, teacher_bands)
        if target is not None and self.own is not None:
            losses['loss_band'] = _sum_over_bands(self.own, target, student_bands)
        return losses

    @property
    def heads(self) -> tuple[str, ...]:
        """The bands that have a classifier of the student's own."""
        return tuple(self.own or ())

    def classify(self, student: Tensor) -> dict[str, Tensor]:
        """Logits of the student's own band classifiers, by band."""
        bands = self._bands(student)
        return {band: self.own[band](bands[band]) for band in self.heads}

    def _bands(self, x: Tensor) -> dict[str, Tensor]:
        if self.freq:
            return dict(zip(('low', 'high'), self.decoupler(x), strict=True))
        return {'raw': _at_least_float32(x)}

    def _distances(self, student: dict[str, Tensor], teacher: dict[str, Tensor]) -> dict[str, Tensor]:
        dims = self.decoupler.dims(next(iter(student.values())))
        if not self.freq:
            raw = band_distance(student['raw'], teacher['raw'], dims, scale=False, reduction=self.reduction)
            return {'loss_raw': raw}
        return {
            f'loss_{band}': weight
            * band_distance(
                student[band],
                teacher[band],
                dims,
                scale=self.scale,
                log=self.log and band == 'high',
                reduction=self.reduction,
            )
            for band, weight in self.lambdas.items()
            if weight
        }

    def _with_closed_gradient(
        self, student: Tensor, teacher: Tensor, classified: bool
    ) -> tuple[dict[str, Tensor], dict[str, Tensor] | None, dict[str, Tensor] | None]:
        """What :meth:`_distances` computes, and the bands of both models where they are ``classified``."""
        student, teacher = _at_least_float32(student), _at_least_float32(teacher)
        wanted = {band: bool(weight) for band, weight in self.lambdas.items()}
        found = closed_gradient.band_distances(
            student, teacher, self.decoupler, **wanted, log=self.log, bands=classified
        )
        count = student.numel()
        if self.reduction == 'batchmean':
            count //= math.prod(student.shape[dim] for dim in self.decoupler.dims(student))
        losses = {
            f'loss_{band}': getattr(found, band) * (self.lambdas[band] / count) for band in wanted if wanted[band]
        }
        return losses, *(bands and bands._asdict() for bands in (found.student, found.teacher))


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _classifiers(bands: tuple[str, ...], channels: int, num_classes: int) -> nn.ModuleDict:
    return nn.ModuleDict({band: BandClassifier(channels, num_classes) for band in bands})


def _sum_over_bands(classifiers: nn.ModuleDict, target: Tensor, *models: dict[str, Tensor]) -> Tensor:
    """Cross-entropy summed over the bands of each model, band ``b`` through classifier ``b``."""
    return sum(classification(classifiers[band](x), target) for bands in models for band, x in bands.items())
