r"""Linear centred kernel alignment (CKA): how similar two models' features of the same samples are, from 0 to 1.

With the Gram matrices :math:`K = XX^T` and :math:`L = YY^T` (FD-CMKD, arXiv 2511.19887, Appendix B; Kornblith et al.,
ICML 2019), both centred,

.. math:: \mathrm{CKA} = \frac{\mathrm{Tr}(KL)}{\sqrt{\mathrm{Tr}(KK)\,\mathrm{Tr}(LL)}}.

Features wide against the number of samples look similar whatever they are: unrelated ones of D = N dimensions have a
CKA near 1/2. The debiased CKA puts the unbiased estimator of Song et al. (JMLR 2012, HSIC_1; used so by Nguyen et al.,
ICLR 2021) in the place of each trace: with :math:`\tilde K` for an uncentred :math:`K` whose diagonal is 0,

.. math:: \mathrm{HSIC}_1 = \frac{1}{n(n-3)} \Big[ \mathrm{Tr}(\tilde K \tilde L) +
    \frac{1^T \tilde K 1 \; 1^T \tilde L 1}{(n-1)(n-2)} - \frac{2}{n-2} 1^T \tilde K \tilde L 1 \Big].

It is near 0 for unrelated features, sometimes below.
"""

import math

import torch
from torch import Tensor

from fdkd.errors import FdkdError


def linear_cka(x: Tensor, y: Tensor, debiased: bool = False) -> float:
    """Linear CKA of two models' features of the same samples.

    Args:
        x: ``[N, ...]``, what follows N is flattened. At least 2 samples, debiased 4.
        y: ``[N, ...]``, of any width, row ``i`` of the same sample as row ``i`` of ``x``.
        debiased: Use the unbiased estimator.

    Returns:
        0 to 1, 1 for features that are equal but for rotation, scale and translation; debiased at most 1. NaN where
        the features of a model are the same for every sample.

    Raises:
        FdkdError: If the rows do not match, are too few, or hold what is not finite.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
        >>> round(linear_cka(x, 10 * x.flip(1) + 5), 6)
        1.0
    """
    cka = StreamingCKA()
    cka.update(x, y)
    return cka.value(debiased)


class StreamingCKA:
    """Linear CKA over batches; equals :func:`linear_cka` of all samples at once.

    While there are no more samples than the wider feature has dimensions, the features themselves are kept, as the
    smaller of the two; from then on float64 sums alone, among them the second moments ``[Dx, Dx]``, ``[Dx, Dy]`` and
    ``[Dy, Dy]``, whatever the number of samples. All sums are of the distance to the first batch's mean, so that a mean
    that is large against the spread costs no digits.

    Attributes:
        samples: How many samples there were.
    """

    def __init__(self) -> None:
        self.samples = 0
        self._origins: list[Tensor] = []
        self._kept: list[tuple[Tensor, Tensor]] = []
        self._moments: _Moments | None = None

    def update(self, x: Tensor, y: Tensor) -> None:
        """Adds a batch, of any size: ``x`` ``[n, ...]`` and ``y`` ``[n, ...]``, row by row of the same samples.

        Raises:
            FdkdError: If the rows do not match each other or earlier batches, or hold what is not finite.
        """
        x, y = x.detach(), y.detach()
        self._check(x, y)
        if not len(x):
            return
        x, y = x.flatten(1), y.flatten(1)
        self._origins = self._origins or [_mean(x), _mean(y)]
        self.samples += len(x)
        if self._moments is not None:
            self._moments.add(*self._shifted(x, y))
            return
        self._kept.append((x, y))
        if self.samples > max(x.shape[1], y.shape[1]):
            self._moments = _Moments()
            for batch in self._kept:
                self._moments.add(*self._shifted(*batch))
            self._kept = []

    def value(self, debiased: bool = False) -> float:
        """The CKA of all samples so far; see :func:`linear_cka`."""
        least = 4 if debiased else 2
        if self.samples < least:
            kind = 'debiased CKA' if debiased else 'CKA'
            raise FdkdError(f'{kind} of {self.samples} samples; expected at least {least}')
        measure = self._measure()
        xx, yy = measure.hsic(0, 0, debiased), measure.hsic(1, 1, debiased)
        if xx <= 0 or yy <= 0:
            return math.nan
        return measure.hsic(0, 1, debiased) / (math.sqrt(xx) * math.sqrt(yy))

    def energy(self) -> tuple[float, float]:
        """The squared distance to the mean, summed over the samples, of ``x`` and of ``y``."""
        if not self.samples:
            return 0.0, 0.0
        measure = self._measure()
        return measure.energy(0), measure.energy(1)

    def _measure(self) -> '_Moments | _Grams':
        if self._moments is not None:
            return self._moments
        return _Grams(*self._shifted(*(torch.cat(batches) for batches in zip(*self._kept, strict=True))))

    def _shifted(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x.double() - self._origins[0], y.double() - self._origins[1]

    def _check(self, x: Tensor, y: Tensor) -> None:
        shapes = f'features of the shapes {tuple(x.shape)} and {tuple(y.shape)}'
        if min(x.ndim, y.ndim) < 2 or len(x) != len(y):
            raise FdkdError(f'CKA of {shapes}; expected [N, ...] and [N, ...] with one row for each sample')
        widths = [origin.numel() for origin in self._origins]
        if widths and widths != [x[:1].numel(), y[:1].numel()] and len(x):
            raise FdkdError(f'CKA of {shapes} after batches of the widths {widths[0]} and {widths[1]}')
        if not (x.isfinite().all() and y.isfinite().all()):
            raise FdkdError(f'CKA of {shapes}, of which some entries are not finite')


class _Moments:
    """Float64 sums over the samples, from which both estimators follow. Features 0 and 1 are those of the models."""

    def __init__(self) -> None:
        self.samples = 0
        self.totals: list[Tensor | float] = [0.0, 0.0]  # sum of x
        self.cross: dict[tuple[int, int], Tensor | float] = dict.fromkeys(_PAIRS, 0.0)  # sum of x y^T
        self.weighted: dict[tuple[int, int], Tensor | float] = dict.fromkeys([*_PAIRS, (1, 0)], 0.0)  # sum of x |y|^2
        self.squares: dict[tuple[int, int], Tensor | float] = dict.fromkeys(_PAIRS, 0.0)  # sum of |x|^2 |y|^2

    def add(self, *features: Tensor) -> None:
        norms = [x.square().sum(1) for x in features]
        self.samples += len(norms[0])
        for p in (0, 1):
            self.totals[p] = self.totals[p] + features[p].sum(0)
        for p, q in self.cross:
            self.cross[p, q] = self.cross[p, q] + features[p].T @ features[q]
            self.squares[p, q] = self.squares[p, q] + norms[p] @ norms[q]
        for p, q in self.weighted:
            self.weighted[p, q] = self.weighted[p, q] + norms[q] @ features[p]

    def hsic(self, p: int, q: int, debiased: bool) -> float:
        cross, squares = self.cross[p, q], self.squares[p, q]
        s, t, n = self.totals[p], self.totals[q], self.samples
        if not debiased:
            return (cross - torch.outer(s, t) / n).square().sum().item()
        trace = cross.square().sum() - squares
        sums = (s @ s - self.cross[p, p].trace()) * (t @ t - self.cross[q, q].trace())
        # Row j of the hollow Gram matrix sums to x_j s - |x_j|^2.
        products = s @ cross @ t - s @ self.weighted[p, q] - t @ self.weighted[q, p] + squares
        return _unbiased(trace, sums, products, n)

    def energy(self, p: int) -> float:
        return (self.cross[p, p].trace() - self.totals[p] @ self.totals[p] / self.samples).clamp_min(0).item()


class _Grams:
    """Gram matrices of few samples, from which both estimators follow."""

    def __init__(self, *features: Tensor) -> None:
        centred = [x - x.mean(0) for x in features]
        self.grams = [x @ x.T for x in centred]

    def hsic(self, p: int, q: int, debiased: bool) -> float:
        x, y = self.grams[p], self.grams[q]
        if not debiased:
            return (x * y).sum().item()
        x, y = (gram - gram.diagonal().diag() for gram in (x, y))
        return _unbiased((x * y).sum(), x.sum() * y.sum(), x.sum(0) @ y.sum(0), len(x))

    def energy(self, p: int) -> float:
        return self.grams[p].trace().item()


_PAIRS = ((0, 0), (0, 1), (1, 1))


def _unbiased(trace: Tensor, sums: Tensor, products: Tensor, n: int) -> float:
    """HSIC_1 from Tr(K L), 1'K1 1'L1 and 1'KL1 of hollow Gram matrices."""
    return ((trace + sums / ((n - 1) * (n - 2)) - 2 * products / (n - 2)) / (n * (n - 3))).item()


def _mean(x: Tensor) -> Tensor:
    """The mean over the samples, exact where all of them are equal, so that constant features have no energy at all."""
    x = x.double()
    return x[0] + (x - x[0]).mean(0)
