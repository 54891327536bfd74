"""What the framework costs: a training by fdkd's runner against a plain loop of PyTorch with the same networks.

python tools/benchmark/plain_training.py configs/fdkd/nyu_rgb_from_depth.py --size 160x120
python tools/benchmark/plain_training.py configs/demo/digits_image_from_audio.py --size 32x32 --tiny

No data set is needed: samples are generated, and both loops load the same ones in the same order. Beside the networks,
the runner's share of a step is: the loader, data samples and their collation, the preprocessor, hooks, logging to
console, file and curves, the algorithm, the optimizer's wrapper, and what MMSegmentation reports (the accuracy of a
step). Checkpoints and evaluation are left out. The plain loop (``plain_loop.py``) has none of it.

An epoch of one loop and one of the other take turns in random order, within one training by the runner; both continue
from where they were. After the first epoch, which does not count, the losses of all its steps have to agree within
1e-6, else nothing is timed. The ratio is the runner's time over the plain loop's, the overhead their difference by
step, both the median of all repeats with the 95 % interval of a bootstrap. ``--tiny`` puts a network of one convolution
in place of both backbones (classifiers alone): next to it, milliseconds of overhead show that vanish beside a real one.
"""

import argparse
import contextlib
import io
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from plain_loop import PlainLoop, refuse
from prettytable import PrettyTable
from rich.console import Console
from rich.progress import Progress
from step_tasks import distillation_config
from torch import Tensor, nn

from fdkd.apis import benchmark
from fdkd.apis.cli import guarded, parse_size, positive, whole
from fdkd.apis.options import RunOptions
from fdkd.apis.provenance import environment
from fdkd.datasets.base import SampleKey
from fdkd.engine import Runner
from fdkd.errors import ConfigError, FdkdError
from fdkd.files import write_json
from fdkd.registry import BACKBONES, DATASETS

#: How far the losses of the two loops may differ, relatively.
AGREEMENT = 1e-6


@DATASETS.register_module()
class GeneratedPairs(torch.utils.data.Dataset):
    """Samples of random values in memory, one epoch of ``batches`` batches; arguments as of ``synthetic_batch``."""

    def __init__(self, batches: int, num_classes: int, **settings: Any) -> None:
        self.metainfo = {'classes': tuple(map(str, range(num_classes)))}
        self.batches = [
            benchmark.synthetic_batch(num_classes=num_classes, seed=seed, **settings) for seed in range(batches)
        ]
        self.size = len(self.batches[0]['data_samples'])

    def __len__(self) -> int:
        return self.size * len(self.batches)

    def __getitem__(self, key: SampleKey | int) -> dict[str, Any]:
        number, place = divmod(key.index if isinstance(key, SampleKey) else key, self.size)
        batch = self.batches[number]
        inputs = {name: values[place] for name, values in batch['inputs'].items()}
        return {'inputs': inputs, 'data_samples': batch['data_samples'][place].clone()}


@BACKBONES.register_module()
class TinyBackbone(nn.Conv2d):
    """One convolution, in place of a network."""

    channels, stages = 8, ()

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, self.channels, kernel_size=4, stride=4)
        self.activation = nn.ReLU()


class Losses(Hook):
    """Keeps the loss of every step, as the runner logs it."""

    def __init__(self) -> None:
        self.history: list[Tensor] = []

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.history.append(outputs['loss'].detach())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', nargs='?', default='configs/fdkd/nyu_rgb_from_depth.py', help='config file')
    parser.add_argument('--size', type=parse_size, default=(160, 120), metavar='WIDTHxHEIGHT', help='160x120')
    parser.add_argument('--batch-size', type=positive, default=4, help='samples per step (4)')
    parser.add_argument('--steps', type=positive, default=10, help='steps of an epoch, which is one measurement (10)')
    parser.add_argument('--repeats', type=positive, default=10, help='epochs of each loop that count (10)')
    parser.add_argument('--workers', type=whole, default=0, help='processes that load data, for each loop (0)')
    parser.add_argument('--tiny', action='store_true', help='one convolution in place of each backbone')
    parser.add_argument('--threads', type=positive, help="threads on the CPU (torch's own choice)")
    parser.add_argument('--json', type=Path, metavar='FILE', help='write every figure, the seconds and the setting')
    args = parser.parse_args()
    if args.json and not args.json.absolute().parent.is_dir():
        raise FdkdError(f'--json {args.json}: there is no such folder')
    if args.threads:
        torch.set_num_threads(args.threads)
    options = RunOptions(pretrained='none', epochs=1 + args.repeats, batch_size=args.batch_size, workers=args.workers)
    cfg = distillation_config(args.config, options)
    if args.tiny:
        use_tiny_backbones(cfg)
    generate_data(cfg, args.size, args.steps)
    figures = {
        **environment(),
        'config': args.config,
        'config_hash': cfg.config_hash,
        'tiny': args.tiny,
        'size': list(args.size),
        'batch_size': args.batch_size,
        'steps': args.steps,
        'repeats': args.repeats,
        'workers': args.workers,
        'interval': '95 %, bootstrap of the median of paired ratios and differences',
        **measure(cfg),
    }
    print(table(figures))
    if args.json:
        write_json(args.json, figures)


def use_tiny_backbones(cfg: Config) -> None:
    """Replaces both backbones.

    Raises:
        ConfigError: If the models are no classifiers.
    """
    for model in (cfg.model.student.model, cfg.model.teacher.model):
        if model.type != 'Classifier':
            raise ConfigError(f'--tiny: needs a Classifier, the config has a {model.type}')
        model.backbone = {'type': 'TinyBackbone', 'in_channels': model.backbone.get('in_channels', 3)}


def generate_data(cfg: Config, size: tuple[int, int], steps: int) -> None:
    """Puts generated samples in place of the data set, in order, and takes checkpoints and evaluation away."""
    model = cfg.model.student.model
    dense = model.type != 'Classifier'
    classes = model.decode_head.num_classes if dense else model.num_classes
    cfg.train_dataloader.sampler = {'type': 'EpochSampler', 'shuffle': False}
    cfg.train_dataloader.dataset = {
        'type': 'GeneratedPairs',
        'batches': steps,
        'num_classes': classes,
        'modalities': [cfg.model.student.modality, cfg.model.teacher.modality],
        'size': tuple(size),
        'batch_size': cfg.train_dataloader.batch_size,
        'dense': dense,
    }
    for part in ('val', 'test'):
        for key in (f'{part}_dataloader', f'{part}_cfg', f'{part}_evaluator'):
            cfg[key] = None
    cfg.default_hooks.checkpoint = None


def measure(cfg: Config) -> dict[str, Any]:
    """Trains with both loops and compares their times.

    Raises:
        FdkdError: If their losses differ.
    """
    refuse(cfg)
    seconds: dict[str, list[float]] = {'runner': [], 'plain': []}
    found: dict[str, float] = {}
    shown = {'auto_refresh': False, 'transient': True, 'redirect_stdout': False, 'redirect_stderr': False}
    with tempfile.TemporaryDirectory() as folder, Progress(console=Console(stderr=True), **shown) as progress:
        cfg.work_dir, cfg.experiment_name = folder, Path(folder).name
        console = io.StringIO()  # the runner keeps what stands for stdout now, and logs to that to its end
        with contextlib.redirect_stdout(console):
            runner, losses = Runner.from_cfg(cfg), Losses()
        runner.register_hook(losses)
        loop = runner.train_loop
        bar = progress.add_task('epochs of both loops', total=2 * loop.max_epochs)
        epoch_of_runner, plain = loop.run_epoch, []

        def run_both() -> None:
            """In place of an epoch of the runner: one, and one of the plain loop, in random order."""
            if not plain:  # only now the runner has initialised the weights
                plain.append(
                    PlainLoop(runner.algorithm, cfg, loop.dataloader.dataset.batches, cfg.train_dataloader.num_workers)
                )
            number, history = len(seconds['runner']), {}
            ways = {'runner': epoch_of_runner, 'plain': plain[0].run}
            for name in random.Random(number).sample(list(ways), 2):
                torch.manual_seed(number)  # dropout draws the same in both
                seconds[name].append(timed(ways[name], history, name))
                progress.advance(bar)
                progress.refresh()
            if not number:
                found.update(differences(losses.history, history['plain']))
                runner._hooks.remove(losses)

        loop.run_epoch = run_both
        with contextlib.redirect_stdout(console):
            runner.train()
    return found | compared({name: values[1:] for name, values in seconds.items()}, len(loop.dataloader))


def timed(epoch: Callable[[], Any], results: dict[str, Any], name: str) -> float:
    """Seconds of one call, whose result goes to ``results[name]``."""
    benchmark.synchronise()
    start = time.perf_counter()
    results[name] = epoch()
    benchmark.synchronise()
    return time.perf_counter() - start


def differences(ours: list[Tensor], plain: list[Tensor]) -> dict[str, float]:
    """The largest relative difference of the losses of both loops, step by step.

    Raises:
        FdkdError: If it is more than :data:`AGREEMENT`.
    """
    a, b = torch.stack(ours).double(), torch.stack(plain).double()
    relative = ((a - b).abs() / b.abs()).tolist()
    for step, (difference, ours_, theirs) in enumerate(zip(relative, a.tolist(), b.tolist(), strict=True), 1):
        if not difference <= AGREEMENT:  # a NaN as well
            raise FdkdError(
                f'step {step}: the loss is {ours_!r}, but {theirs!r} in the plain loop, which differs by '
                f'{difference:.1e}: nothing was timed'
            )
    return {'difference': max(relative), 'last_loss': a[-1].item()}


def compared(seconds: dict[str, list[float]], steps: int) -> dict[str, Any]:
    """Ratio and overhead of epochs of ``steps`` steps that were taken in pairs."""
    pairs = list(zip(seconds['runner'], seconds['plain'], strict=True))
    return {
        'milliseconds': {
            name: 1000 * benchmark.median_interval(values).median / steps for name, values in seconds.items()
        },
        'ratio': benchmark.median_interval([ours / plain for ours, plain in pairs])._asdict(),
        'overhead_milliseconds': benchmark.median_interval(
            [1000 * (ours - plain) / steps for ours, plain in pairs]
        )._asdict(),
        'seconds': seconds,
    }


def table(figures: dict[str, Any]) -> str:
    """Both loops, a row each."""
    drawn = PrettyTable(['loop', 'ms per step', 'runner / plain', 'runner - plain, ms per step'])
    drawn.align, drawn.align['ms per step'] = 'l', 'r'
    ratio, overhead = figures['ratio'], figures['overhead_milliseconds']
    drawn.add_row(
        [
            "fdkd's runner",
            f'{figures["milliseconds"]["runner"]:.2f}',
            f'{ratio["median"]:.3f} [{ratio["low"]:.3f}, {ratio["high"]:.3f}]',
            f'{overhead["median"]:.2f} [{overhead["low"]:.2f}, {overhead["high"]:.2f}]',
        ]
    )
    drawn.add_row(['plain', f'{figures["milliseconds"]["plain"]:.2f}', '', ''])
    tiny = ', tiny backbones' if figures['tiny'] else ''
    drawn.title = (
        f'{figures["config"]}{tiny}: {figures["size"][0]}x{figures["size"][1]}, batch {figures["batch_size"]}, '
        f'{figures["device"]}, {figures["threads"]} threads, {figures["workers"]} workers; '
        f'{figures["repeats"]} repeats of {figures["steps"]} steps, median [95 %]; '
        f'losses agree within {figures["difference"]:.0e}'
    )
    return drawn.get_string()


if __name__ == '__main__':
    guarded(main)
