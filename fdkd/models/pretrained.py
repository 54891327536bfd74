"""MMEngine's own loading of weights, held to what fdkd's loader allows.

``init_cfg=dict(type='Pretrained', checkpoint=...)``, and the backbones of MMSegmentation that read their weights
themselves, go through MMEngine, which unpickles without restriction whatever torch's restricted unpickler refuses.
"""

import os
from pickle import UnpicklingError
from typing import Any

import torch
from mmengine.runner import checkpoint as mmengine_checkpoint

from fdkd.checkpoint import read_checkpoint
from fdkd.errors import CheckpointError


def install_safe_loading() -> None:
    """Makes MMEngine read files and downloads with torch's restricted unpickler alone, for the whole process.

    Raises:
        AttributeError: If MMEngine has no such functions any more, in which case nothing must be loaded by it.
    """
    for name, function in (('_safe_torch_load', _read), ('load_url', _download)):
        getattr(mmengine_checkpoint, name)
        setattr(mmengine_checkpoint, name, function)


def _read(file: Any, map_location: Any = None, weights_only: bool | None = None) -> Any:
    """Stands in for ``_safe_torch_load``; of ``weights_only`` it takes no orders."""
    if isinstance(file, (str, os.PathLike)):
        return read_checkpoint(file, map_location or 'cpu')
    try:  # the content of a file in an object store
        return torch.load(file, map_location=map_location, weights_only=True)
    except UnpicklingError as error:
        raise _refused('weights from an object store') from error


def _download(url: str, *args: Any, **kwargs: Any) -> Any:
    """Stands in for ``load_url``, whose other arguments are those of torch's function."""
    try:
        return torch.hub.load_state_dict_from_url(url, *args, **{**kwargs, 'weights_only': True})
    except UnpicklingError as error:
        raise _refused(url) from error


def _refused(source: str) -> CheckpointError:
    return CheckpointError(f'{source}: refused, since it holds objects that would run code, or is damaged')
