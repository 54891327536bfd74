"""What distillation costs: its training step against the student's step alone plus the teacher's forward pass.

python tools/benchmark/step_time.py configs/fdkd/nyu_rgb_from_depth.py --size 160x120 320x240

No data set is needed: inputs are generated and weights random. A repeat times each of these once, in random order:

- the student's training step alone: preprocessing, forward, backward, optimizer;
- the teacher's forward pass to its logits, in evaluation mode and without gradients, as a plain script would run it;
- the same pass, ended at the last tap that the losses read, as fdkd runs it;
- the distillation step, whole;
- the distillation step with FD-CMKD's loss written plainly with FFTs, where the config has that loss on maps.

The ratio of a distillation step is its time over that of the student's step plus the teacher's full pass in the same
repeat: what distilling has to cost at least, but for ending the teacher's pass early. This ratio has the goal; a second
one, to the student's step plus the ended pass, does not let early ending hide what the loss costs. Both are medians of
all repeats, with the 95 % interval of a bootstrap of the median. The goal is missed if that interval lies above it.
"""

import argparse
import copy
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.optim import build_optim_wrapper
from plain_losses import PlainFDKD
from prettytable import PrettyTable
from torch import Tensor, nn

from fdkd.algorithms import Algorithm, SingleModality
from fdkd.apis import benchmark
from fdkd.apis.cli import guarded, parse_size, positive
from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.apis.provenance import environment
from fdkd.distill.taps import TapReader, resolve_taps
from fdkd.errors import ConfigError, FdkdError
from fdkd.files import write_json
from fdkd.models import Classifier
from fdkd.registry import MODELS

#: What a step may cost at most; losses on vectors are far cheaper than losses on maps.
DENSE_GOAL, CLASSIFIER_GOAL = 1.10, 1.02
TASKS = {
    'student': 'student step',
    'teacher': 'teacher forward, full',
    'teacher_to_tap': 'teacher forward, to its last tap',
    'distillation': 'distillation step',
    'plain': 'distillation step, plain FFT loss',
}
#: What stands below the line of a ratio, besides the student's step.
BOUNDS = ('teacher', 'teacher_to_tap')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', nargs='?', default='configs/fdkd/nyu_rgb_from_depth.py', help='config file')
    parser.add_argument(
        '--size', nargs='+', type=parse_size, default=[(160, 120), (320, 240)], metavar='WIDTHxHEIGHT',
        help='sizes of the inputs (160x120 320x240)',
    )  # fmt: skip
    parser.add_argument('--batch-size', type=positive, default=4, help='samples per step (4)')
    parser.add_argument('--repeats', type=positive, default=20, help='repeats that count (20)')
    parser.add_argument('--amp', action='store_true', help='mixed precision, bfloat16 where the device has it')
    parser.add_argument('--threads', type=positive, help="threads on the CPU (torch's own choice)")
    parser.add_argument('--json', type=Path, metavar='FILE', help='write every figure, the seconds and the setting')
    args = parser.parse_args()
    if args.json and not args.json.absolute().parent.is_dir():
        raise FdkdError(f'--json {args.json}: there is no such folder')
    if args.threads:
        torch.set_num_threads(args.threads)
    cfg = distillation_config(args.config, RunOptions(pretrained='none', amp=args.amp))
    goal = CLASSIFIER_GOAL if cfg.model.student.model.type == 'Classifier' else DENSE_GOAL
    figures = {
        **environment(),
        'config': args.config,
        'config_hash': cfg.config_hash,
        'amp': args.amp,
        'batch_size': args.batch_size,
        'repeats': args.repeats,
        'goal': goal,
        'interval': '95 %, bootstrap of the median of paired ratios',
        'sizes': [measure(cfg, size, args.batch_size, args.repeats, goal) for size in args.size],
    }
    print(table(figures))
    if args.json:
        write_json(args.json, figures)


def distillation_config(path: str, options: RunOptions) -> Config:
    """The config with its teacher's network in it, of random weights.

    Raises:
        ConfigError: If it distils from no frozen teacher.
    """
    cfg = load_config(path, options)
    if cfg.model.type != 'CrossModalDistiller':
        raise ConfigError(f'{path}: trains a {cfg.model.type}, expected a CrossModalDistiller, whose teacher is timed')
    teacher = cfg.model.teacher
    if 'model' not in teacher:
        teacher.model = load_config(teacher.config, options).model.model
    teacher.checkpoint = None
    return cfg


def measure(cfg: Config, size: tuple[int, int], batch_size: int, repeats: int, goal: float) -> dict[str, Any]:
    """The figures of one size, with the verdict on ``goal``.

    Raises:
        FdkdError: If the model cannot be trained on such a batch, or the memory does not hold it.
    """
    place = f'{size[0]}x{size[1]}'
    try:
        tasks = build_tasks(cfg, size, batch_size)
        seconds = benchmark.time_interleaved(tasks, repeats, place)
    except (ValueError, torch.OutOfMemoryError) as error:
        raise FdkdError(f'{place}, batch {batch_size}: {error}') from error
    ratios = {
        step: {bound: _ratio(seconds[step], seconds['student'], seconds[bound]) for bound in BOUNDS}
        for step in ('distillation', 'plain')
        if step in seconds
    }
    return {
        'size': list(size),
        'median_seconds': {name: benchmark.median_interval(values).median for name, values in seconds.items()},
        'ratio': {step: {bound: ratio._asdict() for bound, ratio in bounds.items()} for step, bounds in ratios.items()},
        'verdict': verdict(ratios['distillation']['teacher'], goal),
        'peak_bytes': {name: benchmark.peak_memory(task) for name, task in tasks.items()},
        'seconds': seconds,
    }


def build_tasks(cfg: Config, size: tuple[int, int], batch_size: int) -> dict[str, Callable[[], Any]]:
    """What is timed, by its name in :data:`TASKS`. Each step trains a student of its own, from the same weights.

    Raises:
        FdkdError: If the plain formulation differs from the loss.
    """
    distiller = _build(cfg.model)
    dense = not isinstance(distiller.student, Classifier)
    batch = benchmark.synthetic_batch(
        distiller.modalities, distiller.student.num_classes, size, batch_size, dense=dense
    )
    tapped = _alone(cfg, distiller.teacher_modality, distiller.teacher)
    taps = resolve_taps(tapped.student, sorted(set(distiller.terms.taps.values())), cfg.model.teacher.get('taps'))
    reader, tapped_forward = TapReader(tapped.student, taps, stop_early=True), _forward(tapped, cfg, batch)
    tasks = {
        'student': _step(_alone(cfg, distiller.modality, cfg.model.student.model), cfg, batch),
        'teacher': _forward(_alone(cfg, distiller.teacher_modality, cfg.model.teacher.model), cfg, batch),
        'teacher_to_tap': lambda: reader.run(tapped_forward),
        'distillation': _step(distiller, cfg, batch),
    }
    if replaceable := [name for name, loss in cfg.model.losses.items() if _is_dense_fdkd(loss)]:
        plain = _build(cfg.model)
        for name in replaceable:
            plain.terms.losses[name] = PlainFDKD()
        _compare(_losses(distiller, cfg, batch), _losses(plain, cfg, batch))
        tasks['plain'] = _step(plain, cfg, batch)
    return tasks


def verdict(ratio: benchmark.Interval, goal: float) -> str:
    """Whether the goal is met: the lower bound decides, and the upper one says how surely."""
    if ratio.count < benchmark.FEWEST:
        return f'open: fewer than {benchmark.FEWEST} repeats'
    if ratio.low > goal:
        return 'missed'
    return 'met' if ratio.high <= goal else 'met within noise'


def table(figures: dict[str, Any]) -> str:
    """All sizes, one row for each thing that was timed."""
    drawn = PrettyTable(
        ['size', 'time of', 'ms', 'peak MiB', 'ratio', 'ratio to ended pass', f'goal <= {figures["goal"]:.2f}']
    )
    drawn.align, drawn.align['ms'], drawn.align['peak MiB'] = 'l', 'r', 'r'
    for size in figures['sizes']:
        for name, seconds in size['median_seconds'].items():
            ratios = [_figure(size['ratio'][name][bound]) if name in size['ratio'] else '' for bound in BOUNDS]
            peak = size['peak_bytes'][name] or 0
            met = size['verdict'] if name == 'distillation' else ''
            place = f'{size["size"][0]}x{size["size"][1]}'
            drawn.add_row([place, TASKS[name], f'{1000 * seconds:.1f}', f'{peak / 2**20:.0f}', *ratios, met])
        drawn.add_divider()
    if not torch.cuda.is_available():
        drawn.del_column('peak MiB')
    drawn.title = (
        f'{figures["config"]}: batch {figures["batch_size"]}, {figures["device"]}, {figures["threads"]} threads'
        f'{", mixed precision" if figures["amp"] else ""}; {figures["repeats"]} repeats, median [95 %]'
    )
    return drawn.get_string()


def _build(config: dict[str, Any]) -> Algorithm:
    torch.manual_seed(0)
    return MODELS.build(copy.deepcopy(config)).to(get_device())


def _alone(cfg: Config, modality: str, model: dict[str, Any] | nn.Module) -> Algorithm:
    """A model as an algorithm of its own; a built one is shared, not copied."""
    torch.manual_seed(0)
    model = model if isinstance(model, nn.Module) else copy.deepcopy(model)
    return SingleModality(modality, model, copy.deepcopy(cfg.model.data_preprocessor)).to(get_device())


def _step(algorithm: Algorithm, cfg: Config, batch: dict[str, Any]) -> Callable[[], Any]:
    """The training step, on the modalities that it needs."""
    batch = _needed(batch, algorithm)
    optim_wrapper = build_optim_wrapper(algorithm.train(), copy.deepcopy(cfg.optim_wrapper))
    return lambda: algorithm.train_step(batch, optim_wrapper)


def _forward(algorithm: Algorithm, cfg: Config, batch: dict[str, Any]) -> Callable[[], Any]:
    """The forward pass as in a distillation step: preprocessing included, in the config's precision."""
    algorithm.eval().requires_grad_(False)
    batch, precision = _needed(batch, algorithm), _precision(algorithm, cfg)

    @torch.no_grad()
    def forward() -> Tensor:
        with precision():
            return algorithm(**algorithm.data_preprocessor(batch), mode='tensor')

    return forward


@torch.no_grad()
def _losses(algorithm: Algorithm, cfg: Config, batch: dict[str, Any]) -> dict[str, float]:
    """The distillation losses by name."""
    with _precision(algorithm.train(), cfg)():
        losses = algorithm(**algorithm.data_preprocessor(batch, True), mode='loss')
    return {name: float(value) for name, value in losses.items() if name.partition('.')[0] in cfg.model.losses}


def _compare(ours: dict[str, float], plain: dict[str, float]) -> None:
    for name, value in ours.items():
        if not math.isclose(value, plain[name], rel_tol=1e-5):
            raise FdkdError(f'{name} is {value!r}, but {plain[name]!r} in the plain formulation: nothing was timed')


def _is_dense_fdkd(loss: dict[str, Any]) -> bool:
    """Whether the loss has those options under which :class:`PlainFDKD` computes the same."""
    options = {key: value for key, value in loss.items() if key not in ('type', 'on', 'weight', 'connector')}
    return loss['type'] == 'FDKDLoss' and options == {'align': False, 'band_task': False}


def _needed(batch: dict[str, Any], algorithm: Algorithm) -> dict[str, Any]:
    return {**batch, 'inputs': {name: batch['inputs'][name] for name in algorithm.modalities}}


def _precision(algorithm: Algorithm, cfg: Config) -> Callable[[], AbstractContextManager]:
    optim_wrapper = build_optim_wrapper(algorithm, copy.deepcopy(cfg.optim_wrapper))
    return lambda: optim_wrapper.optim_context(algorithm)


def _ratio(step: list[float], student: list[float], teacher: list[float]) -> benchmark.Interval:
    return benchmark.median_interval([whole / (a + b) for whole, a, b in zip(step, student, teacher, strict=True)])


def _figure(ratio: dict[str, float]) -> str:
    return f'{ratio["median"]:.3f} [{ratio["low"]:.3f}, {ratio["high"]:.3f}]'


if __name__ == '__main__':
    guarded(main)
