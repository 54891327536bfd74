"""Log power spectrograms with the numbers of scipy.signal.spectrogram, several times faster."""

from functools import lru_cache
from typing import Any

import torch
from scipy.signal.windows import tukey
from torch import Tensor

from fdkd.datasets.transforms.modality import ModalityTransform
from fdkd.errors import ConfigError, DataError
from fdkd.registry import TRANSFORMS

#: Added to the power before the logarithm.
FLOOR = 1e-7
#: Segments transformed at a time: their buffers stay in a processor's cache and are not asked of the system anew.
BLOCK = 256


def log_spectrogram(waveform: Tensor, rate: int = 16000, window: int = 512, overlap: int = 353) -> Tensor:
    r"""The logarithm of the one-sided power spectral density of overlapping segments.

    .. math::
        \log\Big( \frac{c_f\, |\mathrm{DFT}(w \cdot (x - \bar x))_f|^2}{r \sum_n w_n^2} + 10^{-7} \Big)

    with :math:`x` a segment, :math:`\bar x` its mean, :math:`w` a periodic Tukey window whose tapers take 0.25 of it,
    :math:`r` the rate, and :math:`c_f = 2`, but 1 for the frequency 0 and, of an even window, for the highest. These
    are the defaults of ``scipy.signal.spectrogram``; nothing is padded, so a rest shorter than a step is left out.

    Computed in float32, as scipy does for a float32 waveform; both stay within 5e-5 of the logarithms in float64, even
    where a full-scale tone stands beside near silence.

    Args:
        waveform: ``[..., samples]``.
        rate: Samples per second.
        window: Samples per segment.
        overlap: Samples that a segment shares with the next, below ``window``.

    Returns:
        float32 ``[..., F, T]`` with ``F = window // 2 + 1`` and ``T = (samples - overlap) // (window - overlap)``.

    Raises:
        DataError: If the waveform is shorter than the window.

    Example:
        >>> log_spectrogram(torch.randn(3 * 16000)).shape
        torch.Size([257, 299])
    """
    if waveform.shape[-1] < window:
        raise DataError(f'a clip of {waveform.shape[-1]} samples is shorter than the window of {window}')
    taper = _scaled_taper(rate, window)
    segments = waveform.float().unfold(-1, window, window - overlap)
    power = torch.empty(*segments.shape[:-1], window // 2 + 1)
    for part, block in zip(power.split(BLOCK, -2), segments.split(BLOCK, -2), strict=True):
        spectrum = torch.fft.rfft((block - block.mean(-1, keepdim=True)).mul_(taper))
        torch.addcmul(spectrum.real.square(), spectrum.imag, spectrum.imag, out=part)
    power[..., 0] /= 2
    if window % 2 == 0:
        power[..., -1] /= 2
    return power.add_(FLOOR).log_().mT


@lru_cache
def _scaled_taper(rate: int, window: int) -> Tensor:
    """The taper times what makes the squares of the transform the density of all frequencies that count twice."""
    taper = torch.from_numpy(tukey(window, 0.25, sym=False))
    return (taper * (2 / (rate * taper.square().sum())).sqrt()).float()


@TRANSFORMS.register_module()
class Spectrogram(ModalityTransform):
    """Turns a waveform ``[samples]`` into its :func:`log_spectrogram`, standardised per clip: float32 ``[1, F, T]``.

    The mean over all entries becomes 0 and their standard deviation 1; a constant spectrogram becomes zeros.

    Args:
        modality: The modality.
        rate: Samples per second.
        window: Samples per segment.
        overlap: Samples that a segment shares with the next.

    Raises:
        ConfigError: If ``overlap`` is not in 0..window-1.
        DataError: If a clip is shorter than the window.
    """

    def __init__(self, modality: str, rate: int = 16000, window: int = 512, overlap: int = 353) -> None:
        super().__init__(modality)
        if not 0 <= overlap < window:
            raise ConfigError(f'Spectrogram: overlap={overlap}, expected 0 or more and less than window={window}')
        self.rate, self.window, self.overlap = rate, window, overlap

    def apply(self, value: Any, sample_id: str) -> Tensor:
        try:
            logs = log_spectrogram(torch.as_tensor(value), self.rate, self.window, self.overlap)
        except DataError as error:
            raise DataError(
                f'{self.modality} of sample {sample_id}: {error}; seconds= of LoadAudio repeats it'
            ) from error
        centred = logs - logs.mean()
        std = centred.square().mean().sqrt()  # torch.std takes several times as long
        # The logarithms are float32: what varies by less is the rounding of their mean.
        return (centred.div_(std) if std > 1e-4 else torch.zeros_like(logs))[None]
