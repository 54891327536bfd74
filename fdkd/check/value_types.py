"""Values of a config whose type is not the one that the class beside them states."""

import types
import typing
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from mmengine.config import Config

from fdkd.check.registries import PARTS, SECTIONS, registry_of

#: What is stated elsewhere than in a constructor: keys of a distillation loss, and of a data loader.
_OF_LOSSES = {'on': str, 'weight': float, 'warmup': int, 'teacher': str}
_OF_LOADERS = {'batch_size': int, 'num_workers': int, 'drop_last': bool, 'persistent_workers': bool}
#: Packages whose annotations can be believed; MMSegmentation's say int where a tuple is meant.
_BELIEVED = ('fdkd', 'mmengine', 'torch')


class WrongType(NamedTuple):
    """A value at a dotted path, and what is wrong with it."""

    path: str
    text: str


def wrong_types(cfg: Config) -> Iterator[WrongType]:
    """Compares numbers, strings, truth values and lists with the annotations of what they are passed to.

    An int serves as a float, and a list as a tuple. Arguments without an annotation, or with one that any value may
    meet, are not judged, nor are dictionaries.
    """
    for key, value in cfg.items():
        if key in SECTIONS:
            yield from _walk(value, key, SECTIONS[key])
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if isinstance(loader := cfg.get(name), dict):
            yield from _judge(loader, _OF_LOADERS, name, 'a data loader')


def _walk(node: Any, path: str, registry: str) -> Iterator[WrongType]:
    if isinstance(node, (list, tuple)):
        for index, entry in enumerate(node):
            yield from _walk(entry, f'{path}[{index}]', registry)
    if not isinstance(node, dict):
        return
    if isinstance(node.get('type'), str) and (built := registry_of(registry).get(node['type'])) is not None:
        hints = _hints(built) | (_OF_LOSSES if registry == 'DISTILL_LOSSES' else {})
        yield from _judge(node, hints, path, node['type'])
    for key, value in node.items():
        yield from _walk(value, f'{path}.{key}', registry if registry == 'HOOKS' else PARTS.get(key, registry))


def _hints(built: Any) -> dict[str, Any]:
    """Annotations by argument, those of the bases included where the class passes its ``**kwargs`` on."""
    hints: dict[str, Any] = {}
    owners = reversed(built.__mro__) if isinstance(built, type) else [built]
    for owner in owners:
        function = vars(owner).get('__init__') if isinstance(owner, type) else owner
        if function is None or owner.__module__.partition('.')[0] not in _BELIEVED:
            continue
        try:
            hints |= get_type_hints(function)
        except (NameError, TypeError, AttributeError):
            continue  # an annotation that cannot be resolved outside its module
    return hints


def _judge(node: dict, hints: dict[str, Any], path: str, owner: str) -> Iterator[WrongType]:
    for key, value in node.items():
        if key in hints and not _fits(value, hints[key]):
            expected = _words(hints[key])
            yield WrongType(f'{path}.{key}', f'{path}.{key}: {value!r}, {owner} expects {expected}')


def _fits(value: Any, hint: Any) -> bool:
    if isinstance(value, dict) or not isinstance(value, (str, int, float, bool, list, tuple, type(None))):
        return True
    return any(_is(value, member) for member in _members(hint))


def _is(value: Any, member: Any) -> bool:
    origin = get_origin(member) or member
    if origin is typing.Literal:
        return value in get_args(member)
    if origin is Any or not isinstance(origin, type) or getattr(origin, '_is_protocol', False):
        return True  # nothing that a value could be compared with
    if isinstance(value, (list, tuple)):
        return isinstance([], origin) or isinstance((), origin)
    return isinstance(value, origin) or (origin is float and isinstance(value, int))


def _members(hint: Any) -> list[Any]:
    if get_origin(hint) in (typing.Union, types.UnionType):
        return [inner for member in get_args(hint) for inner in _members(member)]
    return [type(None) if hint is None else hint]


def _words(hint: Any) -> str:
    names = [getattr(member, '__name__', str(member)) for member in _members(hint)]
    return ' or '.join('None' if name == 'NoneType' else name for name in names)
