"""What each rank has of its own in the middle of a run, beside its generators: buffers and unfinished gradients."""

from typing import Any

import torch
from mmengine.dist import get_rank, get_world_size
from torch import Tensor, distributed, nn

from fdkd.engine.agreement import host_group


def own_buffers(algorithm: nn.Module) -> dict[str, Tensor]:
    """Copies of the buffers that ``algorithm`` saves (batch statistics, what a loss remembers), on the CPU.

    Empty in a single process, whose buffers are all in its ``state_dict``.
    """
    if get_world_size() == 1:
        return {}
    saved = algorithm.state_dict()
    return {name: x.detach().cpu().clone() for name, x in algorithm.named_buffers() if name in saved}


def put_buffers(algorithm: nn.Module, buffers: dict[str, Tensor]) -> None:
    """Gives buffers of ``algorithm`` the values that :func:`own_buffers` copied."""
    own = dict(algorithm.named_buffers())
    for name, value in buffers.items():
        own[name].copy_(value)


def gather_rank_states(
    algorithm: nn.Module, optim_wrapper: Any, buffers: dict[str, Tensor]
) -> list[dict[str, dict[str, Tensor]]]:
    """What every rank has beside the ``state_dict`` of rank 0; to be called on all of them.

    Args:
        algorithm: Its ``state_dict`` will be saved.
        optim_wrapper: What steps it.
        buffers: Those of this rank, by name.

    Returns:
        On rank 0, which saves them: by rank ``buffers``, those that differ from its ``state_dict``, and ``gradients``,
        those that wait for further batches until the optimizer steps; empty where no rank has either, and on other
        ranks.
    """
    gradients = {}
    if not optim_wrapper.should_update():  # it has not just stepped
        gradients = {name: x.grad.cpu() for name, x in algorithm.named_parameters() if x.grad is not None}
    states = _on_rank_zero({'buffers': buffers, 'gradients': gradients})
    saved = algorithm.state_dict()
    for state in states:
        state['buffers'] = {name: x for name, x in state['buffers'].items() if not x.equal(saved[name].cpu())}
    return states if any(state['buffers'] or state['gradients'] for state in states) else []


def _on_rank_zero(own: Any) -> list[Any]:
    """What each rank has, by rank, on rank 0; over their hosts, since NCCL would put all of it on every GPU."""
    if get_world_size() == 1:
        return [own]
    found = [None] * get_world_size() if get_rank() == 0 else None
    distributed.gather_object(own, found, group=host_group(distributed.group.WORLD))
    return found or []


def restore_rank_state(algorithm: nn.Module, states: list[dict[str, dict[str, Tensor]]]) -> None:
    """Gives this rank back what :func:`gather_rank_states` found on it."""
    if get_rank() >= len(states):
        return
    state = states[get_rank()]
    put_buffers(algorithm, state['buffers'])
    parameters = dict(algorithm.named_parameters())
    for name, gradient in state['gradients'].items():
        parameters[name].grad = torch.empty_like(parameters[name]).copy_(gradient)
