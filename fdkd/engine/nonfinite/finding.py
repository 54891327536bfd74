"""What was not finite in a step, and what is said of it."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

#: Of parameters, and of ranks, no message lists more.
SHOWN = 4


class Finding(NamedTuple):
    """What one rank knows of a step in which, on some rank, something is not finite.

    Attributes:
        iteration: Counted from 1.
        epoch: Counted from 1.
        ids: Of this rank's samples.
        indices: Their places in the data set.
        losses: The parts of this rank's loss by name, with their sum as ``loss``.
        gradients: The parameters whose gradient is not finite; of a loss that was not followed further, none.
        parameters: How many have a gradient.
    """

    iteration: int
    epoch: int
    ids: list[str]
    indices: list[int]
    losses: dict[str, float]
    gradients: list[str]
    parameters: int

    @property
    def lost(self) -> bool:
        """Whether it is this rank's loss that is not finite."""
        return not math.isfinite(self.losses['loss'])


def with_gradient(model: nn.Module) -> dict[str, Tensor]:
    """The gradients of a model by their parameters' names."""
    return {name: x.grad for name, x in model.named_parameters() if x.grad is not None and x.numel()}


def gradient_norms(gradients: Mapping[str, Tensor], exact: bool) -> Tensor:
    """A norm of each gradient ``[P]``, not finite where the gradient is not.

    Args:
        gradients: By name.
        exact: Take the largest absolute value, which is finite where all values are. On a CPU that takes ten times as
            long as the Euclidean norm, which float32 cannot hold from 2e19 on.
    """
    return torch.stack(torch._foreach_norm(list(gradients.values()), math.inf if exact else 2.0))


def not_finite(gradients: Mapping[str, Tensor]) -> list[str]:
    """The names of the gradients that hold a value that is not finite."""
    return [name for name, gradient in gradients.items() if not bool(gradient.isfinite().all())]


def at_fault(found: Sequence[Finding]) -> list[int]:
    """The ranks whose loss is not finite; where none is, those whose gradients are not: all, once they are averaged."""
    return [rank for rank, one in enumerate(found) if one.lost] or [
        rank for rank, one in enumerate(found) if one.gradients
    ]


def described(found: Sequence[Finding], saved: Sequence[str]) -> str:
    """The message that every rank ends with.

    Args:
        found: By rank.
        saved: By rank, what it says of the file that it wrote; empty where it wrote none.
    """
    ranks = at_fault(found)
    first = min((found[rank] for rank in ranks), key=lambda one: one.iteration)
    where = f'at iteration {first.iteration} (epoch {first.epoch})'
    said = [_said(rank, found) for rank in ranks[:SHOWN]]
    if first.lost:
        begin = f'the loss is not finite {where}'
    else:
        names = ', '.join(first.gradients[:SHOWN]) + (', ...' if len(first.gradients) > SHOWN else '')
        count = f'the gradients of {len(first.gradients)} of {first.parameters} parameters'
        begin = f'{count} are not finite {where} ({names})'
    more = f'; and on {len(ranks) - SHOWN} more ranks' if len(ranks) > SHOWN else ''
    files = ' '.join(dict.fromkeys(filter(None, saved)))
    return (
        f'{begin}{";".join(said)}{more}. Lower optim_wrapper.optimizer.lr or set optim_wrapper.clip_grad; '
        f'what was saved before is intact. {files}'
    ).rstrip()


def _said(rank: int, found: Sequence[Finding]) -> str:
    where = f' on rank {rank}' if len(found) > 1 else ''
    parts = ', '.join(f'{name} {value:.4g}' for name, value in found[rank].losses.items())
    return f'{where}: {parts}; samples: {", ".join(found[rank].ids)}'
