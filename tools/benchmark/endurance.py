"""Whether a long training grows: memory, open files, threads and the folder it writes to, along a whole run.

python tools/benchmark/endurance.py configs/demo/rooms_rgb_from_depth.py --epochs 54 --cache ram --workers 2

It trains as tools/train.py does, with all its options, and looks at its own processes, the loader's workers included,
every so many iterations. Memory is the proportional set size, which counts a page that n processes share as an n-th
in each. The first fifth of the looks does not count: caches fill, and libraries set themselves up. The rest is cut into
ten parts in a row, since what is free for reuse comes and goes over many looks, and a robust line is laid through their
medians (Theil and Sen: the median of the slopes between all pairs) with its 95 % interval. What grows is what has an
interval above zero and more than a hundredth of what is there by then in the rest of the run.

The folder grows by its log, and else is bounded by ``max_keep_ckpts``.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from prettytable import PrettyTable
from scipy.stats import theilslopes

from fdkd.apis.cli import add_launcher, add_run_options, guarded, positive, run_options
from fdkd.apis.provenance import environment
from fdkd.apis.train import train
from fdkd.errors import FdkdError
from fdkd.files import write_json
from fdkd.registry import HOOKS

#: What is looked at, and its unit.
FIGURES = {'memory': 'MiB', 'open files': '', 'threads': '', 'processes': '', 'files of the run': '', 'disk': 'MiB'}
#: The share of the looks that come before what counts.
WARM_UP = 0.2
#: Parts of the rest, whose medians count.
PARTS = 10
#: What may come on top in the counted part of a run, as a share of what is there.
SLACK = 0.01
MIB = 2**20


@HOOKS.register_module()
class Footprint(Hook):
    """Looks at the training's processes and its folder.

    Args:
        looks: Where the looks go: of each the iteration and :data:`FIGURES`, in their order.
        interval: Iterations between two looks.
    """

    priority = 'LOWEST'
    looks: list[list[float]]

    def __init__(self, interval: int) -> None:
        self.interval = interval
        Footprint.looks = []

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        if self.every_n_train_iters(runner, self.interval) and is_main_process():
            self.looks.append([runner.iter + 1, *look(Path(runner.work_dir))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', nargs='?', default='configs/demo/rooms_rgb_from_depth.py', help='config file')
    parser.add_argument('--every', type=positive, default=20, metavar='N', help='iterations between two looks (20)')
    parser.add_argument(
        '--teacher', default='untrained', metavar='CHECKPOINT|untrained', help='the teacher (untrained)'
    )
    parser.add_argument('--json', type=Path, metavar='FILE', help='write every figure and the setting')
    add_run_options(parser)
    add_launcher(parser)
    args = parser.parse_args()
    if args.json and not args.json.absolute().parent.is_dir():
        raise FdkdError(f'--json {args.json}: there is no such folder')
    args.cfg_options['default_hooks.footprint'] = {'type': 'Footprint', 'interval': args.every}
    results = train(
        args.config,
        run_options(args),
        work_dir=args.work_dir,
        teacher=args.teacher,
        launcher=args.launcher,
        unsafe_checkpoint=args.unsafe_checkpoint,
    )
    if not is_main_process():
        return
    figures = {**environment(), 'config_hash': results['config_hash'], **growth(Footprint.looks)}
    print(table(figures))
    if args.json:
        write_json(args.json, {**figures, 'looks': Footprint.looks})


def look(work_dir: Path) -> list[float]:
    """:data:`FIGURES` of this process, all that it has started, and the files below ``work_dir``, as they are now."""
    here = psutil.Process()
    found = [here, *here.children(recursive=True)]
    files = [path.stat().st_size for path in work_dir.rglob('*') if path.is_file()]
    return [
        sum(process.memory_full_info().pss for process in found) / MIB,
        sum(process.num_fds() for process in found),
        sum(process.num_threads() for process in found),
        len(found),
        len(files),
        sum(files) / MIB,
    ]


def growth(looks: Sequence[Sequence[float]]) -> dict[str, Any]:
    """What became of each figure after the warm-up.

    Returns:
        ``iterations`` (of the first look that counts, and of the last), ``count`` (looks that count) and ``figures``:
        by name ``first`` and ``last`` (the first and the last part), ``per_1000`` (growth in 1,000 iterations: median
        and 95 % interval) and ``grows``.

    Raises:
        FdkdError: If fewer looks count than there are parts.
    """
    counted = np.asarray(looks[round(WARM_UP * len(looks)) :])
    if len(counted) < PARTS:
        raise FdkdError(f'{len(counted)} looks after the warm-up, expected {PARTS}: train longer or lower --every')
    parts = np.stack([np.median(part, axis=0) for part in np.array_split(counted, PARTS)])
    iterations, figures = counted[:, 0], {}
    length = iterations[-1] - iterations[0]
    for name, values in zip(FIGURES, parts[:, 1:].T, strict=True):
        slope, _, low, high = theilslopes(values, parts[:, 0])
        figures[name] = {
            'first': float(values[0]),
            'last': float(values[-1]),
            'per_1000': [float(1000 * x) for x in (slope, low, high)],
            'grows': bool(low > 0 and slope * length > SLACK * values[0]),
        }
    return {'iterations': [int(iterations[0]), int(iterations[-1])], 'count': len(counted), 'figures': figures}


def table(figures: dict[str, Any]) -> str:
    """What :func:`growth` found."""
    start, end = figures['iterations']
    drawn = PrettyTable(['', 'first tenth', 'last tenth', 'per 1,000 iterations [95 %]', 'grows'])
    drawn.title = f'iterations {start:,} to {end:,}, {figures["count"]} looks'
    drawn.align = 'r'
    drawn.align[''] = 'l'
    for name, found in figures['figures'].items():
        middle, low, high = found['per_1000']
        label = f'{name} ({FIGURES[name]})' if FIGURES[name] else name
        slope = f'{middle:+.2f} [{low:+.2f}, {high:+.2f}]'
        grows = 'yes' if found['grows'] else 'no'
        drawn.add_row([label, f'{found["first"]:,.1f}', f'{found["last"]:,.1f}', slope, grows])
    return drawn.get_string()


if __name__ == '__main__':
    guarded(main)
