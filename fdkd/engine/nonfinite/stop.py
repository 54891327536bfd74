"""Ending a training on all ranks with one message, after each rank concerned has kept its step."""

from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, get_rank, get_world_size
from mmengine.runner import Runner

from fdkd.engine.nonfinite.finding import Finding, at_fault, described
from fdkd.engine.nonfinite.saved import save
from fdkd.errors import NonFiniteLossError

#: What to do where the weights before the step are gone.
AGAIN = (
    'The weights before the step are gone; to have it as a file that repeats it, start the same command again with '
    '--resume --cfg-options look_at_every_step=True: it goes on from the newest checkpoint and looks before each step'
)


def agreed(value: int, op: str) -> int:
    """The smallest (``'min'``) or largest (``'max'``) value of all ranks."""
    if get_world_size() == 1:
        return value
    values = torch.tensor(value)
    all_reduce(values, op)
    return int(values)


def stopped(runner: Runner, finding: Finding, step: dict[str, Any] | None) -> NonFiniteLossError:
    """The error to raise, once the files lie on the disk; to be called on every rank.

    Args:
        runner: Of the training.
        finding: What this rank knows of the step.
        step: What repeats it, of this rank.
    """
    found = all_gather_object(finding)
    said = _kept(runner, finding, step) if get_rank() in at_fault(found) else ''
    # No rank raises before all have written: a launcher ends the others as soon as one has gone.
    return NonFiniteLossError(described(found, all_gather_object(said)))


def _kept(runner: Runner, finding: Finding, step: dict[str, Any] | None) -> str:
    try:
        path = save(runner, finding, step)
    except OSError as error:  # a full disk, say; what stopped the training matters more
        return f'The step could not be saved: {error}.'
    return f'To repeat the step: fdkd replay {path}' if step else f'It is noted in {path}. {AGAIN}'
