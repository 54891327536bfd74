"""From what a user names to a student that can be asked, and the steps that its inputs pass."""

from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.device import get_device
from mmengine.logging import MMLogger

from fdkd.apis.config import load_config, tell_unused
from fdkd.apis.options import RunOptions
from fdkd.apis.starting_weights import replace_text_model
from fdkd.apis.test import student_alone
from fdkd.apis.validate import dataset_classes, registry_of
from fdkd.engine.console import shorten_console
from fdkd.errors import ConfigError, ExportError
from fdkd.export.reading import load
from fdkd.inference.steps import Steps, steps_of_config, steps_of_export
from fdkd.inference.students import ExportedStudent, Student, TrainedStudent

#: The student, the steps that its inputs pass, its classes and their colours (or none).
Parts = tuple[Student, Steps, tuple[str, ...], Sequence[Sequence[int]]]


def trained(
    model: str | Path,
    checkpoint: str | Path | None,
    device: str | None,
    options: RunOptions,
    leave_out: Sequence[str],
    unsafe: bool,
) -> Parts:
    """A trained student from a config and a checkpoint, on a device; see :class:`~fdkd.apis.inferencer.Inferencer`."""
    if checkpoint is None:
        raise ConfigError(f'{model}: a config needs a checkpoint beside it, such as student.pth')
    shorten_console(MMLogger.get_current_instance())
    cfg = load_config(model, options)
    tell_unused(cfg, options)
    algorithm = student_alone(cfg, checkpoint, unsafe).to(_device(device))
    dataset = cfg.test_dataloader.dataset
    steps = steps_of_config(dataset.pipeline, algorithm.modality, leave_out)
    palette = getattr(registry_of('DATASETS').get(dataset.type), 'METAINFO', {}).get('palette', ())
    if not (classes := dataset_classes(cfg)):
        raise ConfigError(f'{model}: names no classes of its data set, and an answer has no name without')
    return TrainedStudent(algorithm), steps, tuple(classes), palette


def exported(
    model: str | Path,
    checkpoint: str | Path | None,
    device: str | None,
    options: RunOptions | None,
    leave_out: Sequence[str],
    unsafe: bool,
) -> Parts:
    """A student from what ``fdkd export`` wrote; see :class:`~fdkd.apis.inferencer.Inferencer`."""
    if checkpoint is not None:
        raise ConfigError(f'{model}: an exported student holds its weights; {checkpoint} goes with a config')
    if device is not None and torch.device(device).type != 'cpu':
        raise ConfigError(f'{model}: an exported student runs on the CPU, not on {device}')
    options = options or RunOptions()
    if options != RunOptions(text_model=options.text_model):
        raise ConfigError(f'{model}: options change a config, and an exported student has none')
    found = load(model, unsafe)
    meta = found.meta
    try:
        if options.text_model:
            replace_text_model(meta['preprocessing'], options.text_model)
        steps = steps_of_export(meta, Path(model), leave_out, unsafe)
        return ExportedStudent(found), steps, tuple(meta['classes']), meta['palette']
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ExportError(
            f'{model}: its metadata cannot be used ({type(error).__name__}: {error}); export the student again'
        ) from error


def _device(name: str | None) -> torch.device:
    try:
        device = torch.device(get_device() if name is None else name)
    except RuntimeError as error:
        raise ConfigError(f'device {name!r}: {str(error).splitlines()[0]}') from error
    if device.type == 'cuda' and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f'device {name}: there are {torch.cuda.device_count()} GPUs on this machine')
    return device
