"""Taps: named tensors read inside a model by dotted path, without touching the model's code."""

import difflib
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from fdkd.errors import ConfigError

#: ``'backbone.layer4'`` reads that module's output, ``'backbone.layer4.1.relu:input'`` its (first) input.
TapPath = str
Taps = Mapping[str, TapPath | Sequence[TapPath]]


class _AllTapsRead(Exception):
    """Ends a forward pass whose rest nobody needs."""


class TapReader:
    """Reads the tensors of ``taps`` while a model runs.

    A module that runs several times in one forward pass (in MMSegmentation's ``BasicBlock`` one ReLU serves twice)
    gives its *last* call. In-place activations read at their input are made out-of-place, lest they overwrite it.

    Args:
        model: The model to read in.
        taps: Name to path, or to a list of paths, which is read as a list of tensors.
        stop_early: End the forward pass as soon as the last tap is read, as a frozen teacher may. The first pass runs
            to its end, to learn how often each module runs.

    Attributes:
        calls_per_pass: Path to how often its module ran in the last pass that came to its end; ``None`` before.

    Raises:
        ConfigError: If a path names no module; the nearest names are listed.
    """

    def __init__(self, model: nn.Module, taps: Taps, stop_early: bool = False) -> None:
        self.model, self.taps, self.stop_early = model, dict(taps), stop_early
        paths = [path for entry in self.taps.values() for path in ([entry] if isinstance(entry, str) else entry)]
        self._modules = {path: _find(model, path) for path in paths}
        self._values: dict[TapPath, Tensor] = {}
        self._calls: dict[TapPath, int] = {}
        self.calls_per_pass: dict[TapPath, int] | None = None
        for path, module in self._modules.items():
            if path.endswith(':input') and getattr(module, 'inplace', False):
                module.inplace = False

    def run(self, forward: Callable, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Tensor | list[Tensor]]]:
        """Calls ``forward`` and returns its result (``None`` where it was ended early) and the tensors by tap name.

        Raises:
            ConfigError: If a tap did not fire.
        """
        self._values, self._calls = {}, dict.fromkeys(self._modules, 0)
        handles = [self._hook(path, module) for path, module in self._modules.items()]
        try:
            result = forward(*args, **kwargs)
            self.calls_per_pass = dict(self._calls)
        except _AllTapsRead:
            result = None
        finally:
            for handle in handles:
                handle.remove()
            values, self._values = self._values, {}  # also after an error: no tensor outlives its pass
        silent = [path for path, calls in self._calls.items() if not calls]
        if silent:
            raise ConfigError(f'the tap {silent[0]!r} did not fire: {_nearest(self.model, silent[0])}')
        return result, {
            name: values[entry] if isinstance(entry, str) else [values[path] for path in entry]
            for name, entry in self.taps.items()
        }

    def _hook(self, path: TapPath, module: nn.Module) -> Any:
        if path.endswith(':input'):

            def record_input(_: nn.Module, args: tuple, kwargs: dict) -> None:
                self._record(path, next(iter((*args, *kwargs.values())), None))

            return module.register_forward_pre_hook(record_input, with_kwargs=True)
        return module.register_forward_hook(lambda _, inputs, output: self._record(path, output))

    def _record(self, path: TapPath, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise ConfigError(f'the tap {path!r} reads a {type(value).__name__}, expected a tensor')
        self._values[path] = value
        self._calls[path] += 1
        if self.stop_early and self._calls == self.calls_per_pass:
            raise _AllTapsRead


@contextmanager
def replaced(model: nn.Module, path: TapPath, function: Callable[[Tensor], Tensor], calls: int = 1) -> Iterator[None]:
    """Within it, ``function`` of the tensor that the tap ``path`` reads takes that tensor's place in the model.

    An in-place activation that is replaced at its input works out-of-place meanwhile, since ``function`` may need what
    it returned. After a pass that failed, enter anew: the calls are counted from the entry.

    Args:
        model: The model to replace in.
        path: As for :class:`TapReader`.
        function: From what the tap reads to a tensor of the same shape.
        calls: How often the module runs in one pass (:attr:`TapReader.calls_per_pass` knows). Of these the last call is
            replaced, which is the one that the tap reads.

    Raises:
        ConfigError: If the path names no module.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.ReLU(), nn.Flatten())
        >>> with replaced(model, '0:input', lambda x: -x):
        ...     model(torch.tensor([[-1.0, 2.0]]))
        tensor([[1., 0.]])
    """
    module, count = _find(model, path), itertools.count(1)

    def replace_input(_: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict] | None:
        if next(count) % calls:
            return None
        if args:
            return (function(args[0]), *args[1:]), kwargs
        name = next(iter(kwargs))
        return args, {**kwargs, name: function(kwargs[name])}

    def replace_output(_: nn.Module, inputs: tuple, output: Tensor) -> Tensor | None:
        return None if next(count) % calls else function(output)

    in_place = path.endswith(':input') and getattr(module, 'inplace', False)
    if path.endswith(':input'):
        handle = module.register_forward_pre_hook(replace_input, with_kwargs=True)
    else:
        handle = module.register_forward_hook(replace_output)
    if in_place:
        module.inplace = False
    try:
        yield
    finally:
        handle.remove()
        if in_place:
            module.inplace = True


def default_taps(model: nn.Module) -> dict[str, TapPath | list[TapPath]]:
    """The taps that need no path in the config.

    A model that names its features (``named_features``) is believed. For MMSegmentation's, ``feat`` and ``map`` are the
    input of the last ReLU of the backbone's last stage, ``stages`` the same of every stage, and ``logits`` the output
    of the classifier layer. (A hook on a decode head itself would not fire in training, where MMSegmentation calls its
    ``forward`` directly.) Models of another build have no defaults and take paths.
    """
    if hasattr(model, 'named_features'):
        return dict(model.named_features)
    taps: dict[str, TapPath | list[TapPath]] = {}
    stages = getattr(getattr(model, 'backbone', None), 'res_layers', None)
    if stages:
        taps['stages'] = [f'{_last_relu(model, f"backbone.{stage}")}:input' for stage in stages]
        taps['feat'] = taps['map'] = taps['stages'][-1]
    if hasattr(getattr(model, 'decode_head', None), 'conv_seg'):
        taps['logits'] = 'decode_head.conv_seg'
    return taps


def resolve_taps(model: nn.Module, names: Sequence[str], named: Taps | None = None) -> dict[str, Any]:
    """The taps for ``names``: from the config's ``named``, from the defaults, or as paths themselves.

    Raises:
        ConfigError: If one is none of these.
    """
    known = {**default_taps(model), **(named or {})}
    for name in names:
        if name not in known:
            _find(model, name, known)
    return {name: known.get(name, name) for name in names}


def _last_relu(model: nn.Module, stage: str) -> str:
    relus = [name for name, module in model.get_submodule(stage).named_modules() if isinstance(module, nn.ReLU)]
    if not relus:
        raise ConfigError(f'{stage} has no ReLU to read a feature before: name the tap with a path')
    return f'{stage}.{relus[-1]}'


def _find(model: nn.Module, path: TapPath, known: Collection[str] = ()) -> nn.Module:
    try:
        return model.get_submodule(path.removesuffix(':input'))
    except AttributeError as error:
        raise ConfigError(f'{type(model).__name__} has no tap {path!r}: {_nearest(model, path, known)}') from error


def _nearest(model: nn.Module, path: TapPath, known: Collection[str] = ()) -> str:
    """The modules whose names are near a path, and the ``known`` names of taps."""
    names = [name for name, _ in model.named_modules() if name]
    near = difflib.get_close_matches(path.removesuffix(':input'), names, n=5, cutoff=0.3)
    modules = f'the nearest modules are {", ".join(near or names[:5])}'
    if not known:
        return modules
    by_name = f'the taps by name are {", ".join(known)}'
    if meant := difflib.get_close_matches(path, known, n=1):
        return f'did you mean {meant[0]}? ({by_name}; {modules})'
    return f'{modules}; {by_name}'
