"""Models of the Hugging Face hub: from a folder or the cache, then from the network, and never from a pickle."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import nn

from fdkd.checkpoint import load_weights
from fdkd.errors import CheckpointError
from fdkd.registry import WEIGHT_INITIALIZERS


def load_local_first(load: Callable, model: str, **settings: Any) -> Any:
    """Calls one of transformers' ``from_pretrained``; the network is asked only for what is not here.

    Args:
        load: The ``from_pretrained``.
        model: A folder, or a name on the hub.
        settings: Further arguments of ``load``.

    Raises:
        CheckpointError: If the model is not here and cannot be downloaded, or is damaged.
    """
    from safetensors import SafetensorError

    try:
        try:
            with _quiet():
                return load(model, local_files_only=True, **settings)
        except OSError:
            if Path(model).is_dir():
                raise
            return load(model, **settings)
    except (OSError, ValueError, SafetensorError) as error:
        reason = str(error).strip().partition('\n')[0]
        if Path(model).is_dir():
            raise CheckpointError(
                f'{model}: cannot be read as a Hugging Face model ({reason}); expected config.json and, for trained '
                'weights, model.safetensors'
            ) from error
        raise CheckpointError(
            f'{model}: not in the Hugging Face cache, and not to be had from the network ({reason}): name a folder '
            'that holds its config.json and, for trained weights, its model.safetensors'
        ) from error


def without_pooler(network: nn.Module) -> nn.Module:
    """Takes out the layer that pools for a pretraining task; a parameter that no loss reaches would stop DDP."""
    if getattr(network, 'pooler', None) is not None:
        network.pooler = None
    return network


@WEIGHT_INITIALIZERS.register_module()
class HuggingFaceInit:
    """Loads the trained weights of a model into a :class:`~fdkd.models.backbones.text.TransformerText`.

    Args:
        model: Name on the hub or folder; its weights have to be there as safetensors.
    """

    def __init__(self, model: str) -> None:
        self.model = model

    def __call__(self, backbone: nn.Module) -> None:
        """Fills ``backbone.model``.

        Raises:
            CheckpointError: If the weights cannot be had, are incomplete or do not fit.
        """
        from transformers import AutoModel  # slow to import, and only text needs it

        trained, found = load_local_first(
            AutoModel.from_pretrained,
            self.model,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
        # what a file lacks, transformers fills with random numbers
        if missing := sorted(set(backbone.model.state_dict()) & set(found['missing_keys'])):
            raise CheckpointError(f'{self.model}: its weights lack {len(missing)} entries, first {missing[0]}')
        load_weights(backbone.model, without_pooler(trained).state_dict(), self.model)
        print_log(f'{type(backbone).__name__}: weights of {self.model}', logger='current')


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps transformers from reporting on the entries of pretraining heads, and from a progress bar."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
