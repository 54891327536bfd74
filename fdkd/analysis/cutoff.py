"""The cutoff between low and high frequencies that a spectral CKA profile suggests."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fdkd.analysis.spectrum import Profile

#: Profiles of pure noise that are drawn to learn how well two levels describe noise.
_DRAWS = 20_000
#: Share of noise profiles that two levels may describe as well, for the profile to count as falling.
_LEVEL = 0.05


@dataclass(frozen=True)
class Suggestion:
    """What a profile says of the cutoff.

    Attributes:
        cutoff: Fraction of Nyquist for ``FourierDecoupler(cutoff=...)``; ``None`` where no cutoff is better than
            another.
        low: Mean debiased CKA of the bands up to the best split, which is the cutoff where there is one.
        high: The same above it.
        reason: One sentence.
    """

    cutoff: float | None
    low: float
    high: float
    reason: str

    @property
    def contrast(self) -> float:
        """How much more similar the models are in the low band."""
        return self.low - self.high


def suggest_cutoff(profile: Profile) -> Suggestion:
    """Splits the debiased profile into two levels and says where, if it falls by more than its bands scatter.

    The rule: of all edges, take the one at which two levels, the means below and above, leave the least squared rest.
    It is suggested if (1) the level below is higher, and (2) the split explains more of the variance between bands than
    the best split of all but 5 % of profiles of as many bands of white Gaussian noise (20,000, with a fixed seed).

    Its limits: it looks for one step. A profile that falls smoothly has a best split as well, but bands beside it are
    hardly different; one that rises again is described badly. How far bands scatter is learnt from the profile itself,
    so few bands (fewer than about 8) can hardly show a fall, and what differs from seed to seed is not in it: compare
    several seeds. A fall may be clear and small: see :attr:`Suggestion.contrast`. Whether a cutoff at the step makes
    for better distillation is for training to show.

    Args:
        profile: A profile of training or validation data; nothing should be tuned on test data.
    """
    values = torch.tensor(profile.debiased, dtype=torch.float64)
    if not values.isfinite().all():
        silent = ', '.join(str(band + 1) for band in torch.nonzero(~values.isfinite()).flatten().tolist())
        return Suggestion(None, math.nan, math.nan, f'no variation over the samples in band {silent}')
    if len(values) < 3:
        return Suggestion(None, values[0].item(), values[-1].item(), 'fewer than 3 bands show no step')
    explained, lows, highs = _splits(values)
    best = int(explained.argmax())
    share, low, high, edge = explained[best].item(), lows[best].item(), highs[best].item(), profile.edges[best + 1]
    levels = f'debiased CKA {low:.3f} up to {edge:.4g} of Nyquist and {high:.3f} above'
    if low <= high:
        return Suggestion(None, low, high, f'the profile does not fall: {levels}; keep the default of 0.5')
    if (likelihood := _noise_share(share, len(values))) > _LEVEL:
        why = f'two levels describe {likelihood:.0%} of pure noise as well'
        return Suggestion(
            None, low, high, f'the profile is flat within noise: {levels}, {why}; keep the default of 0.5'
        )
    return Suggestion(edge, low, high, f'the profile falls: {levels}, {share:.0%} of the variance between bands')


def _splits(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For each split of ``[..., b]``: the share of variance that two levels explain, the lower level, the upper one."""
    b = values.shape[-1]
    below = torch.arange(1, b, dtype=values.dtype)
    sums = values.cumsum(-1)
    lows, highs = sums[..., :-1] / below, (sums[..., -1:] - sums[..., :-1]) / (b - below)
    between = below * (b - below) / b * (lows - highs).square()
    total = (values - values.mean(-1, keepdim=True)).square().sum(-1, keepdim=True)
    return between / total.clamp_min(1e-30), lows, highs


def _noise_share(share: float, bands: int) -> float:
    """The share of noise profiles whose best split, up or down, explains at least ``share`` of their variance."""
    noise = torch.randn(_DRAWS, bands, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return (_splits(noise)[0].max(-1).values >= share).double().mean().item()
