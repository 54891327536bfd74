"""What distillation costs: its training step against the student's step alone plus the teacher's forward pass.

python tools/benchmark/step_time.py configs/fdkd/nyu_rgb_from_depth.py --size 160x120 320x240

No data set is needed: inputs are generated and weights random. A repeat times each of these once, in random order:

- the student's training step alone: preprocessing, forward, backward, optimizer;
- the teacher's forward pass to its logits, in evaluation mode and without gradients, as a plain script would run it;
- the same pass, ended at the last tap that the losses read, as fdkd runs it;
- the distillation step, whole;
- the distillation step with the teacher's taps read from a full cache (on disk, but so small that it stays in memory);
- the distillation step with FD-CMKD's loss written plainly with FFTs, where the config has that loss on maps.

Precision, memory format and compilation hold for all of them. A step's time is divided by three others of the same
repeat: the student's step plus the teacher's full pass, which is what distilling has to cost at least, but for ending
the teacher's pass early; the student's step plus the ended pass, which does not let early ending hide what the loss
costs; and the student's step alone. The first has a goal for the distillation step, the last for the cached one. All
are medians of the repeats, with the 95 % interval of a bootstrap of the median. A goal is missed if that interval lies
above it. On a GPU all streams are waited for, so that a teacher who runs beside its student shows.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import step_tasks as tasks
import torch
from mmengine.config import Config
from prettytable import PrettyTable

from fdkd.apis import benchmark
from fdkd.apis.cli import guarded, positive
from fdkd.apis.provenance import environment
from fdkd.errors import FdkdError
from fdkd.files import write_json

TASKS = {
    'student': 'student step',
    'teacher': 'teacher forward, full',
    'teacher_to_tap': 'teacher forward, to its last tap',
    'distillation': 'distillation step',
    'cached': 'distillation step, taps from a cache',
    'plain': 'distillation step, plain FFT loss',
}
STEPS = ('distillation', 'cached', 'plain')
#: What a step is divided by: the sum of these.
BOUNDS = {
    'teacher': ('student', 'teacher'),
    'teacher_to_tap': ('student', 'teacher_to_tap'),
    'student': ('student',),
}
#: The ratio of a step that has a goal.
JUDGED = {'distillation': 'teacher', 'cached': 'student'}
#: What a distillation step may cost at most, by device, and for dense prediction by size: losses on vectors are far
#: cheaper than losses on maps. The one on a GPU is meant for a batch of 16 in bfloat16.
GOALS = {
    ('cpu', 'classification'): 1.01,
    ('cpu', (160, 120)): 1.03,
    ('cpu', (320, 240)): 1.05,
    ('cuda', (640, 480)): 1.05,
}
CACHED_GOAL = 1.03


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks.add_options(parser)
    parser.add_argument('--repeats', type=positive, default=20, help='repeats that count (20)')
    args = parser.parse_args()
    cfg = tasks.started(args)
    figures = {
        **environment(),
        **tasks.setting(args, cfg),
        'repeats': args.repeats,
        'interval': '95 %, bootstrap of the median of paired ratios',
        'sizes': [measure(cfg, size, args.batch_size, args.repeats) for size in args.size],
    }
    print(table(figures))
    if args.json:
        write_json(args.json, figures)


def goals(cfg: Config, size: tuple[int, int], device: str) -> dict[str, float | None]:
    """What each judged step may cost at most at this size (width, height) on ``'cpu'`` or ``'cuda'``."""
    task = 'classification' if cfg.model.student.model.type == 'Classifier' else tuple(size)
    return {'distillation': GOALS.get((device, task)), 'cached': CACHED_GOAL}


def measure(cfg: Config, size: tuple[int, int], batch_size: int, repeats: int) -> dict[str, Any]:
    """The figures of one size, with the verdicts.

    Raises:
        FdkdError: If the model cannot be trained on such a batch, or the memory does not hold it.
    """
    place = f'{size[0]}x{size[1]}'
    with tempfile.TemporaryDirectory() as folder:
        try:
            timed = build_tasks(cfg, size, batch_size, Path(folder))
            seconds = benchmark.time_interleaved(timed, repeats, place)
            peaks = {name: benchmark.peak_memory(task) for name, task in timed.items()}
        except (ValueError, torch.OutOfMemoryError) as error:
            raise FdkdError(f'{place}, batch {batch_size}: {error}') from error
    ratios = {
        name: {bound: ratio(seconds[name], *(seconds[part] for part in parts)) for bound, parts in BOUNDS.items()}
        for name in STEPS
        if name in seconds
    }
    limits = goals(cfg, size, 'cuda' if torch.cuda.is_available() else 'cpu')
    return {
        'size': list(size),
        'median_seconds': {name: benchmark.median_interval(values).median for name, values in seconds.items()},
        'ratio': {name: {bound: x._asdict() for bound, x in bounds.items()} for name, bounds in ratios.items()},
        'goal': limits,
        'verdict': {
            name: verdict(ratios[name][bound], limits[name])
            for name, bound in JUDGED.items()
            if name in ratios and limits[name] is not None
        },
        'peak_bytes': peaks,
        'seconds': seconds,
    }


def build_tasks(cfg: Config, size: tuple[int, int], batch_size: int, folder: Path) -> dict[str, tasks.Task]:
    """What is timed, by its name in :data:`TASKS`. Each step trains a student of its own, from the same weights.

    Raises:
        FdkdError: If the plain formulation, or what the cache in ``folder`` returns, leads to other losses.
    """
    distiller = tasks.build(cfg)
    batch = tasks.generated(distiller, size, batch_size)
    ours, cached = tasks.losses(distiller, cfg, batch), tasks.with_cache(cfg, batch, folder)
    tasks.compare(ours, tasks.losses(cached, cfg, batch), 'from the cache')
    timed = {
        'student': tasks.step(tasks.alone(cfg, distiller.modality, cfg.model.student.model), cfg, batch),
        'teacher': tasks.forward(tasks.alone(cfg, distiller.teacher_modality, cfg.model.teacher.model), cfg, batch),
        'teacher_to_tap': tasks.forward_to_tap(distiller, cfg, batch),
        'distillation': tasks.step(distiller, cfg, batch),
        'cached': tasks.step(cached, cfg, batch),
    }
    if (plain := tasks.plain_distiller(cfg)) is not None:
        tasks.compare(ours, tasks.losses(plain, cfg, batch), 'in the plain formulation')
        timed['plain'] = tasks.step(plain, cfg, batch)
    return timed


def ratio(whole: list[float], *parts: list[float]) -> benchmark.Interval:
    """Seconds over the sum of others, repeat by repeat."""
    return benchmark.median_interval([a / sum(others) for a, *others in zip(whole, *parts, strict=True)])


def verdict(found: benchmark.Interval, goal: float) -> str:
    """Whether the goal is met: the lower bound decides, and the upper one says how surely."""
    if found.count < benchmark.FEWEST:
        return f'open: fewer than {benchmark.FEWEST} repeats'
    if found.low > goal:
        return 'missed'
    return 'met' if found.high <= goal else 'met within noise'


def table(figures: dict[str, Any]) -> str:
    """All sizes, one row for each thing that was timed."""
    drawn = PrettyTable(
        ['size', 'time of', 'ms', 'peak MiB', 'to student + teacher', 'to student + ended pass', 'to student', 'goal']
    )
    drawn.align, drawn.align['ms'], drawn.align['peak MiB'] = 'l', 'r', 'r'
    for size in figures['sizes']:
        for name, seconds in size['median_seconds'].items():
            ratios = [_figure(size['ratio'][name][bound]) if name in size['ratio'] else '' for bound in BOUNDS]
            met = f'<= {size["goal"][name]:.2f}: {size["verdict"][name]}' if name in size['verdict'] else ''
            place, peak = f'{size["size"][0]}x{size["size"][1]}', f'{size["peak_bytes"][name] / 2**20:.0f}'
            drawn.add_row([place, TASKS[name], f'{1000 * seconds:.1f}', peak, *ratios, met])
        drawn.add_divider()
    drawn.title = f'{tasks.described(figures)}; {figures["repeats"]} repeats, median [95 %]'
    return drawn.get_string()


def _figure(found: dict[str, float]) -> str:
    return f'{found["median"]:.3f} [{found["low"]:.3f}, {found["high"]:.3f}]'


if __name__ == '__main__':
    guarded(main)
