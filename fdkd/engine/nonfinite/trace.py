"""Where in a step values that are not finite first arise."""

import itertools
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn


class Module(NamedTuple):
    """A module that put out values which are not finite.

    Attributes:
        name: Its path in the algorithm, or what else was traced.
        kind: Its class.
        inputs_finite: Whether its inputs were finite, and its parameters.
        largest: The largest finite absolute value of its inputs; ``None`` without a tensor among them.
    """

    name: str
    kind: str
    inputs_finite: bool
    largest: float | None


class Trace:
    """What was found in one step.

    Attributes:
        first: The first module whose output was not finite; ``None`` where all were.
        modules: How many had put out something before it.
        gradient: The module with respect to whose output the gradient was the first not to be finite; ``None`` where
            all were.
        before_it: The one whose gradient was the last to be finite before that; ``None`` where there was none.
        function: What torch's anomaly detection says of the first NaN of the backward pass; empty without one.
    """

    def __init__(self) -> None:
        self.first: Module | None = None
        self.modules = 0
        self.gradient: str | None = None
        self.before_it: str | None = None
        self.function = ''
        self.hooked: list[Any] = []  # a container puts out what its last part did, which has been seen to


def tensors(value: Any) -> Iterator[Tensor]:
    """All floating-point tensors in nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, Mapping):
        yield from itertools.chain.from_iterable(map(tensors, value.values()))
    elif isinstance(value, (list, tuple)):
        yield from itertools.chain.from_iterable(map(tensors, value))


def is_finite(values: Any) -> bool:
    """Whether all that :func:`tensors` finds is finite."""
    return all(bool(x.detach().isfinite().all()) for x in tensors(values))


@contextmanager
def traced(modules: Mapping[str, nn.Module]) -> Iterator[Trace]:
    """Within it, a forward pass and :func:`find_function` enter what they find.

    Args:
        modules: By name, parts of modules as well. Modules whose ``forward`` is called directly are not seen, but their
            parts are.
    """
    trace = Trace()
    with ExitStack() as stack:
        for name, module in modules.items():
            handle = module.register_forward_hook(_watch(trace, name), with_kwargs=True)
            stack.callback(handle.remove)
        yield trace


def _watch(trace: Trace, name: str) -> Callable:
    def look(module: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
        if trace.first is None and not is_finite(output):
            given = [x.detach() for x in tensors([args, kwargs])]
            finite = [x[x.isfinite()] for x in given]
            largest = max((x.abs().max().item() for x in finite if x.numel()), default=None)
            whole = is_finite(given) and is_finite(list(module.parameters()))
            trace.first = Module(name, type(module).__name__, whole, largest)
        trace.modules += trace.first is None
        outputs = [x for x in tensors(output) if x.grad_fn is not None]
        for x in outputs:
            if all(x.grad_fn is not function for function in trace.hooked):
                x.register_hook(lambda gradient: _enter(trace, name, gradient))
        trace.hooked = [x.grad_fn for x in outputs]

    return look


def _enter(trace: Trace, name: str, gradient: Tensor) -> None:
    """Backward passes come from the end: the first that is not finite is the one nearest to the loss."""
    if trace.gradient is not None:
        return
    if gradient.isfinite().all():
        trace.before_it = name
    else:
        trace.gradient = name


def find_function(loss: Tensor, trace: Trace) -> None:
    """Runs the backward pass of ``loss`` under torch's anomaly detection, which must have watched the forward pass."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        try:
            loss.backward()
        except RuntimeError as error:
            named = re.match(r"Function '(\w+)' returned nan", str(error))
            if named is None:
                raise
            trace.function = named[1] + _place(str(caught[-1].message) if caught else '')


def _place(text: str) -> str:
    """The line of code that called the function, cut out of torch's page: the last outside torch itself."""
    lines = re.findall(r'File "([^"]+)", line (\d+), in (\S+)', text)
    own = [line for line in lines if '/torch/' not in line[0]]
    if not own:
        return ''
    path, number, function = own[-1]
    return f', of {"/".join(Path(path).parts[-3:])}, line {number} ({function})'
