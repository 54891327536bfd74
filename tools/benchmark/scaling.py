"""What a distillation step costs on N processes against one, at the same batch for each.

python tools/benchmark/scaling.py configs/fdkd/nyu_rgb_from_depth.py --size 160x120
python tools/benchmark/scaling.py --model        # no measurement: what 8, 64 and 512 GPUs should take

No data set is needed: inputs are generated and weights random. On a CPU each process has one thread and gloo connects
them; where there are GPUs each process takes one, over NCCL. A repeat times each of these once, in random order, and of
several processes the slowest:

- the step on one process, while the others wait;
- the same step on all processes at once, each for itself, which shows what they take from each other without a word:
  memory bandwidth, caches, clock;
- the step on all processes with the gradients averaged, as fdkd trains;
- the averaging alone: as many bytes, in DDP's buckets, one after the other.

Ratios are to the step on one process in the same repeat, medians with the 95 % interval of a bootstrap. The part of the
averaging that backward hides is 1 - (averaged - each for itself) / averaging alone.
"""

import argparse
import copy
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import all_gather_object, all_reduce, barrier, get_rank
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODEL_WRAPPERS
from prettytable import PrettyTable
from scaling_model import model_table
from step_tasks import build, distillation_config, generated
from torch import nn

from fdkd.apis import benchmark
from fdkd.apis.cli import guarded, parse_size, positive
from fdkd.apis.options import RunOptions
from fdkd.apis.provenance import environment
from fdkd.engine.launch import wrapper_config
from fdkd.errors import FdkdError
from fdkd.files import write_json

TASKS = {
    'one': 'step on one process',
    'apart': 'step on {} processes, each for itself',
    'together': 'step on {} processes, gradients averaged',
    'averaging': 'averaging the gradients alone',
}
#: What DDP fills before it sends; its first bucket is smaller.
BUCKET = 25 * 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', nargs='?', default='configs/fdkd/nyu_rgb_from_depth.py', help='config file')
    parser.add_argument('--model', action='store_true', help='print the model for 8, 64 and 512 GPUs and end')
    parser.add_argument('--processes', type=positive, default=2, help='processes, on GPUs one for each (2)')
    parser.add_argument('--size', type=parse_size, default=(160, 120), metavar='WIDTHxHEIGHT', help='inputs (160x120)')
    parser.add_argument('--batch-size', type=positive, default=4, help='samples per step and process (4)')
    parser.add_argument('--repeats', type=positive, default=20, help='repeats that count (20)')
    parser.add_argument('--amp', action='store_true', help='mixed precision')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write every figure, the seconds and the setting')
    args = parser.parse_args()
    if args.model:
        print(model_table())
        return
    if args.json and not args.json.absolute().parent.is_dir():
        raise FdkdError(f'--json {args.json}: there is no such folder')
    if args.processes < 2:
        raise FdkdError('--processes 1: expected at least two to compare with one')
    if torch.cuda.is_available() and torch.cuda.device_count() < args.processes:
        raise FdkdError(f'--processes {args.processes}: there are {torch.cuda.device_count()} GPUs')
    distillation_config(args.config, RunOptions(pretrained='none'))  # a mistake in it is told once
    figures = {
        **environment(),
        'threads': 1,
        **{key: getattr(args, key) for key in ('config', 'processes', 'size', 'batch_size', 'repeats', 'amp')},
        'backend': 'nccl' if torch.cuda.is_available() else 'gloo',
        'interval': '95 %, bootstrap of the median of paired ratios',
        **measure(args),
    }
    print(table(figures))
    if args.json:
        write_json(args.json, figures)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Starts the processes, and makes figures of what they timed."""
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_process, (args, folder), args.processes)
        timed = json.loads(Path(folder, 'timed.json').read_text())
    return figures_of(timed['seconds'], args.processes) | {'gradient_bytes': timed['gradient_bytes']}


def figures_of(seconds: dict[str, list[float]], processes: int) -> dict[str, Any]:
    """Ratios to one process, throughput, and the share of the averaging that is hidden."""
    repeats = list(zip(*seconds.values(), strict=True))
    rows = [dict(zip(seconds, repeat, strict=True)) for repeat in repeats]
    hidden = [1 - (row['together'] - row['apart']) / row['averaging'] for row in rows]
    ratios = {name: [row[name] / row['one'] for row in rows] for name in seconds}
    ratios['throughput'] = [processes * row['one'] / row['together'] for row in rows]
    return {
        'median_seconds': {name: statistics.median(values) for name, values in seconds.items()},
        'ratio': {name: benchmark.median_interval(values)._asdict() for name, values in ratios.items()},
        'hidden': benchmark.median_interval(hidden)._asdict(),
        'seconds': seconds,
    }


def table(figures: dict[str, Any]) -> str:
    """One row for each thing that was timed, then what follows from them."""
    drawn = PrettyTable(['', 'ms', 'ratio to one process'])
    drawn.align, drawn.align['ms'] = 'l', 'r'
    processes = figures['processes']
    for name, title in TASKS.items():
        ratio = '' if name == 'one' else _shown(figures['ratio'][name])
        drawn.add_row([title.format(processes), f'{1000 * figures["median_seconds"][name]:.1f}', ratio])
    drawn.add_divider()
    drawn.add_row([f'samples per second, 1 -> {processes}', '', _shown(figures['ratio']['throughput'])])
    drawn.add_row(['share of the averaging that is hidden', '', _shown(figures['hidden'])])
    width, height = figures['size']
    drawn.title = (
        f'{figures["config"]}: {width}x{height}, batch {figures["batch_size"]} each, {figures["device"]}, '
        f'{figures["backend"]}, {figures["gradient_bytes"] / 1e6:.1f} MB of gradients; {figures["repeats"]} repeats, '
        f'median [95 %], load {figures["load"]:.1f}'
    )
    return drawn.get_string()


def _process(rank: int, args: argparse.Namespace, folder: str) -> None:
    """One of the processes: times the tasks along with the others; the first writes what all found."""
    torch.set_num_threads(1)
    os.environ['LOCAL_RANK'] = str(rank)
    if torch.cuda.is_available():
        torch.cuda.set_device(rank)
    torch.distributed.init_process_group(
        'nccl' if torch.cuda.is_available() else 'gloo', init_method=f'file://{folder}/rendezvous', rank=rank,
        world_size=args.processes, timeout=timedelta(minutes=5),
    )  # fmt: skip
    tasks, gradient_bytes = _tasks(args)
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for repeat in benchmark.interleaved(list(tasks), args.repeats + 2):
        for name in repeat:
            benchmark.synchronise()
            barrier()
            start = time.perf_counter()
            if name != 'one' or rank == 0:
                tasks[name]()
                benchmark.synchronise()
            seconds[name].append(time.perf_counter() - start)
    ranks = all_gather_object(seconds)
    slowest = {name: [max(times) for times in zip(*(one[name] for one in ranks), strict=True)][2:] for name in seconds}
    if rank == 0:
        Path(folder, 'timed.json').write_text(json.dumps({'seconds': slowest, 'gradient_bytes': gradient_bytes}))
    barrier()
    torch.distributed.destroy_process_group()


def _tasks(args: argparse.Namespace) -> tuple[dict[str, Callable[[], Any]], int]:
    """What is timed, by its name in :data:`TASKS`, and the bytes of the gradients."""
    cfg = distillation_config(args.config, RunOptions(pretrained='none', amp=args.amp))
    alone, shared = build(cfg), build(cfg)
    batch = generated(alone, args.size, args.batch_size)
    wrapped = wrapper_config(cfg)
    if torch.cuda.is_available():
        wrapped['device_ids'] = [get_rank()]
    ddp = MODEL_WRAPPERS.build({**wrapped, 'module': shared})

    def step(model: nn.Module) -> Callable[[], Any]:
        optim_wrapper = build_optim_wrapper(model.train(), copy.deepcopy(cfg.optim_wrapper))
        return lambda: model.train_step(batch, optim_wrapper)

    size = sum(x.numel() * x.element_size() for x in alone.parameters() if x.requires_grad)
    whole, rest = divmod(size, BUCKET)
    buckets = [torch.zeros(part // 4, device=get_device()) for part in [BUCKET] * whole + [rest]]
    on_one = step(alone)
    return {
        'one': on_one,
        'apart': on_one,
        'together': step(ddp),
        'averaging': lambda: [all_reduce(bucket, 'mean') for bucket in buckets],
    }, size


def _shown(ratio: dict[str, float]) -> str:
    return f'{ratio["median"]:.3f} [{ratio["low"]:.3f}, {ratio["high"]:.3f}]'


if __name__ == '__main__':
    guarded(main)
