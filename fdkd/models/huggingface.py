"""Trained weights of Hugging Face models, never from a pickle."""

import torch
from mmengine.logging import print_log
from torch import nn

from fdkd.checkpoint import load_weights
from fdkd.errors import CheckpointError
from fdkd.huggingface import load_local_first
from fdkd.registry import WEIGHT_INITIALIZERS


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
            'config.json and model.safetensors',
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
        # what a file lacks, transformers fills with random numbers
        if missing := sorted(set(backbone.model.state_dict()) & set(found['missing_keys'])):
            raise CheckpointError(f'{self.model}: its weights lack {len(missing)} entries, first {missing[0]}')
        load_weights(backbone.model, without_pooler(trained).state_dict(), self.model)
        print_log(f'{type(backbone).__name__}: weights of {self.model}', logger='current')
