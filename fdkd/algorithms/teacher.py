"""A frozen teacher: built, loaded, checked against what the student needs, and kept out of the student's way."""

import os
from typing import Any

from mmengine.config import Config
from torch import Tensor, nn

from fdkd.checkpoint import load_weights, read_checkpoint
from fdkd.errors import CheckpointError, ConfigError
from fdkd.registry import MODELS

#: Where a full checkpoint of an algorithm keeps the student.
STUDENT_PREFIX = 'student.'


class Frozen:
    """Holds a module without making it a part of the module that owns the holder.

    The teacher therefore appears in no ``parameters()``, no ``state_dict()``, no optimizer, no DDP bucket, and copies
    of the owner (an exponential moving average, say) share it.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module.eval().requires_grad_(False)

    def __deepcopy__(self, memo: dict) -> 'Frozen':
        # What else of the owner refers to the module or a part of it (a reader of taps) shares it as well.
        memo.update({id(part): part for part in self.module.modules()})
        return self


def teacher_model_config(teacher: dict[str, Any]) -> dict[str, Any]:
    """The config of the teacher's network: its ``model``, or the one that the config file ``config`` trains."""
    if 'model' in teacher:
        return teacher['model']
    return Config.fromfile(teacher['config']).model.model


def without_checkpoint(teacher: dict[str, Any]) -> ConfigError:
    """What to say of a trained teacher whose config names no checkpoint."""
    return ConfigError(
        f'the teacher of modality {teacher["modality"]!r} has no checkpoint: start with tools/train.py, which '
        'trains one where none exists, or set model.teacher.checkpoint'
    )


def build_teacher(teacher: dict[str, Any], student: nn.Module) -> nn.Module:
    """Builds the teacher, loads its checkpoint and checks that it can teach ``student``.

    Args:
        teacher: ``modality``, ``model`` or ``config``, and ``checkpoint``; ``checkpoint=None`` leaves random weights,
            for a teacher that trains from scratch, as a control, and in benchmarks. ``unsafe_checkpoint=True``
            unpickles it without restriction.
        student: The built student.

    Raises:
        CheckpointError: If the checkpoint is another modality's, another architecture's or has other classes.
    """
    model = MODELS.build(teacher_model_config(teacher))
    classes, wanted = (getattr(network, 'num_classes', None) for network in (model, student))
    if classes != wanted:
        raise CheckpointError(f'the teacher {_name(teacher)} knows {classes} classes, the student {wanted}')
    if teacher['checkpoint'] is not None:
        path, unsafe = teacher['checkpoint'], teacher.get('unsafe_checkpoint', False)
        load_weights(model, student_weights(path, teacher['modality'], wanted, unsafe), path)
    return model


def student_weights(
    path: str | os.PathLike, modality: str, num_classes: int | None = None, unsafe: bool = False
) -> dict[str, Tensor]:
    """The weights of the single-modality model in a student file or a full checkpoint.

    Raises:
        CheckpointError: If the file says that it was trained on another modality or with another number of classes.
    """
    weights = checked_weights(path, modality, num_classes, unsafe)
    full = {name.removeprefix(STUDENT_PREFIX): x for name, x in weights.items() if name.startswith(STUDENT_PREFIX)}
    return full or weights


def checked_weights(
    path: str | os.PathLike, modality: str, num_classes: int | None = None, unsafe: bool = False
) -> dict[str, Tensor]:
    """All weights of a student file or a full checkpoint.

    Raises:
        CheckpointError: If the file says that it was trained on another modality or with another number of classes.
    """
    checkpoint = read_checkpoint(path, unsafe=unsafe)
    meta = checkpoint.get('meta', {})
    trained_on, classes = meta.get('modality', modality), meta.get('classes')
    if trained_on != modality:
        raise CheckpointError(f'{path}: a model of modality {trained_on!r}, expected {modality!r}')
    if num_classes is not None and classes is not None and len(classes) != num_classes:
        raise CheckpointError(f'{path}: a model of {len(classes)} classes, expected {num_classes}')
    return checkpoint.get('state_dict', checkpoint)


def _name(teacher: dict[str, Any]) -> str:
    return str(teacher.get('checkpoint') or teacher.get('config') or teacher['modality'])
