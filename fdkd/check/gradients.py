"""Which losses and parameters a step trains."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from fdkd.check.findings import Findings


def reaches(losses: Sequence[Tensor], features: Sequence[Tensor]) -> bool:
    """Whether the sum of ``losses`` changes with any of ``features``; the graph is kept.

    Args:
        losses: Scalars.
        features: Tensors that the losses were computed from.
    """
    total = sum(losses)
    trained = [x for x in features if x.requires_grad]
    if not trained or not isinstance(total, Tensor) or not total.requires_grad:
        return False
    gradients = torch.autograd.grad(total, trained, retain_graph=True, allow_unused=True)
    return any(gradient is not None and bool(gradient.any()) for gradient in gradients)


def check_parameters(
    model: nn.Module, found: Findings, scaled: bool = False, modalities: Mapping[str, str] | None = None
) -> None:
    """Enters, after a backward pass, the trainable parameters that got no gradient, or none that is finite.

    Args:
        model: The model.
        found: Where they are entered, a line for each part of the model in which all parameters are alike.
        scaled: Whether the loss was scaled for float16, whose first steps may overflow.
        modalities: What those children of the model see that are networks: only the values of that may be why a part of
            one gets no gradient.
    """
    for name, count in _alike(model, '', _without_gradient):
        sees = (modalities or {}).get(name.partition('.')[0])
        text = f'{name}: {_number(count)} no gradient; freeze what no loss reaches, or give it a loss'
        found.doubt(text, *([sees] if sees else []))
    if not scaled:
        for name, count in _alike(model, '', _not_finite):
            found.doubt(f'{name}: {_number(count)} a gradient that is not finite')


def _number(count: int) -> str:
    return '1 parameter gets' if count == 1 else f'{count} parameters get'


def _without_gradient(parameter: Tensor) -> bool:
    return parameter.grad is None or not bool(parameter.grad.any())


def _not_finite(parameter: Tensor) -> bool:
    return parameter.grad is not None and not bool(parameter.grad.isfinite().all())


def _alike(module: nn.Module, path: str, concerns: Callable[[Tensor], bool]) -> Iterator[tuple[str, int]]:
    """The largest parts of which all trainable parameters are concerned, and how many these are."""
    judged = [concerns(parameter) for parameter in module.parameters() if parameter.requires_grad]
    if judged and all(judged):
        yield path or type(module).__name__, len(judged)
    elif any(judged):
        inside = f'{path}.' if path else ''
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad and concerns(parameter):
                yield f'{inside}{name}', 1
        for name, child in module.named_children():
            yield from _alike(child, f'{inside}{name}', concerns)
