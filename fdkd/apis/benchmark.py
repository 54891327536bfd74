"""What the benchmarks share: generated batches, paired timings and intervals."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from rich import get_console
from rich.progress import track
from torch import Generator, Tensor
from torch.profiler import ProfilerActivity, profile

from fdkd.datasets.class_sample import ClassSample
from fdkd.errors import ConfigError
from fdkd.labels import VOID

#: With fewer values, not even the range from the smallest to the largest holds the median with 95 % probability.
FEWEST = 6


def _colours(height: int, width: int, seeded: Generator) -> Tensor:
    return torch.randint(256, (3, height, width), dtype=torch.uint8, generator=seeded)


#: One sample's random values by modality, in the shape and dtype in which the data sets' pipelines pack them.
_VALUES: dict[str, Callable[[int, int, Generator], Tensor]] = {
    'rgb': _colours,
    'depth': lambda height, width, seeded: 10 * torch.rand(1, height, width, generator=seeded),
    'audio': lambda height, width, seeded: torch.randn(1, height, width, generator=seeded),
    'noisy': lambda height, width, seeded: torch.randn(1, height, width, generator=seeded),
    'visual': lambda height, width, seeded: _colours(height, width, seeded)[None],
    'image': lambda height, width, seeded: _colours(height, width, seeded)[None],
    'text': lambda height, width, seeded: torch.randint(1, 20, (8,), generator=seeded),
}


class Interval(NamedTuple):
    """A median, its 95 % interval, and the number of values."""

    median: float
    low: float
    high: float
    count: int


def synthetic_batch(
    modalities: Sequence[str],
    num_classes: int,
    size: tuple[int, int],
    batch_size: int,
    seed: int = 0,
    *,
    dense: bool = True,
) -> dict[str, Any]:
    """A collated training batch of random values; its samples are the first of their data set, in their only view.

    Args:
        modalities: ``'rgb'``, ``'depth'``, ``'audio'`` or ``'noisy'`` (a spectrum), ``'visual'`` or ``'image'`` (one
            frame), or ``'text'`` (eight tokens below 20).
        num_classes: The labels are 0 to one less.
        size: Width and height of every input.
        batch_size: Samples.
        seed: Of the values.
        dense: Label maps, a tenth of their pixels void; without it each sample has one class.

    Raises:
        ConfigError: If a modality is not known here.
    """
    if unknown := set(modalities) - set(_VALUES):
        raise ConfigError(f'no input can be generated for {sorted(unknown)}, only for {", ".join(_VALUES)}')
    shape, seeded = size[::-1], Generator().manual_seed(seed)
    inputs = {name: [_VALUES[name](*shape, seeded) for _ in range(batch_size)] for name in modalities}
    meta = {'present': (*modalities, 'label'), 'view': 0}
    if dense:
        labels = torch.randint(num_classes, (batch_size, 1, *shape), generator=seeded)
        labels[torch.rand(labels.shape, generator=seeded) < 0.1] = VOID
        meta |= {'ori_shape': shape, 'img_shape': shape}
        samples = [SegDataSample(metainfo=meta, gt_sem_seg=PixelData(data=label)) for label in labels]
    else:
        classes = torch.randint(num_classes, (batch_size,), generator=seeded)
        samples = [ClassSample(metainfo=meta, gt_label=label) for label in classes]
    for index, sample in enumerate(samples):
        sample.set_metainfo({'sample_id': f'generated_{index}', 'index': index})
    return {'inputs': inputs, 'data_samples': samples}


def interleaved(names: Sequence[str], repeats: int, seed: int = 0) -> list[list[str]]:
    """For each repeat all ``names`` in a random order of its own, so that drift and bursts of load favour none."""
    draw = random.Random(seed)
    return [draw.sample(names, len(names)) for _ in range(repeats)]


def time_interleaved(
    tasks: Mapping[str, Callable[[], Any]], repeats: int, title: str, warmup: int = 2, seed: int = 0
) -> dict[str, list[float]]:
    """Seconds of each task in each of ``repeats``, after ``warmup`` that do not count, under a progress bar.

    The values at one place of all lists were taken next to each other, so their ratios suffer least from noise.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    order = [name for repeat in interleaved(list(tasks), warmup + repeats, seed) for name in repeat]
    hidden = not get_console().is_interactive  # which rich would otherwise answer with an empty line
    for name in track(order, title, auto_refresh=False, transient=True, disable=hidden):  # draws between them alone
        synchronise()
        start = time.perf_counter()
        tasks[name]()
        synchronise()
        seconds[name].append(time.perf_counter() - start)
    return {name: values[warmup:] for name, values in seconds.items()}


def synchronise() -> None:
    """Waits for the GPU, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_memory(task: Callable[[], Any]) -> int:
    """Bytes that ``task`` takes at its peak, beyond what lies there already.

    On a GPU it is the memory of PyTorch's allocator there. On a CPU the profiler records every allocation, buffers
    within operators included, but not what libraries take past PyTorch, nor the release of what was there before.
    """
    if not torch.cuda.is_available():
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
            task()
        events = [event for event in recorded.profiler.kineto_results.events() if event.name() == '[memory]']
        events.sort(key=lambda event: event.start_ns())
        return max(accumulate((event.nbytes() for event in events), initial=0))
    synchronise()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    task()
    return torch.cuda.max_memory_allocated() - before


def median_interval(values: Sequence[float], seed: int = 0) -> Interval:
    """The median and its 95 % interval: percentiles of the medians of resamples (bootstrap)."""
    medians = np.median(np.random.default_rng(seed).choice(values, (10_000, len(values))), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    return Interval(float(np.median(values)), float(low), float(high), len(values))
