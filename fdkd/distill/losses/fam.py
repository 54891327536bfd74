"""FAM-KD (Pham et al., WACV 2024, arXiv 2403.05894): a filter over frequencies turns the student's map into the
teacher's."""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, conv2d, mse_loss, pad

from fdkd.distill.losses.checks import at_least_float32
from fdkd.errors import LossError
from fdkd.registry import DISTILL_LOSSES


def high_pass(size: tuple[int, int], cutoff: float = 0.1) -> Tensor:
    """1 for the frequencies that the high-pass filter keeps, 0 for those it removes.

    Removed are the mean, always, and every frequency of at most ``cutoff`` times the Nyquist frequency both vertically
    and horizontally.

    Args:
        size: Height H and width W of the map.
        cutoff: Fraction of the Nyquist frequency.

    Returns:
        ``[H, W // 2 + 1]``, in the order of ``torch.fft.rfft2``.

    Example:
        >>> high_pass((2, 4))
        tensor([[0., 1., 1.],
                [1., 1., 1.]])
    """
    rows, columns = torch.fft.fftfreq(size[0]).abs(), torch.fft.rfftfreq(size[1])
    low = (rows[:, None] <= cutoff / 2) & (columns <= cutoff / 2)  # Nyquist is half a cycle per position
    return (~low).float()


def filter_frequencies(x: Tensor, weight: Tensor, kept: Tensor) -> Tensor:
    r"""Mixes the channels of ``x`` with a complex matrix of its own at each frequency.

    .. math:: y_o = \mathrm{Re}\, F^{-1} \Big( h \odot \sum_i K_{io} \odot F(x_i) \Big)

    Half the spectrum says all, since ``x`` is real: only the part :math:`\tfrac12 (K(u, v) + \overline{K(-u, -v)})` of
    a filter on the full spectrum reaches the real part of the result.

    Args:
        x: ``[N, I, H, W]``, float32 or float64.
        weight: The filter K, ``[H, W // 2 + 1, I, O, 2]``. Frequencies lead, since they are the batch of one matrix
            product; real and imaginary part are the last dimension, since parameters of complex type pass neither
            gradient scaling nor every way of averaging gradients over processes.
        kept: The high-pass filter h, ``[H, W // 2 + 1]``.

    Returns:
        ``[N, O, H, W]``.
    """
    width = x.shape[3]
    spectrum = torch.fft.rfft2(x, norm='ortho') * kept
    spectrum = spectrum.permute(2, 3, 0, 1) @ torch.view_as_complex(weight)
    rows = torch.fft.ifft(spectrum.permute(2, 3, 0, 1), dim=2, norm='ortho')
    # The column of frequency 0 and, of an even width, that of the Nyquist frequency mirror themselves, so that what is
    # imaginary here belongs to the imaginary part of the result. FFT libraries differ in dropping it: it is dropped.
    imaginary = pad(rows.imag[..., 1 : (width + 1) // 2], (1, 1 - width % 2))
    return torch.fft.irfft(torch.complex(rows.real, imaginary), n=width, dim=3, norm='ortho')


class FrequencyAttention(nn.Module):
    r"""The frequency attention module: a filter over frequencies and a 1x1 convolution, weighed by two learnt numbers.

    .. math:: \gamma_1 F^{-1}(h(K \odot F(x))) + \gamma_2 (W x + b)

    It starts as the public code: both :math:`\gamma` at 0.5, and K with real and imaginary parts from 0 to
    :math:`1 / (C_{in} C_{out})`, uniformly.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        size: Height and width of the maps.
        cutoff: See :func:`high_pass`.
    """

    def __init__(self, in_channels: int, out_channels: int, size: tuple[int, int], cutoff: float = 0.1) -> None:
        super().__init__()
        full = torch.rand(*size, in_channels, out_channels, dtype=torch.cfloat) / (in_channels * out_channels)
        self.weight = nn.Parameter(torch.view_as_real(half_spectrum(full)).contiguous())
        self.register_buffer('kept', high_pass(size, cutoff), persistent=False)
        self.local = nn.Conv2d(in_channels, out_channels, 1)
        self.gamma = nn.Parameter(torch.full((2,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C_out, H, W]`` of ``[N, C_in, H, W]``, in the type of ``x``, float32 or float64."""
        weight, kernel, bias, gamma = (p.to(x.dtype) for p in (self.weight, *self.local.parameters(), self.gamma))
        return gamma[0] * filter_frequencies(x, weight, self.kept) + gamma[1] * conv2d(x, kernel, bias)


def half_spectrum(full: Tensor) -> Tensor:
    """The part of a filter on the full spectrum that reaches the real part of the result.

    Args:
        full: Complex ``[H, W, ...]``, in the order of ``torch.fft.fft2``.

    Returns:
        Complex ``[H, W // 2 + 1, ...]``.
    """
    mirrored = full.flip(0, 1).roll((1, 1), (0, 1))
    return (full + mirrored.conj())[:, : full.shape[1] // 2 + 1] / 2


@DISTILL_LOSSES.register_module()
class FAMLoss(nn.Module):
    r"""Mean squared error between the student's map after frequency attention and the teacher's.

    .. math:: \frac1{N C H W} \lVert \mathrm{FAM}(x^a) - x^b \rVert_2^2

    This is the module of the paper layer to layer, without the attention across layers of knowledge review, on a tap
    such as ``map``. What differs from the public code:

    - Both maps are first averaged to ``size``, since a filter has one size, and a filter for maps of 512 channels and
      60x80 pixels would take gigabytes; smaller maps are repeated to it. The paper filters at the teacher's size.
    - ``cutoff=0.1`` is the code's, but there the removed square is empty below 20x20 positions, not even the mean goes,
      and it leans to one side. Here it always holds the mean, as the code's remark says, and is symmetric.
    - The filter keeps half the spectrum. It can express the same as the real part of the full one and starts as the
      same function; SGD changes the frequencies whose mirror images are left out by twice as much.
    - No batch norm and ReLU follow, since our taps lie before the teacher's ReLU.

    Args:
        student_channels: Channels of the student's map.
        teacher_channels: Channels of the teacher's map.
        size: Height and width to which maps are averaged.
        cutoff: See :func:`high_pass`.

    Raises:
        ValueError: If a number of channels is missing or ``size`` is below 1.
    """

    def __init__(
        self,
        student_channels: int | None = None,
        teacher_channels: int | None = None,
        size: tuple[int, int] = (4, 4),
        cutoff: float = 0.1,
    ) -> None:
        super().__init__()
        if not isinstance(student_channels, int) or not isinstance(teacher_channels, int):
            raise LossError(
                f'FAMLoss compares one map: student_channels={student_channels}, teacher_channels={teacher_channels}; '
                "add both, and on='map' for the last stage"
            )
        if len(size) != 2 or min(size) < 1:
            raise LossError(f'size={size!r}: expected a height and a width of 1 or more')
        self.size, self.channels = tuple(size), (student_channels, teacher_channels)
        self.attention = FrequencyAttention(student_channels, teacher_channels, self.size, cutoff)

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> Tensor:
        """The loss of one pair of maps; it needs no labels.

        Args:
            student: ``[N, C_s, H, W]``.
            teacher: ``[N, C_t, H', W']``.
            target: Not used.

        Returns:
            A scalar of 0 or more, in at least float32.

        Raises:
            ValueError: If the features are no maps of the same samples, or their channels are not those announced.
        """
        shapes = f'student feature {tuple(student.shape)} and teacher feature {tuple(teacher.shape)}'
        if student.ndim != 4 or teacher.ndim != 4 or len(student) != len(teacher):
            raise LossError(f'{shapes}: a filter over positions needs maps [N, C, H, W] of the same samples')
        if (student.shape[1], teacher.shape[1]) != self.channels:
            raise LossError(f'{shapes}: FAMLoss was built for {self.channels[0]} and {self.channels[1]} channels')
        student, teacher = at_least_float32(student, teacher)
        with torch.autocast(student.device.type, enabled=False):
            student = self.attention(adaptive_avg_pool2d(student, self.size))
            return mse_loss(student, adaptive_avg_pool2d(teacher, self.size))
