"""The shape of the arrays that a training would read: by the header of one file, or else as the model takes them."""

import copy
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from fdkd.apis.validate import find_values
from fdkd.datasets.steps import uncached
from fdkd.datasets.transforms.arrays import laid_out, read_array
from fdkd.errors import DataError
from fdkd.models.misfit import expected_input
from fdkd.registry import DATASETS, MODELS

#: Height and width of what no step resizes, and no file shows.
SMALL = (48, 64)


class Arrays(NamedTuple):
    """What is known of the arrays of a modality.

    Attributes:
        shape: Of one of them, as ``LoadArray`` leaves it.
        assumed: Whether no file said so.
        words: The same for people, with the file, or with why there is none.
        mistake: What is wrong with data that are there, and would end a training; else ``None``.
    """

    shape: tuple[int, ...]
    assumed: bool
    words: str
    mistake: str | None = None


def arrays_of(cfg: Config, models: Mapping[str, Mapping[str, Any]]) -> dict[str, Arrays]:
    """The arrays of each modality that ``LoadArray`` reads for a training.

    Where the data set is there, its table and the header of one file are read. Else a shape is assumed that the model
    takes.

    Args:
        cfg: The config, with ``data_root`` as it would be used.
        models: Config of a model by the modality that it sees.
    """
    dataset = cfg.train_dataloader.dataset
    found = {}
    for modality in array_modalities(dataset.pipeline, list(models)):
        try:
            path, shape = _seen(dataset, modality)
            found[modality] = Arrays(shape, False, f'arrays are {list(shape)}, as in {path}')
        except Exception as error:  # a data set of one's own may fail in any way
            reason = ' '.join(str(error).split()) or type(error).__name__
            shape = assumed_shape(models[modality])
            if isinstance(error, DataError) and Path(_root(dataset)).is_dir():
                mistake = f'train_dataloader.dataset: {reason} (`fdkd check-data` reads all of the data)'
                found[modality] = Arrays(shape, True, f'arrays taken as {list(shape)}, for want of a file', mistake)
            else:
                found[modality] = Arrays(shape, True, f'arrays taken as {list(shape)}; {reason}')
    return found


def array_modalities(pipeline: Sequence[Mapping[str, Any]], modalities: Sequence[str]) -> list[str]:
    """Those of the modalities that ``LoadArray`` reads."""
    steps = [step for step in uncached(pipeline) if step.get('type') in ('LoadArray', 'fdkd.LoadArray')]
    return [name for name in modalities if any(step.get('modality') == name for step in steps)]


def assumed_shape(model: Mapping[str, Any]) -> tuple[int, ...]:
    """A shape ``[C, ...]`` or ``[D]`` that a model takes, by its first layer; else ``[in_channels, *SMALL]``.

    Args:
        model: Its config.
    """
    with suppress(Exception):  # that it cannot be built is said elsewhere
        match expected_input(MODELS.build(copy.deepcopy(model))):
            case (width,):
                return (width,)
            case (channels, 'L'):  # a file of channels by steps, which ``LoadArray`` makes a picture
                return (1, channels, SMALL[1])
            case (channels, 'H', 'W'):
                return (channels, *SMALL)
    return (next((number for _, number in find_values(model, 'in_channels', '')), 1), *SMALL)


def _root(dataset: Mapping[str, Any]) -> str:
    return dataset.get('data_root', '.')


def _seen(dataset: Mapping[str, Any], modality: str) -> tuple[str, tuple[int, ...]]:
    """The first file that a data set lists of a modality, below its folder, and the shape of its array.

    Raises:
        DataError: If there is no such file, or no array in it.
    """
    root = _root(dataset)
    if not Path(root).is_dir():
        raise DataError(f'{root} is not there')
    settings = {key: value for key, value in dataset.items() if key != 'cache'}  # which would be filled
    built = DATASETS.build({**copy.deepcopy(settings), 'pipeline': []})
    for index in range(len(built)):
        if path := built.get_data_info(index).get(modality):
            return os.path.relpath(path, root), laid_out(read_array(path, mapped=True), path).shape
    raise DataError(f'no sample of {root} has {modality}')
