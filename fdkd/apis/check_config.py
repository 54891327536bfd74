"""Checking configs before anything is trained: all mistakes at once, and what a training would do."""

import gc
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn

from fdkd.apis.options import RunOptions
from fdkd.apis.validate import dataset_classes, find_values
from fdkd.check.apart import check_apart
from fdkd.check.external import check_external, replace_text_models
from fdkd.check.findings import Findings
from fdkd.check.inputs import SMALL, Plan, generated_batch, own_loaders
from fdkd.check.reading import complete_teachers, named_teachers, read_config
from fdkd.check.sections import check_sections
from fdkd.check.step import run_step
from fdkd.check.structure import misplaced
from fdkd.check.table import described, summary
from fdkd.engine.console import shorten_console
from fdkd.errors import ConfigError
from fdkd.files import finite, write_json

#: Samples of the step: the fewest of which relations, and batch norms after pooling, still make sense.
SAMPLES = 4
#: Width and height of a quick check.
QUICK_SIZE = (64, 48)


def check_config(
    config: str | Path,
    options: RunOptions | None = None,
    *,
    quick: bool = False,
    say: Callable[[str], None] = lambda stage: None,
) -> Findings:
    """Checks one config without data: everything in it is built, and one training step is run on random values.

    Nothing is downloaded and nothing is written. The step starts from random weights, but for those of a teacher's
    checkpoint and of ``load_from``.

    Args:
        config: Config file.
        options: What a run would change.
        quick: Small inputs: pictures of 64x48, half a second of sound, eight tokens. The memory is then that of these.
        say: Called with the name of each stage.

    Returns:
        What was found. Mistakes of the config are never raised.
    """
    start, found, options = time.perf_counter(), Findings(str(config)), options or RunOptions()
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter('ignore')
        say('reading')
        cfg = read_config(config, options, found)
        if cfg is not None:
            _check(cfg, options, found, Path(folder), quick, say)
    found.seconds = time.perf_counter() - start
    return found


def check_configs(
    configs: Sequence[str | Path],
    options: RunOptions | None = None,
    *,
    quick: bool = False,
    json: str | Path | None = None,
) -> list[Findings]:
    """Checks configs one after the other and prints what :func:`check_config` found, with a summary of several.

    Args:
        configs: Config files.
        options: What a run would change.
        quick: As for :func:`check_config`.
        json: File for everything that was found.

    Returns:
        What was found in each.

    Raises:
        ConfigError: If the folder of ``json`` does not exist, or it is one itself.
    """
    if json and not Path(json).absolute().parent.is_dir():
        raise ConfigError(f'--json {json}: there is no such folder')
    if json and Path(json).is_dir():
        raise ConfigError(f'--json {json}: a folder, expected the name of a file')
    shorten_console(MMLogger.get_current_instance())
    columns = SpinnerColumn(), '{task.description}', BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    checked = []
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task('', total=len(configs))
        for config in configs:

            def say(stage: str, name: str = str(config)) -> None:
                progress.update(task, description=f'{name}: {stage}')

            found = check_config(config, options, quick=quick, say=say)
            checked.append(found)
            progress.advance(task)
            print(described(found), flush=True)
            gc.collect()
    if len(checked) > 1:
        print(summary(checked))
    if json:
        write_json(Path(json), {'configs': [finite(asdict(found)) for found in checked]})
    return checked


def _check(
    cfg: Config, options: RunOptions, found: Findings, folder: Path, quick: bool, say: Callable[[str], None]
) -> None:
    if cfg.get('model') is None or misplaced(cfg):
        found.note('nothing was built, since parts are missing or misplaced')
        return
    complete_teachers(cfg, options, found)
    check_external(cfg, found)
    for teacher in named_teachers(cfg.model).values():
        teacher.setdefault('checkpoint', None)
    say('building')
    check_sections(cfg, found)
    if 'optim_wrapper' not in cfg or not replace_text_models(cfg, found, folder):
        return
    batch = None
    if not any(mistake.startswith('train_dataloader.dataset.pipeline[') for mistake in found.mistakes):
        with found.noting():
            batch = _batch(cfg, found, quick)
    say('a training step')
    _step(cfg, batch, found)


def _step(cfg: Config, batch: dict[str, Any] | None, found: Findings) -> None:
    """As a whole; where that fails, the parts, and then what is left of the config."""
    if batch is not None:
        attempt = Findings(found.config)
        with attempt.noting():
            run_step(cfg, batch, attempt)
            _take(found, attempt)
            return
        if 'teachers' in cfg.model:  # which are not taken apart
            _take(found, attempt)
            return
    before = len(found.mistakes)
    rest = check_apart(cfg, batch, found)
    if batch is not None and len(found.mistakes) == before:
        found.mistake(attempt.mistakes[-1])  # none of the parts shows what the whole does
    elif batch is not None and rest is not None:
        with found.noting():
            run_step(rest, batch, found)


def _take(found: Findings, attempt: Findings) -> None:
    for mistake in attempt.mistakes:
        found.mistake(mistake)
    for name in ('taps', 'losses', 'parameters', 'memory', 'batch'):
        setattr(found, name, getattr(attempt, name))


def _batch(cfg: Config, found: Findings, quick: bool) -> dict[str, Any] | None:
    """A batch for the training of ``cfg``; ``None`` where it cannot be made up."""
    if quick:
        _shrink(cfg)
    model, loader = cfg.model, cfg.train_dataloader
    sides = [model.get('student', model), *named_teachers(model).values()]
    modalities = list(dict.fromkeys(side['modality'] for side in sides))
    known = dataset_classes(cfg)
    counts = [number for _, number in find_values(model, 'num_classes', 'model') if number is not None]
    channels = {side['modality']: next((n for _, n in find_values(side, 'in_channels', '')), 1) for side in sides}
    classes = min(counts, default=len(known) if known else 1)
    for step in loader.dataset.pipeline:
        if step.get('type') in ('LoadArray', 'fdkd.LoadArray') and step.get('modality') in modalities:
            shape = (channels[step.modality], *SMALL)
            found.note(f'the shape of {step.modality} cannot be told without data; checked with {shape}')
    if own := own_loaders(loader.dataset.pipeline, modalities):
        found.note(
            f'{", ".join(own)}: what a loading step of your own reads cannot be made up, so that no step was run'
        )
        return None
    samples = min(SAMPLES, loader.get('batch_size', SAMPLES))
    return generated_batch(loader.dataset.pipeline, Plan(modalities, classes, channels, quick), samples)


def _shrink(cfg: Config) -> None:
    try:
        RunOptions(size=QUICK_SIZE).apply(cfg)
    except ConfigError:
        return  # no step has a size
