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
from rich import get_console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn

from fdkd.apis.options import RunOptions
from fdkd.apis.validate import dataset_classes, find_values
from fdkd.check.apart import check_apart
from fdkd.check.arrays import arrays_of
from fdkd.check.external import check_external, replace_text_models
from fdkd.check.findings import CertainMistake, Findings
from fdkd.check.inputs import Plan, generated_batch, own_loaders, refuse_unloaded, shrink
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
#: Height and width, at most, of a quick check.
QUICK_SIZE = (48, 64)


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
        quick: Small inputs: pictures of 64x48, half a second of sound, eight tokens, or less where the config has less.
            The memory is then that of these.
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
    with Progress(*columns, transient=True, disable=not get_console().is_interactive) as progress:
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
    found.schedule = _schedule(cfg)
    say('a training step')
    _step(cfg, batch, found)


def _schedule(cfg: Config) -> str:
    """The optimizer and how long it steps, as far as a config that may have mistakes says so."""
    wrapper, loop, loader = (cfg.get(key) or {} for key in ('optim_wrapper', 'train_cfg', 'train_dataloader'))
    optimizer = wrapper.get('optimizer')
    if not isinstance(optimizer, dict):
        return ''
    said = [f'{key} {optimizer[key]}' for key in ('lr', 'momentum', 'weight_decay') if key in optimizer]
    parts = [', '.join([str(optimizer.get('type')), *said])]
    parts += [f'{loop[f"max_{unit}"]} {unit}' for unit in ('epochs', 'iters') if f'max_{unit}' in loop]
    return '; '.join([*parts, f'batches of {loader.get("batch_size", 1)}'])


def _step(cfg: Config, batch: dict[str, Any] | None, found: Findings) -> None:
    """As a whole; where that fails, the parts, and then what is left of the config."""
    try:
        run_step(cfg, batch, found)
        return
    except Exception as error:  # a config may lead any part of any library astray
        failure = error
    if 'teachers' in cfg.model:  # which are not taken apart
        found.failed(failure)
        return
    mistakes, notes = len(found.mistakes), len(found.notes)
    rest = check_apart(cfg, batch, found)
    doubts = 0 if isinstance(failure, CertainMistake) else len(found.notes) - notes
    if len(found.mistakes) == mistakes and not doubts:
        found.failed(failure)  # none of the parts shows what the whole does
    elif rest is not None and batch is not None:
        with found.doubting():
            run_step(rest, batch, found)


def _batch(cfg: Config, found: Findings, quick: bool) -> dict[str, Any] | None:
    """A batch for the training of ``cfg``; ``None`` where it cannot be made up."""
    if quick:
        shrink(cfg.train_dataloader.dataset.pipeline, *QUICK_SIZE)
    model, loader = cfg.model, cfg.train_dataloader
    sides = [model.get('student', model), *named_teachers(model).values()]
    modalities = list(dict.fromkeys(side['modality'] for side in sides))
    known = dataset_classes(cfg)
    counts = [number for _, number in find_values(model, 'num_classes', 'model') if number is not None]
    classes = min(counts, default=len(known) if known else 1)
    if own := own_loaders(loader.dataset.pipeline, modalities):
        found.note(
            f'{", ".join(own)}: what a loading step of your own reads cannot be made up, so that no step was run'
        )
        return None
    refuse_unloaded(loader.dataset.pipeline, modalities)
    arrays = arrays_of(cfg, {side['modality']: side.get('model', {}) for side in reversed(sides)})
    for modality, array in arrays.items():
        found.note(f'{modality}: {array.words}')
        if array.mistake:
            found.mistake(array.mistake)
    found.assumed |= {modality: list(array.shape) for modality, array in arrays.items() if array.assumed}
    samples = min(SAMPLES, loader.get('batch_size', SAMPLES))
    plan = Plan(modalities, classes, {modality: array.shape for modality, array in arrays.items()}, quick)
    with found.doubting():
        return generated_batch(loader.dataset.pipeline, plan, samples)
    return None
