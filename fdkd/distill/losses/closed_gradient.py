r"""Both distances of FD-CMKD at once, with their gradient by hand: :mod:`fdkd.distill.losses.fdkd`'s, only faster.

Left to autograd, the standardisation, the logarithm and the difference of a band keep seven tensors of its size, and
their backward passes read each again. The gradient has a closed form. With :math:`u = a / \|a\|` and
:math:`v = b / \|b\|` the standardised bands of student and teacher,

.. math::

    \frac{\partial}{\partial a} \sum f(u, v) = \frac{1}{\|a\|} \big( g - \langle u, g \rangle u \big),
    \qquad g = \frac{\partial f}{\partial u},

where :math:`g` is :math:`2 (u - v)` for the low band, and :math:`2 (s(u) - s(v)) / (1 + |u|)` for the high one (Eq. 4
to 9). In the low band, :math:`\langle u, u - v \rangle` is half of :math:`\|u - v\|^2`, which the loss is made of. The
forward pass computes both along with the values and keeps them, two tensors of the feature's size. A band is an
orthogonal projection of the feature, so backward projects each onto its band, with one transform for both.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from fdkd.distill.decouplers import FourierDecoupler, PermutedDecoupler, RandomBandDecoupler

EPS = 1e-8  #: The least norm of a band, as in the published code.
#: The decouplers whose bands are orthogonal projections. What derives from them may be anything, and autograd takes it.
_PROJECTIONS = (FourierDecoupler, PermutedDecoupler, RandomBandDecoupler)


class Bands(NamedTuple):
    """The low and the high band of a feature."""

    low: Tensor
    high: Tensor


class Distances(NamedTuple):
    """What :func:`band_distances` returns.

    Attributes:
        low: Scalar; the sum of squares of Eq. 8. ``None`` where it was not asked for.
        high: Scalar; the sum of squares of Eq. 9, likewise.
        student: The student's bands, differentiable; ``None`` unless they were asked for.
        teacher: The teacher's bands, likewise, without gradient.
    """

    low: Tensor | None
    high: Tensor | None
    student: Bands | None
    teacher: Bands | None


def applies_to(decoupler: nn.Module) -> bool:
    """Whether :func:`band_distances` knows the gradient of this decoupler's bands."""
    return type(decoupler) in _PROJECTIONS and not decoupler.keep_dc


def band_distances(
    student: Tensor,
    teacher: Tensor,
    decoupler: FourierDecoupler,
    *,
    low: bool = True,
    high: bool = True,
    log: bool = True,
    bands: bool = False,
) -> Distances:
    """Sums of squared differences of the standardised bands, Eq. 8 and 9 without their divisor.

    Args:
        student: A feature that the decoupler splits, float32 or float64.
        teacher: The same shape; it gets no gradient.
        decoupler: One that :func:`applies_to` takes.
        low: Compute the low band's.
        high: Compute the high band's.
        log: Pass the high band through Eq. 6.
        bands: Return the bands as well, for whom they cost nothing more.
    """
    parts = _BandDistances.apply(student, teacher.detach(), decoupler, low, high, log, bands)
    return Distances(*parts[:2], *((Bands(*parts[2:4]), Bands(*parts[4:])) if bands else (None, None)))


class _BandDistances(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        student: Tensor,
        teacher: Tensor,
        decoupler: FourierDecoupler,
        low: bool,
        high: bool,
        log: bool,
        bands: bool,
    ) -> tuple[Tensor | None, ...]:
        ctx.set_materialize_grads(False)
        ctx.decoupler, ctx.dims, ctx.shape = decoupler, decoupler.dims(student), student.shape
        grad = ctx.needs_input_grad[0]
        with torch.autocast(student.device.type, enabled=False):
            theirs, ours = _split(teacher, decoupler, ctx.dims), _split(student, decoupler, ctx.dims)
            kept = (*ours, *theirs) if bands else ()
            sums, slopes = [], []
            for function in (_squares if low else _none, (_log_squares if log else _squares) if high else _none):
                # Popped into the call: the memory of a band that is done with serves what comes next.
                total, slope = function(ours.pop(0), theirs.pop(0), ctx.dims, grad, reuse=not bands)
                sums.append(total)
                slopes.append(slope)
        if grad:
            ctx.save_for_backward(*slopes)
        ctx.mark_non_differentiable(*kept[2:])
        return (*sums, *kept)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *weights: Tensor | None) -> tuple[Tensor | None, ...]:
        known = [weight for weight in weights if weight is not None]
        if not known:
            return (None,) * 7
        low, high = zip(ctx.saved_tensors, weights[:2], weights[2:4] or (None, None), strict=True)
        # The adjoint of low = smooth(x) - mean(x) and high = x - smooth(x), with a single transform.
        with torch.autocast(known[0].device.type, enabled=False):
            gradient = ctx.decoupler.smooth(_add(_add(known[0].new_zeros(ctx.shape), 1, *low), -1, *high), ctx.dims)
        _add(gradient, 1, *high)
        return (gradient.sub_(gradient.mean(ctx.dims, keepdim=True)), *[None] * 6)


def _split(x: Tensor, decoupler: FourierDecoupler, dims: tuple[int, ...]) -> list[Tensor]:
    """``decoupler(x)`` in as little memory as it takes: fresh memory costs as much as the arithmetic."""
    mean = x.mean(dims, keepdim=True)
    smooth = decoupler.smooth(x - mean, dims)
    high = (x - mean).sub_(smooth)  # the difference once more, rather than kept beside what the transform needs
    return [smooth.sub_(smooth.mean(dims, keepdim=True)), high]


def _squares(a: Tensor, b: Tensor, dims: tuple[int, ...], grad: bool, reuse: bool) -> tuple[Tensor, Tensor | None]:
    """``sum (u - v)^2`` and its gradient by ``a``. With ``reuse``, both are overwritten."""
    norm_a, norm_b = _norm(a, dims), _norm(b, dims)
    u, v = _scaled(a, 1 / norm_a.clamp_min(EPS), reuse), _scaled(b, 1 / norm_b.clamp_min(EPS), reuse)
    difference = torch.sub(u, v, out=v)
    squares = _norm(difference, dims).square_()
    if not grad:
        return squares.sum(), None
    # <u, u - v>, where u has norm 1, and v as well unless b is shorter than EPS.
    inner = (squares + 1 - (norm_b / EPS).clamp_max(1).square()) / 2
    return squares.sum(), _through_norm(difference, u, inner, norm_a)


def _log_squares(a: Tensor, b: Tensor, dims: tuple[int, ...], grad: bool, reuse: bool) -> tuple[Tensor, Tensor | None]:
    """``sum (s(u) - s(v))^2`` and its gradient by ``a``. With ``reuse``, both are overwritten."""
    norm_a, norm_b = _norm(a, dims), _norm(b, dims)
    v = _scaled(b, 1 / norm_b.clamp_min(EPS), reuse)
    theirs = v.abs().log1p_().copysign_(v)
    del b, v
    u = _scaled(a, 1 / norm_a.clamp_min(EPS), reuse)
    difference = u.abs().log1p_().copysign_(u).sub_(theirs)
    del theirs
    total = _norm(difference, dims).square_().sum()
    if not grad:
        return total, None
    slope = difference.div_(u.abs().add_(1))
    return total, _through_norm(slope, u, (u * slope).sum(dims, keepdim=True), norm_a)


def _none(a: Tensor, b: Tensor, dims: tuple[int, ...], grad: bool, reuse: bool) -> tuple[None, None]:
    return None, None


def _through_norm(slope: Tensor, u: Tensor, inner: Tensor, norm: Tensor) -> Tensor:
    """Twice ``slope``, a gradient by ``u = a / norm``, as one by ``a``; overwrites it. ``inner`` is ``<u, slope>``."""
    factor = 2 / norm.clamp_min(EPS)
    # Where the norm is clamped, it is a constant.
    return slope.mul_(factor).addcmul_(u, (-factor * inner).masked_fill_(norm < EPS, 0))


def _norm(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    return torch.linalg.vector_norm(x, dim=dims, keepdim=True)


def _scaled(x: Tensor, factor: Tensor, reuse: bool) -> Tensor:
    return x.mul_(factor) if reuse else x * factor


def _add(total: Tensor, sign: int, slope: Tensor | None, weight: Tensor | None, band: Tensor | None) -> Tensor:
    """Adds to ``total`` what comes back through a distance, and through its band."""
    if slope is not None and weight is not None:
        total.addcmul_(slope, sign * weight)
    if band is not None:
        total.add_(band, alpha=sign)
    return total
