"""Where the stages of other libraries' networks end, and reading what they put out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

#: How a ResNet's blocks name the ReLU at their end: timm's bottleneck, timm's basic block, torchvision's.
_LAST_RELUS = ('act3', 'act2', 'relu')


@contextmanager
def recorded(network: nn.Module, paths: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Within it, the dictionary fills with the last tensor at each path, as taps name them; of several, the last.

    Args:
        network: Where the paths lead.
        paths: ``'layer4'`` for that module's output, ``'fc:input'`` for its input.
    """
    found: dict[str, Tensor] = {}

    def record(path: str) -> Any:
        def record_input(_: nn.Module, args: tuple) -> None:
            found[path] = args[0]

        def record_output(_: nn.Module, args: tuple, output: Any) -> None:
            found[path] = list(output.values())[-1] if isinstance(output, Mapping) else output

        module = network.get_submodule(path.removesuffix(':input'))
        if path.endswith(':input'):
            return module.register_forward_pre_hook(record_input)
        return module.register_forward_hook(record_output)

    handles = [record(path) for path in paths]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def before_last_relus(network: nn.Module, prefix: str = '') -> list[str]:
    """The inputs of the last ReLU of each stage of a ResNet of timm or torchvision, which no longer overwrites them.

    Args:
        network: Any network.
        prefix: Put before the paths.

    Returns:
        Four paths; none where the network is no ResNet.
    """
    paths = []
    for stage in ('layer1', 'layer2', 'layer3', 'layer4'):
        blocks = getattr(network, stage, None)
        if not isinstance(blocks, nn.Sequential) or not len(blocks):
            return []
        relus = [name for name in _LAST_RELUS if isinstance(getattr(blocks[-1], name, None), nn.ReLU)]
        if not relus:
            return []
        getattr(blocks[-1], relus[0]).inplace = False
        paths.append(f'{prefix}{stage}.{len(blocks) - 1}.{relus[0]}:input')
    return paths


def some_of(number: int) -> list[int]:
    """The last four of as many stages."""
    return list(range(max(number - 4, 0), number))


def quarters(number: int) -> list[int]:
    """The layers, of so many of one width, at which the four quarters end."""
    parts = min(4, number)
    return [number * (part + 1) // parts - 1 for part in range(parts)]
