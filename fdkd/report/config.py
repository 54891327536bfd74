"""The config that a run dumped, read without executing it, and what tells several apart."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fdkd.errors import ConfigError

#: Keys that steer a run. The rest of a dumped config are the variables that these were made from, and names.
EFFECTIVE = (
    *('model', 'model_wrapper_cfg', 'optim_wrapper', 'param_scheduler', 'auto_scale_lr', 'randomness', 'env_cfg'),
    *('load_from', 'resume', 'launcher', 'custom_hooks', 'default_hooks', 'custom_imports', 'unsafe_checkpoint'),
    *(f'{loop}_{part}' for loop in ('train', 'val', 'test') for part in ('cfg', 'dataloader', 'evaluator')),
)


def read_config(path: Path) -> dict[str, Any]:
    """What a config dumped by MMEngine holds: assignments of dicts, lists, tuples, strings, numbers and names.

    ``Config.fromfile`` would execute the file and import what its ``custom_imports`` names.

    Raises:
        ConfigError: If the file holds anything else.
    """
    try:
        statements = ast.parse(path.read_text(encoding='utf-8')).body
        return {statement.targets[0].id: _value(statement.value) for statement in statements}
    except (SyntaxError, ValueError, TypeError, AttributeError, RecursionError, MemoryError) as error:
        raise ConfigError(f'{path}: not a config as MMEngine dumps it ({error}); it is left out') from error


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Call(func=ast.Name(id='dict')):
            items = {key: value for argument in node.args for key, value in _value(argument).items()}
            return items | {keyword.arg: _value(keyword.value) for keyword in node.keywords}
        case ast.Dict():
            return {_value(key): _value(value) for key, value in zip(node.keys, node.values, strict=True)}
        case ast.List() | ast.Tuple():
            return [_value(element) for element in node.elts]
        case ast.Name() | ast.Attribute():  # inf, nan, or a type
            return ast.unparse(node)
    return ast.literal_eval(node)


def flatten(node: Any, path: str = '') -> Iterator[tuple[str, str]]:
    """Dotted keys and the text of their values; of lists, those that hold dicts are gone into, by index."""
    if isinstance(node, list) and any(isinstance(element, dict) for element in node):
        node = dict(enumerate(node))
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from flatten(value, f'{path}.{key}' if path else str(key))
    else:
        yield path, repr(node)


@dataclass(frozen=True)
class Difference:
    """A dotted key and its value in each config, None where a config lacks it."""

    key: str
    values: tuple[str | None, ...]

    @property
    def effective(self) -> bool:
        """Whether the key steers a run."""
        return self.key.partition('.')[0] in EFFECTIVE

    @property
    def groups(self) -> list[tuple[str | None, list[int]]]:
        """Each value and the indices of the configs that have it, the most frequent first."""
        found: dict[str | None, list[int]] = {}
        for index, value in enumerate(self.values):
            found.setdefault(value, []).append(index)
        return sorted(found.items(), key=lambda group: -len(group[1]))


def differences(configs: Sequence[dict[str, Any]]) -> list[Difference]:
    """The dotted keys in which ``configs`` are not all the same, sorted."""
    flat = [dict(flatten(config)) for config in configs]
    rows = (Difference(key, tuple(config.get(key) for config in flat)) for key in sorted(set().union(*flat)))
    return [row for row in rows if len(set(row.values)) > 1]
