"""What a network takes, as its first layer shows, and what to say of an input that it does not take."""

import re
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

#: What stands before a first layer without saying how many dimensions an input has.
_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm)
#: Dimensions of a sample beside the channels, by how many a convolution runs over.
_AXES = {1: ('L',), 2: ('H', 'W'), 3: ('T', 'H', 'W')}
#: How a convolution refuses other channels, and other dimensions, than it was made for.
_OF_CONVOLUTIONS = re.compile('channels, but got|Expected .* input to conv')
#: How a linear layer refuses vectors of another length.
_OF_LINEAR = 'shapes cannot be multiplied'


def refused_by_convolution(error: Exception) -> bool:
    """Whether an error says that a convolution does not take the channels or dimensions of what it was given."""
    return isinstance(error, RuntimeError) and bool(_OF_CONVOLUTIONS.search(str(error)))


def refused(error: Exception) -> bool:
    """Whether an error says that a convolution or a linear layer does not take what it was given."""
    return refused_by_convolution(error) or (isinstance(error, RuntimeError) and _OF_LINEAR in str(error))


def expected_input(network: nn.Module) -> tuple[int | str, ...] | None:
    """The shape of one sample that a network takes, as far as its first layer with weights shows it.

    Returns:
        ``(C, 'H', 'W')`` of a two-dimensional convolution, likewise ``(C, 'L')`` and ``(C, 'T', 'H', 'W')``; ``(D,)``
        of a linear layer; ``None`` of any other layer, or where there is none.

    Example:
        >>> expected_input(nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU()))
        (3, 'H', 'W')
    """
    return _taken(next((module for module in network.modules() if _is_weighted(module)), None))


def misfit(network: nn.Module, modality: str, inputs: Tensor, error: Exception) -> str | None:
    """What is wrong with an input that a network failed on, and what to do, in one line, the error's own included.

    The network is run once more, as far as the first layer with weights that it reaches, which need not be the first
    that it lists. Neither its weights, its batch norms nor the random numbers to come change by that.

    Args:
        network: A model of one modality.
        modality: The modality.
        inputs: ``[N, ...]``.
        error: What was raised, by the network or elsewhere.

    Returns:
        The line; ``None`` where anything else failed than that layer on this very input.
    """
    refusal = _first_refusal(network, inputs) if refused(error) else None
    if refusal is None or refusal.text not in str(error):
        return None
    expected, x, shape = _taken(refusal.layer), refusal.given, tuple(inputs.shape[1:])
    if expected is None or not shape or _fits(x, expected) or not _is_same(x, inputs, len(expected)):
        return None
    own = getattr(network, 'backbone', None)
    name = getattr(network, 'name', type(network).__name__) if own is None else type(own).__name__
    axes, needs = expected[1:], f'[{", ".join(map(str, expected))}]'
    part = 'model' if own is None else 'backbone'
    if axes and len(shape) == 1:
        advice = f"use a backbone for vectors (type='VectorMLP', in_channels={shape[0]})"
    elif axes and x.ndim != len(expected) + 1:
        advice = f'use a {part} for inputs of {len(shape)} dimensions'
    else:
        width = x.shape[-len(expected)]
        counted = f'{width} {"channel" if axes else "value"}{"" if width == 1 else "s"}'
        advice = f'use a model for {counted}' if own is None else f'set in_channels={width} of the backbone'
    kind = 'vectors ' if len(shape) == 1 else ''
    return (
        f'{modality}: the data give {kind}{list(shape)}, {name} needs {"" if axes else "vectors "}{needs}: {advice}, '
        f'or correct the data ({refusal.text})'
    )


class _Refusal(NamedTuple):
    layer: nn.Module
    given: Tensor
    text: str


class _Taken(Exception):
    """Ends a pass whose first layer with weights took what it was given."""


@torch.no_grad()
def _first_refusal(network: nn.Module, inputs: Tensor) -> _Refusal | None:
    """The first layer with weights that a pass reaches, what it was given, and what it said of that, if it failed."""
    reached: list[tuple[nn.Module, Tensor | None]] = []

    def enter(layer: nn.Module, args: tuple, kwargs: dict) -> None:
        reached.append((layer, next(iter((*args, *kwargs.values())), None)))

    def leave(*_: object) -> None:
        raise _Taken

    modes = {module: module.training for module in network.modules()}
    layers = [module for module in modes if _is_weighted(module)]
    handles = [layer.register_forward_pre_hook(enter, with_kwargs=True) for layer in layers]
    handles += [layer.register_forward_hook(leave) for layer in layers]
    try:
        for module in modes:
            module.training = False
        with torch.random.fork_rng([inputs.device] if inputs.is_cuda else []), torch.compiler.set_stance('force_eager'):
            network(inputs, None, mode='tensor')
    except Exception as error:  # an own network may fail in any way on a pass that is not quite a training's
        if len(reached) == 1 and isinstance(reached[0][1], Tensor) and refused(error):
            return _Refusal(*reached[0], str(error).strip().partition('\n')[0])
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    return None


def _is_weighted(module: nn.Module) -> bool:
    """Convolutions, linear layers and whatever else has weights and no parts, but for norms."""
    if isinstance(module, (nn.Linear, _ConvNd)):
        return True  # of which a parametrisation is a part
    return bool(module._parameters) and not module._modules and not isinstance(module, _NORMS)


def _taken(layer: nn.Module | None) -> tuple[int | str, ...] | None:
    """What :func:`expected_input` says of a layer."""
    if isinstance(layer, nn.Linear) and layer.in_features:  # a lazy one does not know them yet
        return (layer.in_features,)
    if isinstance(layer, _ConvNd) and layer.in_channels:
        return (layer.in_channels, *_AXES[len(layer.kernel_size)])
    return None


def _fits(x: Tensor, expected: tuple[int | str, ...]) -> bool:
    """Whether a layer takes ``x``: a convolution a batch alone, a linear layer any dimensions before the last."""
    dimensions = len(expected)
    return (x.ndim == dimensions + 1 or dimensions == 1) and x.shape[-dimensions] == expected[0]


def _is_same(x: Tensor, inputs: Tensor, dimensions: int) -> bool:
    """Whether ``x`` is a network's input as it was given, or as single frames or rows, or flattened to vectors."""
    if x.numel() != inputs.numel() or x.ndim > inputs.ndim:
        return False
    flattened = dimensions == 1 and x.shape == inputs.flatten(1).shape
    return flattened or x.shape[-dimensions:] == inputs.shape[-dimensions:]
