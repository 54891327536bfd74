"""What a distillation loss costs, forward and backward: fdkd's against its formula written plainly.

OMP_NUM_THREADS=1 python tools/benchmark/loss_time.py --threads 1

Tensors are random. Each method's loss and its plain formulation (``plain_losses.py``) get the same ones; where their
values or gradients differ by more than 1e-4, nothing is timed. A repeat calls both next to each other in random order,
so often that it takes about 10 ms. The ratio is the plain time over fdkd's: the median of all repeats, with the 95 %
interval of a bootstrap of the median. The goal is missed if that interval lies below it.

Memory is what the forward pass keeps for backward, beyond the loss's arguments and own weights, and on a GPU also the
peak of forward and backward. In segmentation a tenth of the pixels are void. Published losses know no void pixels, so
the plain formulation picks the others by indexing (``plain_losses.py`` says where); Feat, PKD, RKD, FDKD, FAM, FreeKD,
OFD, AFD, ReviewKD and CWD do not read labels.

``--kendall`` times the selection of C2KD instead, Kendall's rank correlation, against a loop of SciPy's over samples.
Without it, C2KD's losses are timed with fdkd's selection in both formulations.
"""

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from kendall_time import kendall_table, measure_kendall
from loss_cases import METHODS, SIZES, Case, build, differences, kept_bytes, refuse_different, step
from mmengine.device import get_device
from prettytable import PrettyTable
from torch import nn

from fdkd.apis import benchmark
from fdkd.apis.cli import guarded, positive
from fdkd.apis.provenance import environment
from fdkd.errors import FdkdError
from fdkd.files import write_json

GOAL = 0.95
#: Seconds that one measurement lasts at least: far beyond what the clock and the progress bar disturb.
LASTING = 0.01
WAYS = ('ours', 'plain')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', nargs='+', choices=list(METHODS), metavar='METHOD', help=f'of {", ".join(METHODS)}')
    parser.add_argument('--size', nargs='+', choices=list(SIZES), default=list(SIZES), help='shapes of the tensors')
    parser.add_argument('--kendall', action='store_true', help='time the selection of C2KD instead')
    parser.add_argument('--repeats', type=positive, default=20, help='repeats that count (20)')
    parser.add_argument('--threads', type=positive, help="threads on the CPU (torch's own choice)")
    parser.add_argument('--json', type=Path, metavar='FILE', help='write every figure, the seconds and the setting')
    args = parser.parse_args()
    if args.json and not args.json.absolute().parent.is_dir():
        raise FdkdError(f'--json {args.json}: there is no such folder')
    if args.threads:
        torch.set_num_threads(args.threads)
    figures = {
        **environment(),
        'repeats': args.repeats,
        'interval': '95 %, bootstrap of the median of paired ratios',
    }
    if args.kendall:
        figures |= {'kendall': measure_kendall(args.repeats, get_device())}
        print(kendall_table(figures))
    else:
        methods = [(size, method) for size in args.size for method in args.only or METHODS]
        losses = [measure(method, size, SIZES[size], args.repeats) for size, method in methods]
        figures |= {'goal': GOAL, 'losses': losses}
        print(table(figures))
    if args.json:
        write_json(args.json, figures)


def measure(method: str, size: str, shapes: dict[str, Any], repeats: int) -> dict[str, Any]:
    """The figures of one method on tensors of ``shapes``.

    Raises:
        FdkdError: If the two formulations differ.
    """
    case = build(method, shapes, get_device())
    found = differences(case)
    refuse_different(f'{method}, {size}', found)
    ways: dict[str, nn.Module] = {name: getattr(case, name) for name in WAYS}
    calls = _calls(lambda: step(case.ours, case))
    tasks = {name: _repeated(loss, case, calls) for name, loss in ways.items()}
    seconds = benchmark.time_interleaved(tasks, repeats, f'{method}, {size}', warmup=1)
    ratio = benchmark.median_interval([b / a for a, b in zip(seconds['ours'], seconds['plain'], strict=True)])
    return {
        'method': method,
        'size': size,
        'tensors': case.tensors,
        'difference': found,
        'calls': calls,
        'milliseconds': {
            name: 1000 * benchmark.median_interval(values).median / calls for name, values in seconds.items()
        },
        'ratio': ratio._asdict(),
        'verdict': verdict(ratio, GOAL),
        'kept_bytes': {name: kept_bytes(loss, case) for name, loss in ways.items()},
        'peak_bytes': {name: benchmark.peak_memory(lambda loss=loss: step(loss, case)) for name, loss in ways.items()},
        'seconds': seconds,
    }


def verdict(ratio: benchmark.Interval, goal: float) -> str:
    """Whether the goal is met: the upper bound decides, and the lower one says how surely."""
    if ratio.count < benchmark.FEWEST:
        return f'open: fewer than {benchmark.FEWEST} repeats'
    if ratio.high < goal:
        return 'missed'
    return 'met' if ratio.low >= goal else 'met within noise'


def table(figures: dict[str, Any]) -> str:
    """One row for each method and size."""
    kept, peak = 'kept for backward, MiB: ours / plain', 'peak MiB: ours / plain'
    drawn = PrettyTable(
        ['method', 'tensors', 'ms ours', 'ms plain', 'plain / ours', kept, peak, f'goal >= {figures["goal"]:.2f}']
    )
    drawn.align = 'r'
    for text in ('method', 'tensors'):
        drawn.align[text] = 'l'
    for row in figures['losses']:
        ratio, times = row['ratio'], (f'{row["milliseconds"][name]:.3f}' for name in WAYS)
        interval = f'{ratio["median"]:.2f} [{ratio["low"]:.2f}, {ratio["high"]:.2f}]'
        memory = (_mebibytes(row['kept_bytes']), _mebibytes(row['peak_bytes']))
        drawn.add_row([row['method'], row['tensors'], *times, interval, *memory, row['verdict']])
    if not torch.cuda.is_available():
        drawn.del_column(peak)
    drawn.title = (
        f'{figures["device"]}, {figures["threads"]} threads; {figures["repeats"]} repeats, median [95 %], '
        'forward and backward'
    )
    return drawn.get_string()


def _calls(task: Callable[[], Any]) -> int:
    """How often ``task`` is called in one measurement."""
    task()
    benchmark.synchronise()
    start = time.perf_counter()
    task()
    benchmark.synchronise()
    return math.ceil(LASTING / (time.perf_counter() - start))


def _repeated(loss: nn.Module, case: Case, calls: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(calls):
            step(loss, case)

    return run


def _mebibytes(sizes: dict[str, int | None]) -> str:
    return ' / '.join(f'{(sizes[name] or 0) / 2**20:.2f}' for name in WAYS)


if __name__ == '__main__':
    guarded(main)
