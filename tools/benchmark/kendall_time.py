"""What C2KD's selection costs: Kendall's rank correlation of a batch against SciPy's, called for each sample."""

import time
from typing import Any

import torch
from prettytable import PrettyTable
from scipy.stats import kendalltau
from torch import Tensor

from fdkd.apis import benchmark
from fdkd.distill.losses.c2kd import kendall_tau
from fdkd.errors import FdkdError

GOAL = 20.0
SAMPLES, PIXELS = (64, 50), (16, 40, 120, 160)


def measure_kendall(
    repeats: int, device: str, samples: tuple[int, ...] = SAMPLES, pixels: tuple[int, ...] = PIXELS
) -> dict[str, Any]:
    """Both on ``samples``; fdkd's alone, and once, on ``pixels``, of which SciPy would take many minutes.

    Raises:
        FdkdError: If the two differ.
    """
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, *samples, generator=generator).to(device)
    difference = float((kendall_tau(a, b).cpu() - per_sample(a, b)).abs().max())
    if difference > 1e-4:
        raise FdkdError(f'kendall_tau differs from that of SciPy by {difference:.1e}: nothing was timed')
    tasks = {'ours': lambda: kendall_tau(a, b), 'scipy': lambda: per_sample(a, b)}
    seconds = benchmark.time_interleaved(tasks, repeats, 'Kendall')
    ratio = benchmark.median_interval([x / y for x, y in zip(seconds['scipy'], seconds['ours'], strict=True)])
    a, b = torch.randn(2, *pixels, generator=generator).to(device)
    kendall_tau(a[:1], b[:1])  # whatever a first call sets up
    start = time.perf_counter()
    kendall_tau(a, b)
    benchmark.synchronise()
    took = time.perf_counter() - start
    return {
        'samples': list(samples),
        'difference': difference,
        'milliseconds': {name: 1000 * benchmark.median_interval(values).median for name, values in seconds.items()},
        'ratio': ratio._asdict(),
        'goal': GOAL,
        'seconds': seconds,
        'pixels': list(pixels),
        'pixels_milliseconds': 1000 * took,
        'pixels_peak_bytes': benchmark.peak_memory(lambda: kendall_tau(a, b)),
        'pixels_input_bytes': a.nbytes + b.nbytes,
    }


def per_sample(a: Tensor, b: Tensor) -> Tensor:
    """SciPy's correlation of each pair of rows, as a plain script has it, copies to the CPU included."""
    return torch.tensor([kendalltau(x, y).statistic for x, y in zip(a.cpu().numpy(), b.cpu().numpy(), strict=True)])


def kendall_table(figures: dict[str, Any]) -> str:
    """The samples, both ways, and the pixels."""
    kendall = figures['kendall']
    ratio, times = kendall['ratio'], kendall['milliseconds']
    drawn = PrettyTable(
        ['logits', 'ms ours', 'ms SciPy', 'SciPy / ours', 'peak MiB (inputs alone)', f'goal >= {GOAL:.0f}']
    )
    interval = f'{ratio["median"]:.1f} [{ratio["low"]:.1f}, {ratio["high"]:.1f}]'
    met = 'missed' if ratio['high'] < GOAL else 'met' if ratio['low'] >= GOAL else 'met within noise'
    met = met if ratio['count'] >= benchmark.FEWEST else f'open: fewer than {benchmark.FEWEST} repeats'
    drawn.add_row(
        ['x'.join(map(str, kendall['samples'])), f'{times["ours"]:.2f}', f'{times["scipy"]:.2f}', interval, '', met]
    )
    memory = f'{kendall["pixels_peak_bytes"] / 2**20:.0f} ({kendall["pixels_input_bytes"] / 2**20:.0f})'
    drawn.add_row(['x'.join(map(str, kendall['pixels'])), f'{kendall["pixels_milliseconds"]:.0f}', '', '', memory, ''])
    drawn.title = f'{figures["device"]}, {figures["threads"]} threads; {figures["repeats"]} repeats, median [95 %]'
    return drawn.get_string()
