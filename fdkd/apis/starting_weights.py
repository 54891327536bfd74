"""What the networks of a config start from, ImageNet weights and language models, and the options that say so."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from fdkd.errors import ConfigError
from fdkd.models.foreign import is_foreign
from fdkd.packaged import shown


def check_pretrained(pretrained: str) -> None:
    """Refuses ImageNet weights that are no file, address or ``'none'``.

    Raises:
        ConfigError: If they are not.
    """
    if pretrained != 'none' and '://' not in pretrained and not Path(pretrained).is_file():
        raise ConfigError(f"--pretrained {pretrained}: no such file; expected ImageNet weights, or 'none'")


def replace_pretrained(node: Any, pretrained: str, teaches: bool = False) -> None:
    """Points every ImageNet initialisation below ``node`` to a file, or removes all pretrained weights.

    A teacher of another library keeps its own, which are no start of a training but all that it knows.
    """
    if isinstance(node, dict):
        init, kind = node.get('init_cfg'), _init(node)
        if pretrained == 'none' and kind in ('ImageNetInit', 'HuggingFaceInit'):
            node['init_cfg'] = None
        elif kind == 'ImageNetInit':
            node['init_cfg'] = ConfigDict(init, checkpoint=pretrained)
        if pretrained == 'none' and not teaches and node.get('pretrained') and is_foreign(node):
            node['pretrained'] = False
        for key, value in node.items():
            replace_pretrained(value, pretrained, teaches or key in ('teacher', 'teachers'))


def replace_text_model(node: Any, name: str) -> None:
    """Names another model in every tokenizer, text encoder and its initialisation below ``node``."""
    for part in filter(_names_text_model, nodes(node)):
        part['model'] = name


def unused(cfg: Config, pretrained: str | None, text_model: str | None) -> list[str]:
    """A sentence for each option that names weights for which a config has no place, and so changes nothing.

    Several runs may share their options, of which not all have a place for them: none is a mistake.

    Args:
        cfg: With the models of its teachers, where it has such.
        pretrained: As ``--pretrained`` gives it; ``'none'`` is true of every network.
        text_model: As ``--text-model`` gives it.
    """
    found, config = [], shown(cfg.filename)
    if pretrained not in (None, 'none') and not any(_init(node) == 'ImageNetInit' for node in nodes(cfg.model)):
        found.append(f'--pretrained {pretrained} changes nothing: no network of {config} starts from ImageNet weights')
    read = [cfg.get(f'{name}_dataloader') for name in ('train', 'val', 'test')]
    if text_model is not None and not any(map(_names_text_model, nodes([cfg.model, *read]))):
        found.append(f'--text-model {text_model} changes nothing: {config} has no tokenizer and no text encoder')
    return found


def nodes(node: Any) -> Iterator[dict]:
    """Every dictionary at or below ``node``, through dictionaries and sequences."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for value in node:
            yield from nodes(value)


def _init(node: dict) -> Any:
    """The type of a network's initialisation."""
    init = node.get('init_cfg')
    return init.get('type') if isinstance(init, dict) else None


def _names_text_model(node: dict) -> bool:
    return node.get('type') in ('Tokenize', 'TransformerText', 'HuggingFaceInit')
