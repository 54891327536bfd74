"""What distillation takes in memory: each method's loss on its own, and whole training steps of a config.

python tools/benchmark/memory.py configs/fdkd/nyu_rgb_from_depth.py --size 160x120 --json memory.json

Losses are called on random tensors, fdkd's and the plain formulation (``plain_losses.py``): what the forward pass keeps
for backward, and the peak of forward and backward, beyond arguments and own weights. The gradients that a step returns
count; of a single feature that is one multiple of it. Multiples are of the student's tensor, or all its tensors, that
the loss reads.

Steps are those of the student alone, of the teacher's forward pass, of both models without any distillation loss, and
of the distillation: each one's peak beyond what lies there before it. What the losses add to a step is the difference
of the last two, in multiples of the features that they read in the student. It may be less than what they take on
their own, where the step's peak lies elsewhere.

The goal, for FD-CMKD: at most four times the student's feature, on its own and in the step. Bytes are counted on a GPU
by PyTorch's allocator, on a CPU by its profiler.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import step_tasks as tasks
from loss_cases import METHODS, SIZES, build, kept_bytes, step
from mmengine.config import Config
from mmengine.device import get_device
from prettytable import PrettyTable
from torch import Tensor

from fdkd.algorithms import Algorithm
from fdkd.apis import benchmark
from fdkd.apis.cli import guarded
from fdkd.apis.provenance import environment
from fdkd.files import write_json

#: Multiples of the student's feature.
GOAL = 4.0
WAYS = ('ours', 'plain')
STEPS = {
    'student': 'student step',
    'teacher_to_tap': 'teacher forward, to its last tap',
    'no_losses': 'student step and teacher forward',
    'distillation': 'distillation step',
    'cached': 'distillation step, taps from a cache',
    'plain': 'distillation step, plain FFT loss',
}
#: The parts that ``--only`` chooses from.
PARTS = ('losses', 'steps')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks.add_options(parser)
    parser.add_argument('--only', choices=PARTS, help='one part instead of both')
    args = parser.parse_args()
    cfg = tasks.started(args)
    figures = {**environment(), **tasks.setting(args, cfg), 'goal': GOAL}
    if args.only != 'steps':
        figures['losses'] = [measure_loss(method, name, SIZES[name]) for name in SIZES for method in METHODS]
        print(loss_table(figures))
    if args.only != 'losses':
        figures['steps'] = [measure_steps(cfg, size, args.batch_size) for size in args.size]
        print(step_table(figures))
    if args.json:
        write_json(args.json, figures)


def measure_loss(method: str, size: str, shapes: dict[str, Any]) -> dict[str, Any]:
    """The bytes of one method on tensors of ``shapes``."""
    case = build(method, shapes, get_device())
    student = case.arguments[0]
    kept, peak = {}, {}
    for name in WAYS:
        loss = getattr(case, name)
        step(loss, case)  # what a first call sets up stays
        kept[name] = kept_bytes(loss, case)
        peak[name] = benchmark.peak_memory(lambda loss=loss: step(loss, case))
    feature = feature_bytes([student])
    return {
        'method': method,
        'size': size,
        'tensors': case.tensors,
        'feature_bytes': feature,
        'kept_bytes': kept,
        'peak_bytes': peak,
        'verdict': verdict(peak['ours'] / feature) if method == 'FDKD' else '',
    }


def measure_steps(cfg: Config, size: tuple[int, int], batch_size: int) -> dict[str, Any]:
    """The bytes of the steps at one size (width, height)."""
    with tempfile.TemporaryDirectory() as folder:
        measured, feature = build_steps(cfg, size, batch_size, Path(folder))
        peaks = {}
        for name, task in measured.items():
            task()  # twice: momentum stays from the first step, and a tap reader knows where to end from the first pass
            task()
            peaks[name] = benchmark.peak_memory(task)
    extra = {name: peaks[name] - peaks['no_losses'] for name in ('distillation', 'plain') if name in peaks}
    return {
        'size': list(size),
        'feature_bytes': feature,
        'peak_bytes': peaks,
        'extra_bytes': extra,
        'verdict': verdict(extra['distillation'] / feature) if uses_fdkd(cfg) else '',
    }


def build_steps(cfg: Config, size: tuple[int, int], batch_size: int, folder: Path) -> tuple[dict[str, tasks.Task], int]:
    """What is measured, by its name in :data:`STEPS`, and the bytes of what the losses read in the student."""
    distiller = tasks.build(cfg)
    batch = tasks.generated(distiller, size, batch_size)
    feature = tapped_bytes(distiller, cfg, batch)
    steps = {
        'student': tasks.step(tasks.alone(cfg, distiller.modality, cfg.model.student.model), cfg, batch),
        'teacher_to_tap': tasks.forward_to_tap(distiller, cfg, batch),
        'no_losses': tasks.step(tasks.without_losses(cfg), cfg, batch),
        'distillation': tasks.step(distiller, cfg, batch),
        'cached': tasks.step(tasks.with_cache(cfg, batch, folder), cfg, batch),
    }
    if (plain := tasks.plain_distiller(cfg)) is not None:
        steps['plain'] = tasks.step(plain, cfg, batch)
    return steps, feature


def tapped_bytes(distiller: Algorithm, cfg: Config, batch: tasks.Batch) -> int:
    """Bytes of the student's tensors that the losses are given."""
    seen: list[int] = []
    handle = distiller.terms.register_forward_pre_hook(lambda _, inputs: seen.append(feature_bytes(inputs[0].values())))
    tasks.losses(distiller, cfg, batch)
    handle.remove()
    return seen[0]


def feature_bytes(features: Any) -> int:
    """Bytes of tensors and lists of tensors."""
    return sum(x.nbytes if isinstance(x, Tensor) else feature_bytes(x) for x in features)


def uses_fdkd(cfg: Config) -> bool:
    """Whether the config distils by FD-CMKD alone."""
    return {loss.type for loss in cfg.model.losses.values()} == {'FDKDLoss'}


def verdict(multiples: float) -> str:
    """Whether the goal is met."""
    return 'met' if multiples <= GOAL else 'missed'


def loss_table(figures: dict[str, Any]) -> str:
    """One row for each method and size."""
    kept, peak = 'kept for backward, MiB: ours / plain', 'peak, MiB: ours / plain'
    drawn = PrettyTable(
        ['method', 'tensors', "student's MiB", kept, peak, 'peak, multiples: ours / plain', f'goal <= {GOAL:.0f}']
    )
    drawn.align, drawn.align['method'], drawn.align['tensors'] = 'r', 'l', 'l'
    for row in figures['losses']:
        unit = row['feature_bytes']
        multiples = ' / '.join(f'{row["peak_bytes"][name] / unit:.2f}' for name in WAYS)
        sizes = (' / '.join(_mebibytes(row[key][name]) for name in WAYS) for key in ('kept_bytes', 'peak_bytes'))
        drawn.add_row([row['method'], row['tensors'], _mebibytes(unit), *sizes, multiples, row['verdict']])
    drawn.title = f'{figures["device"]}, forward and backward of a loss'
    return drawn.get_string()


def step_table(figures: dict[str, Any]) -> str:
    """All sizes, one row for each step."""
    multiples = 'multiples of the feature'
    drawn = PrettyTable(
        ['size', 'of', 'peak MiB', 'to student step', 'losses add, MiB', multiples, f'goal <= {GOAL:.0f}']
    )
    drawn.align, drawn.align['size'], drawn.align['of'] = 'r', 'l', 'l'
    for size in figures['steps']:
        for name, peak in size['peak_bytes'].items():
            extra = size['extra_bytes'].get(name)
            added = ('', '') if extra is None else (_mebibytes(extra), f'{extra / size["feature_bytes"]:.2f}')
            met = size['verdict'] if name == 'distillation' else ''
            place, share = f'{size["size"][0]}x{size["size"][1]}', f'{peak / size["peak_bytes"]["student"]:.3f}'
            drawn.add_row([place, STEPS[name], _mebibytes(peak), share, *added, met])
        drawn.add_divider()
    drawn.title = tasks.described(figures)
    return drawn.get_string()


def _mebibytes(size: int) -> str:
    return f'{size / 2**20:.2f}'


if __name__ == '__main__':
    guarded(main)
