"""Text encoders of the transformers library."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from fdkd.errors import ConfigError, DataError
from fdkd.models.huggingface import load_local_first, without_pooler
from fdkd.registry import BACKBONES


@BACKBONES.register_module()
class TransformerText(BaseModule):
    """Any encoder that transformers' ``AutoModel`` knows; its feature is the last state of the first token, [CLS].

    The network starts from random weights; ``init_cfg`` fills in trained ones. The pooling layer that some encoders
    keep for their pretraining is left out.

    Args:
        model: Name on the Hugging Face hub, for example ``'bert-base-uncased'``, or a folder with a ``config.json``.
        init_cfg: Weights to start from, for example ``dict(type='HuggingFaceInit', model='bert-base-uncased')``.

    Raises:
        CheckpointError: If there is no such model here and it cannot be downloaded.
        ConfigError: If the model is no encoder with padding.
    """

    stages = ()

    def __init__(self, model: str, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        from transformers import AutoConfig, AutoModel  # slow to import, and only text needs it

        config = load_local_first(AutoConfig.from_pretrained, model)
        self.pad = getattr(config, 'pad_token_id', None)
        if self.pad is None or getattr(config, 'is_encoder_decoder', False):
            raise ConfigError(f'{model}: a {config.model_type} is no encoder with padding: choose one such as BERT')
        self.model = without_pooler(AutoModel.from_config(config, dtype=torch.float32))
        # MMEngine would call the network's own init_weights after init_cfg; nothing promises that it keeps weights
        self.model.is_init = True
        self.channels: int = config.hidden_size
        self.longest: int | None = getattr(config, 'max_position_embeddings', None)
        self.activation = nn.Identity()

    def forward(self, ids: Tensor) -> Tensor:
        """Maps token ids, int64 ``[N, L]`` padded on the right, to ``[N, channels]``.

        Raises:
            DataError: If the texts are longer than the model reads.
        """
        if self.longest is not None and ids.shape[1] > self.longest:
            raise DataError(f'texts of {ids.shape[1]} tokens, the model reads {self.longest}: lower max_length')
        return self.model(input_ids=ids, attention_mask=(ids != self.pad).long()).last_hidden_state[:, 0]
