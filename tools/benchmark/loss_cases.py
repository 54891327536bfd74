"""What ``loss_time.py`` times: every method's loss and its plain formulation, on tensors in which both agree."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import plain_losses as plain
import torch
from torch import Tensor, nn

from fdkd.distill import losses
from fdkd.distill.losses.c2kd import c2kd_losses
from fdkd.errors import FdkdError
from fdkd.labels import VOID

Shape = tuple[int, ...]
Loss = Callable[..., Tensor | dict[str, Tensor]]

#: Shapes by tap. Stages and maps are those of a ResNet-18, of 112x112 inputs and, dilated, of 320x240 ones. In
#: classification the stages have fewer samples, since on a CPU ReviewKD takes ten seconds a call for 64.
SIZES: dict[str, dict[str, Any]] = {
    'classification': {
        'logits': (64, 50),
        'feat': (64, 512),
        'map': (64, 512, 4, 4),
        'stages': [(16, 64, 28, 28), (16, 128, 14, 14), (16, 256, 7, 7), (16, 512, 4, 4)],
    },
    'segmentation': {
        'logits': (4, 40, 120, 160),
        'feat': (4, 512, 30, 40),
        'map': (4, 512, 30, 40),
        'stages': [(4, 64, 60, 80), (4, 128, 30, 40), (4, 256, 30, 40), (4, 512, 30, 40)],
    },
}


class Case(NamedTuple):
    """One method: both formulations, and what they are called with."""

    tensors: str
    ours: nn.Module
    plain: nn.Module
    arguments: tuple[Any, ...]

    @property
    def trained(self) -> list[Tensor]:
        """The arguments that have a gradient."""
        return [x for x in _flat(self.arguments) if x.requires_grad]


class Plain(nn.Module):
    """A plain function as a module, as published losses are."""

    def __init__(self, function: Loss) -> None:
        super().__init__()
        self.function = function

    def forward(self, *arguments: Any) -> Tensor:
        return self.function(*arguments)


def _channels(stages: Sequence[Shape] | Shape) -> dict[str, Any]:
    channels = [shape[1] for shape in stages] if isinstance(stages, list) else stages[1]
    return {'student_channels': channels, 'teacher_channels': channels}


def _with_plain(ours: nn.Module, formulation: Callable[[Any], nn.Module]) -> tuple[nn.Module, nn.Module]:
    return ours, formulation(ours)


def _ofd(stages: list[Shape]) -> losses.OFDLoss:
    return losses.OFDLoss(**_channels(stages), margins=[-torch.rand(shape[1]) for shape in stages])


def _fam(shape: Shape) -> losses.FAMLoss:
    ours = losses.FAMLoss(**_channels(shape))
    ours.attention.weight.data *= 1e4  # else the filter would not show in a comparison: it starts that small
    return ours


def _c2kd(student: Tensor, student_proxy: Tensor, teacher: Tensor, teacher_proxy: Tensor, target: Tensor) -> Any:
    return c2kd_losses(student, teacher, student_proxy, teacher_proxy, target)


#: The tap of each method as in its config, and from the shape there its loss and the plain formulation. ``dense`` are
#: the logits of pixels; in classification, which has none, CWD reads the last map.
METHODS: dict[str, tuple[str, Callable[[Any], tuple[Loss, Loss]]]] = {
    'LogitKD': ('logits', lambda _: (losses.LogitKDLoss(), plain.logit_kd)),
    'DIST': ('logits', lambda _: (losses.DISTLoss(), plain.dist)),
    'NKD': ('logits', lambda _: (losses.NKDLoss(), plain.nkd)),
    'DKD': ('logits', lambda _: (losses.DKDLoss(), plain.dkd)),
    'C2KD': ('logits', lambda _: (_c2kd, plain.c2kd)),
    'CWD': ('dense', lambda _: (losses.CWDLoss(), plain.cwd)),
    'Feat': ('feat', lambda _: (losses.FeatureMSELoss(), plain.feat)),
    'PKD': ('feat', lambda _: (losses.PKDLoss(), plain.pkd)),
    'RKD': ('feat', lambda _: (losses.RKDLoss(), plain.rkd)),
    'FDKD': ('feat', lambda _: (losses.FDKDLoss(align=False, band_task=False), plain.PlainFDKD())),
    'FAM': ('map', lambda shape: _with_plain(_fam(shape), plain.PlainFAM)),
    'FreeKD': ('map', lambda shape: _with_plain(losses.FreeKDLoss(shape[1]), plain.PlainFreeKD)),
    'OFD': ('stages', lambda stages: _with_plain(_ofd(stages), plain.PlainOFD)),
    'AFD': ('stages', lambda stages: _with_plain(losses.AFDLoss(**_channels(stages)), plain.PlainAFD)),
    'ReviewKD': ('stages', lambda stages: _with_plain(losses.ReviewKDLoss(**_channels(stages)), plain.PlainReviewKD)),
}


def build(method: str, shapes: dict[str, Any], device: torch.device | str = 'cpu') -> Case:
    """The case of one method on random tensors of ``shapes``; a tenth of the pixels are void."""
    torch.manual_seed(0)
    tap, formulations = METHODS[method]
    if tap == 'dense':
        tap = 'logits' if len(shapes['logits']) == 4 else 'map'
    shape = shapes[tap]
    ours, other = ((x if isinstance(x, nn.Module) else Plain(x)).to(device) for x in formulations(shape))
    samples, classes, *positions = shapes['logits']
    target = torch.randint(classes, (samples, *positions))
    if positions:
        target[torch.rand(target.shape) < 0.1] = VOID
    models = [True, True, True, True] if method == 'C2KD' else [True, False]  # C2KD trains both models and the proxies
    features = [_random(shape, device, trained) for trained in models]
    return Case(f'{tap} {_words(shape)}', ours, other, (*features, target.to(device)))


def value(loss: nn.Module, case: Case) -> Tensor:
    """The sum of the losses that ``loss`` returns."""
    result = loss(*case.arguments)
    return result if isinstance(result, Tensor) else sum(x for name, x in result.items() if 'loss' in name)


def step(loss: nn.Module, case: Case) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Forward and backward: the value, and its gradients by the arguments and by what the loss learns."""
    total = value(loss, case)
    return total.detach(), torch.autograd.grad(total, [*case.trained, *loss.parameters()])


def differences(case: Case) -> dict[str, float]:
    """Relative differences of the two formulations: of the value, and of the arguments' gradients (mean absolute)."""
    (value_a, gradients_a), (value_b, gradients_b) = step(case.ours, case), step(case.plain, case)
    pairs = list(zip(gradients_a, gradients_b, strict=False))[: len(case.trained)]
    gradient = max(float((a - b).abs().sum() / b.abs().sum()) for a, b in pairs)
    return {'value': float((value_a - value_b).abs() / value_b.abs()), 'gradient': gradient}


def refuse_different(method: str, found: dict[str, float], bound: float = 1e-4) -> None:
    """Refuses formulations that differ by more than ``bound``.

    Raises:
        FdkdError: With what differs.
    """
    for what, difference in found.items():
        if not difference <= bound:  # a NaN as well
            raise FdkdError(f'{method}: the {what} differs from the plain one by {difference:.1e}: nothing was timed')


def kept_bytes(loss: nn.Module, case: Case) -> int:
    """Bytes that the forward pass keeps for backward, beyond its arguments and its own parameters and buffers."""
    there = [*_flat(case.arguments), *loss.parameters(), *loss.buffers()]
    known, kept = {x.untyped_storage().data_ptr() for x in there}, {}

    def pack(x: Tensor) -> Tensor:
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x.detach()

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        total = value(loss, case)
    del total  # held until here, so that no memory was counted twice or used again
    return sum(size for place, size in kept.items() if place not in known)


def _random(shape: Any, device: torch.device | str, trained: bool) -> Any:
    if isinstance(shape, list):
        return [_random(stage, device, trained) for stage in shape]
    return torch.randn(shape).to(device).requires_grad_(trained)


def _flat(arguments: Sequence[Any]) -> list[Tensor]:
    return [x for argument in arguments for x in (argument if isinstance(argument, list) else [argument])]


def _words(shape: Any) -> str:
    if isinstance(shape, list):
        return f'{_words(shape[0])} to {_words(shape[-1])}'
    return 'x'.join(map(str, shape))
