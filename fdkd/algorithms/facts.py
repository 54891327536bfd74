"""What losses may be told of the two models before the first batch: widths of taps, classes, batch-norm margins."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fdkd.distill.losses.ofd import bn_margins
from fdkd.distill.taps import TapPath, default_taps

Paths = Mapping[str, TapPath | Sequence[TapPath]]


class TapFacts:
    """Answers which of :data:`~fdkd.distill.terms.FACTS` is what at a tap of two models.

    - ``num_classes``: of both.
    - ``student_channels``, ``teacher_channels``: an int, or a list of ints for a tap that reads a list.
    - ``channels``: those of the teacher.
    - ``margins``: of the teacher's batch norms, as :func:`~fdkd.distill.losses.ofd.bn_margins`, likewise.

    An answer is ``None`` where a model does not show it.

    Args:
        student: The student.
        teacher: The teacher, with its weights.
        student_paths: Where the student's taps lie, by name.
        teacher_paths: The same of the teacher.
    """

    def __init__(self, student: nn.Module, teacher: nn.Module, student_paths: Paths, teacher_paths: Paths) -> None:
        self.student, self.teacher = student, teacher
        self.student_paths, self.teacher_paths = student_paths, teacher_paths

    def __call__(self, key: str, tap: str) -> Any:
        if key == 'num_classes':
            return getattr(self.student, 'num_classes', None)
        if key == 'student_channels':
            return _each(width, self.student, self.student_paths[tap])
        if key in ('channels', 'teacher_channels'):
            return _each(width, self.teacher, self.teacher_paths[tap])
        if key == 'margins':
            return _each(margin, self.teacher, self.teacher_paths[tap])
        raise KeyError(key)


def width(model: nn.Module, path: TapPath) -> int | None:
    """Channels of what a tap reads: stated by the model, else of the batch norm before it, else of the backbone."""
    if path in getattr(model, 'tap_widths', {}):
        return model.tap_widths[path]
    if norm := norm_before(model, path):
        return norm.num_features
    within = path.startswith('backbone.') or path == default_taps(model).get('feat')
    if not within or any(isinstance(module, _BatchNorm) for module in model.modules()):
        return None
    return getattr(getattr(model, 'backbone', None), 'channels', None)  # a transformer is as wide at every layer


def margin(model: nn.Module, path: TapPath) -> Tensor | None:
    """The margins ``[C]`` of the batch norm before a tap; ``None`` where there is no batch norm."""
    norm = norm_before(model, path)
    return bn_margins(norm.weight.detach(), norm.bias.detach()) if norm else None


def norm_before(model: nn.Module, path: TapPath) -> _BatchNorm | None:
    """The last batch norm that the tensor at ``path`` came through, but for those of shortcuts.

    It is looked for in the module whose output is read, in the block around an activation whose input is read, and in
    the whole backbone for the pooled feature of a classifier. ``None`` where that says nothing.
    """
    block = path.removesuffix(':input')
    if path.endswith(':input'):
        if next(model.get_submodule(block).parameters(), None) is not None:
            return None  # no activation: the block's norms may come after it
        block = block.rpartition('.')[0]
    elif path == default_taps(model).get('feat') and hasattr(model, 'backbone'):
        block = 'backbone'
    if not block:
        return None  # the whole model is around it, which says nothing of what comes before
    norms = [
        module
        for name, module in model.get_submodule(block).named_modules()
        if isinstance(module, _BatchNorm) and 'downsample' not in name
    ]
    return norms[-1] if norms else None


def _each(fact: Callable[[nn.Module, TapPath], Any], model: nn.Module, paths: TapPath | Sequence[TapPath]) -> Any:
    """The fact at one path, or a list of it at each of several; ``None`` if one of them is unknown."""
    if isinstance(paths, str):
        return fact(model, paths)
    found = [fact(model, path) for path in paths]
    return None if any(entry is None for entry in found) else found
