r"""Similarity of two models' features by frequency: in the two bands of a decoupler, and as a profile over many bands.

A real orthonormal Fourier transform along the decoupling axes (that of Hartley: cosine plus sine) splits a feature into
coefficients of one frequency each. The coefficients of a band, those of all channels or steps that are not transformed
included, are a feature of their own, whose linear CKA is that of the band-passed features.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fdkd.analysis.cka import StreamingCKA, linear_cka
from fdkd.distill.decouplers import FourierDecoupler
from fdkd.distill.decouplers.fourier import Axes
from fdkd.errors import FdkdError


def band_cka(x: Tensor, y: Tensor, decoupler: nn.Module | None = None, debiased: bool = False) -> dict[str, float]:
    """CKA of two models' features as they are and of the two bands of a decoupler (the paper's Fig. 1).

    Args:
        x: Features of one model, ``[N, D]``, ``[N, T, D]`` or ``[N, C, H, W]``.
        y: Those of the other, of the same samples.
        decoupler: ``low, high = decoupler(x)``; by default the loss's own, a
            :class:`~fdkd.distill.decouplers.FourierDecoupler` with the cutoff 0.5.
        debiased: See :func:`~fdkd.analysis.cka.linear_cka`.

    Returns:
        The CKA by ``'original'``, ``'low'`` and ``'high'``.
    """
    decoupler = decoupler or FourierDecoupler()
    pairs = zip((x, *decoupler(x)), (y, *decoupler(y)), strict=True)
    return {name: linear_cka(*pair, debiased) for name, pair in zip(('original', 'low', 'high'), pairs, strict=True)}


def shuffled_contrast(x: Tensor, y: Tensor, orders: int = 100, seed: int = 0) -> Tensor:
    """What CKA of the low minus CKA of the high band is when the channels of one model stand in another order.

    The order of channels is arbitrary, so a contrast (:func:`band_cka`) that means something lies outside of these.

    Args:
        x: Features of one model, ``[N, D]``, whose channels are put in random orders.
        y: Those of the other, ``[N, D]``.
        orders: How many orders are drawn.
        seed: Of the draws.

    Returns:
        The debiased contrast in each order, ``[orders]``, float64.
    """
    generator = torch.Generator().manual_seed(seed)
    contrasts = []
    for _ in range(orders):
        bands = band_cka(x[:, torch.randperm(x.shape[1], generator=generator)], y, debiased=True)
        contrasts.append(bands['low'] - bands['high'])
    return torch.tensor(contrasts, dtype=torch.float64)


@dataclass(frozen=True)
class Profile:
    """CKA by frequency band.

    Attributes:
        edges: Bounds of the ``b`` bands as fractions of Nyquist, from 0 to 1, ``b + 1`` of them. Band ``j`` holds the
            frequencies above ``edges[j]`` up to and with ``edges[j + 1]``, so each inner edge is a decoupler's cutoff.
        cka: CKA of each band; NaN where a model's coefficients there are the same for every sample.
        debiased: The same by the unbiased estimator.
        energy: For either model the share of each band in the squared distance to the mean over the samples.
        samples: Number of samples.
    """

    edges: tuple[float, ...]
    cka: tuple[float, ...]
    debiased: tuple[float, ...]
    energy: tuple[tuple[float, ...], tuple[float, ...]]
    samples: int


class StreamingProfile:
    """The spectral CKA profile over batches of features.

    Args:
        bands: Number of bands of equal width over (0, Nyquist]. The mean along the axes (DC) is in none.
        axes: What is transformed, as for :class:`~fdkd.distill.decouplers.FourierDecoupler`. In 2-D a band is a square
            ring, ``max(|fy|, |fx|)``, as the decoupler's default mask has it.

    Example:
        >>> profile = StreamingProfile(bands=4)
        >>> profile.update(torch.eye(8), torch.eye(8).roll(1, 0))
        >>> profile.value().edges
        (0.0, 0.25, 0.5, 0.75, 1.0)
    """

    def __init__(self, bands: int = 16, axes: Axes | None = None) -> None:
        if bands < 1:
            raise FdkdError(f'{bands} bands; expected 1 or more')
        self.edges = tuple(edge / bands for edge in range(bands + 1))
        self._dims = FourierDecoupler(axes=axes).dims
        self._bands = [StreamingCKA() for _ in range(bands)]
        self._origins: list[Tensor] = []

    def update(self, x: Tensor, y: Tensor) -> None:
        """Adds a batch of both models' features, ``[n, D]``, ``[n, T, D]`` or ``[n, C, H, W]``.

        Raises:
            FdkdError: If the axes have no meaning for the shapes, an axis is too short for so many bands, or the
                samples do not match.
        """
        if not len(x) and not len(y):
            return
        # Taken off first: a large mean would cost digits in the transform.
        self._origins = self._origins or [_wide(z).mean(0) for z in (x, y)]
        split = [self._split(_wide(z) - origin) for z, origin in zip((x, y), self._origins, strict=True)]
        for cka, *bands in zip(self._bands, *split, strict=True):
            cka.update(*bands)

    def value(self) -> Profile:
        """The profile of all samples so far.

        Raises:
            FdkdError: If there are fewer than 4.
        """
        energies = zip(*(cka.energy() for cka in self._bands), strict=True)
        return Profile(
            self.edges,
            tuple(cka.value() for cka in self._bands),
            tuple(cka.value(debiased=True) for cka in self._bands),
            tuple(_shares(energy) for energy in energies),
            self._bands[0].samples,
        )

    def _split(self, x: Tensor) -> list[Tensor]:
        """The coefficients of each band, ``[n, ...]``."""
        dims = self._dims(x)
        band_of = self._band_of([x.shape[dim] for dim in dims])
        for dim in dims:
            x = hartley(x, dim)
        cells = x.movedim(dims, tuple(range(-len(dims), 0))).flatten(-len(dims))
        return [cells[..., band_of == band] for band in range(1, len(self.edges))]

    def _band_of(self, sizes: Sequence[int]) -> Tensor:
        """The number of each coefficient's band, counted from 1, 0 for DC; one row for the cells of all axes."""
        grid = torch.zeros((), dtype=torch.int64)
        for size in sizes:
            k = torch.arange(size)
            # The same tolerance as the decoupler's: k / (n / 2) <= cutoff.
            bounds = torch.tensor(self.edges, dtype=torch.float64) * size / 2 + 5e-10
            grid = torch.maximum(grid[..., None], torch.searchsorted(bounds, torch.minimum(k, size - k).double()))
        if empty := sorted(set(range(1, len(self.edges))) - set(grid.flatten().tolist())):
            raise FdkdError(
                f'{len(self.edges) - 1} bands over a length of {" x ".join(map(str, sizes))} leave band {empty[0]} '
                f'without a frequency; expected at most {max(sizes) // 2} bands'
            )
        return grid.flatten()


def spectral_profile(x: Tensor, y: Tensor, bands: int = 16, axes: Axes | None = None) -> Profile:
    """The spectral CKA profile of two models' features; see :class:`StreamingProfile`."""
    profile = StreamingProfile(bands, axes)
    profile.update(x, y)
    return profile.value()


def hartley(x: Tensor, dim: int) -> Tensor:
    """Real orthonormal Fourier coefficients along ``dim``; those at ``k`` and ``n - k`` have the frequency ``k``.

    Example:
        >>> hartley(torch.tensor([[2.0, 0.0, 0.0, 0.0]]), 1)
        tensor([[1., 1., 1., 1.]])
    """
    spectrum = torch.fft.fft(x, dim=dim, norm='ortho')
    return spectrum.real - spectrum.imag


def _wide(x: Tensor) -> Tensor:
    return x.detach().to(torch.promote_types(x.dtype, torch.float32))


def _shares(energy: Sequence[float]) -> tuple[float, ...]:
    total = sum(energy)
    return tuple(part / total if total else 0.0 for part in energy)
