"""Whether a training waits for its data: what a sample costs, what the loader gives, and what the step waits.

python tools/benchmark/data_time.py configs/demo/rooms_rgb_from_depth.py --workers 1 2 --cache none ram disk

The data set has to be there; weights are random. Three things are measured with the config's own pipeline, loader and
training step:

- each step of the pipeline, in this process: milliseconds per sample, and their share;
- the loader alone, for every number of workers and kind of cache: milliseconds per batch;
- the same loader with the training step: the share of the time that the step waited for a batch. This has the goal.

The last two run through an epoch, or its first --batches, in each repeat, the settings in random order one after the
other. The wait for the first batch of an epoch is in it, so few batches say more than a whole epoch would. Before
that every loader runs through all samples once: starting the workers and filling the caches does not count, and is
said apart. Figures are medians over the repeats with the 95 % interval of a bootstrap.
"""

import argparse
import copy
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import step_tasks as tasks
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from prettytable import PrettyTable
from step_time import verdict
from torch.utils.data import DataLoader

from fdkd.apis import benchmark
from fdkd.apis.cli import guarded, parse_size, positive, whole
from fdkd.apis.options import RunOptions
from fdkd.apis.provenance import environment
from fdkd.datasets.base import MultimodalDataset, seeded
from fdkd.datasets.steps import step_name
from fdkd.engine.runner import Runner
from fdkd.errors import FdkdError
from fdkd.files import write_json
from fdkd.registry import DATASETS

#: The share of its time that a training may wait for data.
GOAL = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', nargs='?', default='configs/demo/rooms_rgb_from_depth.py', help='config file')
    parser.add_argument('--data-root', help='folder of the data set')
    parser.add_argument('--size', type=parse_size, metavar='WIDTHxHEIGHT', help='size that samples are resized to')
    parser.add_argument('--batch-size', type=positive, help="samples per step (the config's)")
    parser.add_argument('--workers', nargs='+', type=whole, default=[1, 2], help='processes that load data (1 2)')
    parser.add_argument(
        '--cache', nargs='+', choices=('none', 'ram', 'disk'), default=['none', 'ram', 'disk'],
        help='what is kept of decoded samples (all three)',
    )  # fmt: skip
    parser.add_argument('--batches', type=positive, help='batches per repeat (an epoch)')
    parser.add_argument('--samples', type=positive, default=100, help='samples for the times of the steps (100)')
    parser.add_argument('--repeats', type=positive, default=7, help='repeats that count (7)')
    parser.add_argument('--threads', type=positive, help="threads on the CPU (torch's own choice)")
    parser.add_argument('--json', type=Path, metavar='FILE', help='write every figure and the setting')
    args = parser.parse_args()
    if args.json and not args.json.absolute().parent.is_dir():
        raise FdkdError(f'--json {args.json}: there is no such folder')
    if args.threads:
        torch.set_num_threads(args.threads)
    options = RunOptions(pretrained='none', data_root=args.data_root, size=args.size, batch_size=args.batch_size)
    cfg = tasks.distillation_config(args.config, options)
    steps = step_times(DATASETS.build(copy.deepcopy(cfg.train_dataloader.dataset)), args.samples)
    print(step_table(steps))
    with tempfile.TemporaryDirectory() as folder:
        loaders = build_loaders(cfg, args.workers, args.cache, folder, args.batches)
        figures = {
            **environment(),
            'config': args.config,
            'config_hash': cfg.config_hash,
            'batch_size': cfg.train_dataloader.batch_size,
            'repeats': args.repeats,
            'goal': GOAL,
            'steps': steps,
            'loaders': measure(cfg, loaders, args.repeats),
        }
    print(table(figures))
    if args.json:
        write_json(args.json, figures)


def step_times(dataset: MultimodalDataset, samples: int) -> list[dict[str, Any]]:
    """Mean milliseconds per sample of each step, and of what the data set does beside them, with their shares."""
    steps, count = dataset.pipeline.transforms, min(samples, len(dataset))
    names = ['listing and seeding', *(f'{step_name(step)} {getattr(step, "modality", "")}'.strip() for step in steps)]
    seconds = [0.0] * len(names)
    for index, warm in [*((index, False) for index in range(min(3, count))), *((i, True) for i in range(count))]:
        last = start = time.perf_counter()
        results = dataset.get_data_info(index)
        with seeded(0, 0, results['sample_id']):
            spent = []
            last = _lap(spent, last)
            for step in steps:
                results = step(results)
                last = _lap(spent, last)
        spent[0] += time.perf_counter() - start - sum(spent)  # what restoring the generators took
        if warm:
            seconds = [a + b for a, b in zip(seconds, spent, strict=True)]
    return [
        {'step': name, 'ms': 1000 * value / count, 'share': value / sum(seconds)}
        for name, value in zip(names, seconds, strict=True)
    ]


def build_loaders(
    cfg: Config, workers: list[int], caches: list[str], folder: str, batches: int | None
) -> dict[tuple[int, str], DataLoader]:
    """The config's training loader, of so many batches, for each number of workers and kind of cache."""
    loaders = {}
    for number, cache in itertools.product(workers, caches):
        config = copy.deepcopy(cfg.train_dataloader)
        config.num_workers, config.persistent_workers = number, number > 0
        if batches is not None:  # no epoch is broken off: what workers had begun would burden the next one
            config.dataset.indices = batches * config.batch_size
        config.dataset.update(cache=None if cache == 'none' else cache, cache_folder=f'{folder}/{number}')
        loaders[number, cache] = Runner.build_dataloader(config, seed=0)
    return loaders


def measure(cfg: Config, loaders: dict[tuple[int, str], DataLoader], repeats: int) -> list[dict[str, Any]]:
    """The figures of each loader: filled once, then in turn alone and with the training step."""
    algorithm = tasks.build(cfg).train()
    optim_wrapper = build_optim_wrapper(algorithm, copy.deepcopy(cfg.optim_wrapper))
    first = {}
    for key, loader in loaders.items():
        start = time.perf_counter()
        for _ in loader:
            pass
        first[key] = time.perf_counter() - start
    alone: dict[tuple, list[float]] = {key: [] for key in loaders}
    stepped: dict[tuple, list[tuple[float, float, int]]] = {key: [] for key in loaders}

    def time_alone(key: tuple) -> None:
        waited, _, count = run(loaders[key], lambda batch: None)
        alone[key].append(waited / count)

    def time_stepped(key: tuple) -> None:
        stepped[key].append(run(loaders[key], lambda batch: algorithm.train_step(batch, optim_wrapper)))

    timed = {f'{key} {task.__name__}': (task, key) for key in loaders for task in (time_alone, time_stepped)}
    benchmark.time_interleaved({name: _call(*pair) for name, pair in timed.items()}, repeats, 'loaders', warmup=0)
    return [
        {
            'workers': key[0],
            'cache': key[1],
            'first_pass_seconds': first[key],
            'batch_ms': benchmark.median_interval([1000 * value for value in alone[key]])._asdict(),
            'step_ms': benchmark.median_interval([1000 * took / n for _, took, n in stepped[key]])._asdict(),
            'waiting': (waiting := benchmark.median_interval([w / (w + s) for w, s, _ in stepped[key]]))._asdict(),
            'verdict': verdict(waiting, GOAL),
        }
        for key in loaders
    ]


def run(loader: DataLoader, task: Callable[[Any], Any]) -> tuple[float, float, int]:
    """Seconds of waiting and of ``task`` in the sampler's next epoch, and the number of batches."""
    loader.sampler.set_epoch(loader.sampler.epoch + 1)
    waited = worked = 0.0
    count, last = 0, time.perf_counter()
    for batch in loader:
        got = time.perf_counter()
        task(batch)
        benchmark.synchronise()
        waited, worked, count, last = waited + got - last, worked - got, count + 1, time.perf_counter()
        worked += last
    return waited, worked, count


def step_table(steps: list[dict[str, Any]]) -> str:
    """One row for each step of the pipeline."""
    drawn = PrettyTable(['step of the pipeline', 'ms per sample', 'share'])
    drawn.align, drawn.align['step of the pipeline'] = 'r', 'l'
    for row in steps:
        drawn.add_row([row['step'], f'{row["ms"]:.2f}', f'{100 * row["share"]:.0f} %'])
    drawn.add_divider()
    drawn.add_row(['all', f'{sum(row["ms"] for row in steps):.2f}', ''])
    return drawn.get_string()


def table(figures: dict[str, Any]) -> str:
    """One row for each loader."""
    names = ['workers', 'cache', 'first pass s', 'loader alone, ms per batch', 'step ms', 'waiting %']
    drawn = PrettyTable([*names, f'goal <= {GOAL:.0%}'])
    for row in figures['loaders']:
        batch, step, waiting = (row[name] for name in ('batch_ms', 'step_ms', 'waiting'))
        drawn.add_row(
            [
                row['workers'],
                row['cache'],
                f'{row["first_pass_seconds"]:.1f}',
                f'{batch["median"]:.1f} [{batch["low"]:.1f}, {batch["high"]:.1f}]',
                f'{step["median"]:.1f}',
                f'{100 * waiting["median"]:.1f} [{100 * waiting["low"]:.1f}, {100 * waiting["high"]:.1f}]',
                row['verdict'],
            ]
        )
    drawn.title = (
        f'{figures["config"]}: batch {figures["batch_size"]}, {figures["device"]}, {figures["threads"]} threads, load '
        f'{figures["load"]:.1f}; {figures["repeats"]} repeats, median [95 %]'
    )
    return drawn.get_string()


def _lap(spent: list[float], last: float) -> float:
    now = time.perf_counter()
    spent.append(now - last)
    return now


def _call(task: Callable, key: tuple) -> Callable[[], None]:
    return lambda: task(key)


if __name__ == '__main__':
    guarded(main)
