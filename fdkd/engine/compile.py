"""``torch.compile`` for networks with taps in them.

A tap is a hook on a module, and a teacher's forward pass is ended by an exception out of such a hook. Within a compiled
graph, hooks fire as they were when it was compiled, or not at all. So what is compiled are the parts between the taps:
the largest submodules that no tap reads inside of. A tap at such a part's own input or output stays outside its graph.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from fdkd.distill.taps import TapReader
from fdkd.models.foreign import ForeignModel

#: Submodules of one class share the number of graphs that Dynamo compiles for them; its own limit is 8.
_GRAPHS_PER_CLASS = 256


def compile_networks(algorithm: nn.Module, options: dict[str, Any]) -> Callable[[], None]:
    """Compiles the student, and the teacher where there is one, each between its taps, while the algorithm trains.

    Networks of other libraries stay as they are: their models read inside them in every pass.

    In evaluation mode the algorithm runs what it ran before, so scores of given weights do not depend on it.

    Args:
        algorithm: An algorithm of fdkd.
        options: Arguments of ``torch.compile``.

    Returns:
        A function that undoes it.
    """
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, _GRAPHS_PER_CLASS)
    readers = [value for value in vars(algorithm).values() if isinstance(value, TapReader)]
    readers += [teacher.reader for teacher in getattr(algorithm, 'teachers', {}).values()]
    networks = [reader.model for reader in readers] or [algorithm.student]
    networks = [network for network in networks if not isinstance(network, ForeignModel)]
    tapped = {module for reader in readers for module in _tapped(reader)}
    parts = list(dict.fromkeys(part for network in networks for part in between_taps(network, tapped)))
    before = [vars(part).get('forward') for part in parts]
    for part in parts:
        part.forward = _while_training(algorithm, part.forward, torch.compile(part.forward, **options))

    def undo() -> None:
        for part, forward in zip(parts, before, strict=True):
            del part.forward
            if forward is not None:
                part.forward = forward

    return undo


def between_taps(network: nn.Module, tapped: set[nn.Module]) -> Iterator[nn.Module]:
    """The largest submodules of ``network`` that hold others, have a forward pass and none of ``tapped`` inside."""
    for child in network.children():
        inside = set(child.modules()) - {child}
        if inside and not inside & tapped and type(child).forward is not nn.Module.forward:
            yield child
        else:
            yield from between_taps(child, tapped)


def _tapped(reader: TapReader) -> Iterator[nn.Module]:
    for entry in reader.taps.values():
        for path in [entry] if isinstance(entry, str) else entry:
            yield reader.model.get_submodule(path.removesuffix(':input'))


def _while_training(algorithm: nn.Module, plain: Callable, compiled: Callable) -> Callable:
    def forward(*args: Any, **kwargs: Any) -> Any:
        return (compiled if algorithm.training else plain)(*args, **kwargs)

    return forward
