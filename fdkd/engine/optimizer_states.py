"""What an optimizer keeps of each parameter, as a checkpoint brings it back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fdkd.errors import CheckpointError

#: What torch's optimizers keep of each entry of a parameter, and hence in its shape. All else, such as counts of steps,
#: has shapes of its own.
_ENTRYWISE = {
    *('momentum_buffer', 'exp_avg', 'exp_avg_sq', 'max_exp_avg_sq', 'exp_inf', 'square_avg', 'grad_avg', 'acc_delta'),
    *('sum', 'prev', 'step_size', 'ax'),
}  # fmt: skip


def check_optimizer_states(
    path: Path, saved: Mapping[str, Any], optimizer: torch.optim.Optimizer, model: nn.Module
) -> None:
    """Refuses states of a shape that their parameter has not, which torch would load and stumble over in a step.

    Looked at are torch's own optimizers: others may keep something else under the same names. Groups of other numbers
    of parameters are passed over, which torch refuses.

    Args:
        path: The checkpoint, for the message.
        saved: The ``state_dict`` of an optimizer like ``optimizer`` in it.
        optimizer: What is to load it.
        model: Whose parameters it steps.

    Raises:
        CheckpointError: With the first parameter whose state does not fit, and their number.
    """
    groups = [group.get('params', ()) for group in saved['param_groups']]
    if not _is_of_torch(optimizer) or list(map(len, groups)) != [len(own['params']) for own in optimizer.param_groups]:
        return
    names = {parameter: name for name, parameter in model.named_parameters()}
    numbers = (number for group in groups for number in group)
    parameters = (parameter for group in optimizer.param_groups for parameter in group['params'])
    misfits = [
        f'{key} of {names.get(parameter, "a parameter")} has the shape {tuple(state.shape)}, '
        f'expected {tuple(parameter.shape)}'
        for number, parameter in zip(numbers, parameters, strict=True)
        for key, state in saved['state'].get(number, {}).items()
        if key in _ENTRYWISE and isinstance(state, Tensor) and state.shape != parameter.shape
    ]
    if misfits:
        more = f' (and {len(misfits) - 1} more)' if len(misfits) > 1 else ''
        raise CheckpointError(
            f'{path}: cannot be resumed, its optimizer state does not fit this model: {misfits[0]}{more}; resume with '
            'the code that it was written by, or choose another --work-dir'
        )


def _is_of_torch(optimizer: torch.optim.Optimizer) -> bool:
    local = _local(optimizer)
    return type(local) is getattr(torch.optim, type(local).__name__, None)


def _local(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Of a sharded one, that of this rank."""
    return getattr(optimizer, 'optim', optimizer)


def lay_out_states(optimizer: torch.optim.Optimizer) -> None:
    """Brings what an optimizer keeps of a parameter into the parameter's memory order, which fused kernels rely on."""
    for parameter, states in _local(optimizer).state.items():
        for name, x in states.items():
            if isinstance(x, Tensor) and x.shape == parameter.shape and x.stride() != parameter.stride():
                states[name] = torch.empty_like(parameter, dtype=x.dtype).copy_(x)
