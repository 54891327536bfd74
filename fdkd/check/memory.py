"""Parameters of an algorithm, and an estimate of the memory that its training takes."""

from collections.abc import Iterable
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn


class KeptForBackward:
    """Counts, within it, the bytes that a forward pass keeps for the backward pass, each storage once.

    Weights and buffers do not count, as they are there anyway. What an operator takes while it runs is not seen.

    Args:
        algorithm: Whose weights do not count; a ``teacher`` that is no part of it is taken along.

    Attributes:
        bytes: The count.
    """

    def __init__(self, algorithm: nn.Module) -> None:
        self._known = {_place(x) for x in _tensors(algorithm)}
        self.bytes = 0
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, lambda x: x)

    def _pack(self, x: Tensor) -> Tensor:
        if _place(x) not in self._known:
            # The graph holds the tensor until the backward pass, so that no other comes to lie in its place.
            self._known.add(_place(x))
            self.bytes += x.untyped_storage().nbytes()
        return x

    def __enter__(self) -> 'KeptForBackward':
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._hooks.__exit__(*error)


def parameter_counts(algorithm: nn.Module) -> dict[str, dict[str, int]]:
    """``total`` and ``trainable`` of ``student``, ``teacher`` and ``losses``, which is all else: also connectors."""
    student, *teachers = (network for _, network in algorithm.networks.values())
    parts = {'student': list(student.parameters()), 'teacher': [x for model in teachers for x in model.parameters()]}
    apart = {id(parameter) for part in parts.values() for parameter in part}
    parts['losses'] = [parameter for parameter in algorithm.parameters() if id(parameter) not in apart]
    return {
        name: {
            'total': sum(parameter.numel() for parameter in part),
            'trainable': sum(parameter.numel() for parameter in part if parameter.requires_grad),
        }
        for name, part in parts.items()
    }


def estimate(algorithm: nn.Module, wrapper: OptimWrapper, activations: float) -> dict[str, int]:
    """Bytes by kind, and their ``total``.

    Args:
        algorithm: After a step.
        wrapper: Its optimizer, likewise, so that its state is there.
        activations: Bytes that the forward pass keeps.
    """
    state = [x for entry in wrapper.optimizer.state.values() for x in entry.values() if isinstance(x, Tensor)]
    found = {
        'weights': _bytes(_tensors(algorithm)),
        'gradients': _bytes(parameter for parameter in algorithm.parameters() if parameter.requires_grad),
        'optimizer': _bytes(state),
        'activations': round(activations),
    }
    return {**found, 'total': sum(found.values())}


def _tensors(algorithm: nn.Module) -> list[Tensor]:
    modules = [algorithm, *(network for _, network in algorithm.networks.values())]
    unique = {id(x): x for module in modules for x in (*module.parameters(), *module.buffers())}
    return list(unique.values())


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(x.nbytes for x in tensors)


def _place(x: Tensor) -> int:
    return x.untyped_storage().data_ptr()
