"""A recipe from a file, before a network is built from it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fdkd.engine.console import import_quietly
from fdkd.errors import ExportError

_SCOPES = ('', 'mmseg', 'mmcv', 'mmengine')
#: What :mod:`fdkd.export.plain` makes recipes for.
_ARCHS = ('resnet18', 'mobilenet_v2')
#: Parts that import what they are told to, or that download or read weights when they are built.
_STRANGERS = ('TIMMBackbone', 'VPD', 'CLIPTextEncoder')
#: Keys that name a module to import, weights to start from, or code; a network from a file needs none of them.
_KEYS = ('_scope_', 'auto_map', 'attn_implementation', '_attn_implementation', 'init_cfg', 'norm_layer', 'pretrained')


def check_recipe(recipe: Mapping[str, Any], path: Path) -> None:
    """Refuses a recipe that names anything but parts of networks.

    MMEngine takes a ``type`` that it does not know for the dotted path of any Python function, imports it and calls it
    with the other keys, and ``os.system`` is one as well. Of a ``_scope_`` it imports the module ``SCOPE.registry``.

    Raises:
        ExportError: If the library is unknown, a ``type`` none of MMSegmentation's registered parts or one that
            downloads or imports, an ``arch`` none of those that are exported, a model of transformers no encoder of
            texts, or a key says where weights or code come from.
    """
    library = recipe.get('library')
    if library not in ('mmseg', 'torchvision', 'transformers'):
        raise ExportError(f'{path}: refused, since its network is of {library!r}, none of the libraries known here')
    for node in _mappings(recipe):
        if found := [key for key in _KEYS if node.get(key)]:
            raise ExportError(f'{path}: refused, since its network says {found[0]}={node[found[0]]!r:.60}')
    if library == 'torchvision' and recipe.get('arch') not in _ARCHS:
        raise ExportError(f'{path}: refused, since its network is {recipe.get("arch")!r}, none of {", ".join(_ARCHS)}')
    if library == 'transformers':
        _check_encoder(recipe.get('config'), path)
    if library == 'mmseg':
        known = _parts()
        for kind in (node['type'] for node in _mappings(recipe) if 'type' in node):
            scope, _, name = str(kind).rpartition('.')
            if not isinstance(kind, str) or scope not in _SCOPES or name not in known:
                raise ExportError(f"{path}: refused, since its network names {kind!r}, none of MMSegmentation's parts")


def _check_encoder(config: Any, path: Path) -> None:
    """Other kinds of models than those exported may have parts that download."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    kind = config.get('model_type') if isinstance(config, Mapping) else None
    if kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        raise ExportError(f"{path}: refused, since its network is {kind!r}, none of transformers' encoders of texts")


def _parts() -> set[str]:
    """Names of what MMSegmentation, MMCV and MMEngine register, which they do when they are imported."""
    import_quietly('mmseg.models')
    from mmseg.registry import MODELS, TASK_UTILS

    names = {name for one in (MODELS, TASK_UTILS) for name in {**one.module_dict, **one.parent.module_dict}}
    return names.difference(_STRANGERS)


def _mappings(node: Any) -> Iterator[Mapping[str, Any]]:
    """All dictionaries in a recipe, at any depth."""
    if isinstance(node, Mapping):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for value in node:
            yield from _mappings(value)
