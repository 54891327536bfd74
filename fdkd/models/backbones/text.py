"""Text encoders of the transformers library."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from fdkd.errors import ConfigError, DataError
from fdkd.huggingface import load_local_first
from fdkd.models.huggingface import without_pooler
from fdkd.models.padding import PADDING
from fdkd.registry import BACKBONES


@BACKBONES.register_module()
class TransformerText(BaseModule):
    """Any encoder that transformers' ``AutoModel`` knows; its feature is the last state of the first token, [CLS].

    Its stages are the states of that token after each quarter of the layers, the last of them being the feature.

    The network starts from random weights; ``init_cfg`` fills in trained ones. The pooling layer that some encoders
    keep for their pretraining is left out.

    Args:
        model: Name on the Hugging Face hub, for example ``'bert-base-uncased'``, or a folder with a ``config.json``.
        init_cfg: Weights to start from, for example ``dict(type='HuggingFaceInit', model='bert-base-uncased')``.

    Raises:
        CheckpointError: If there is no such model here and it cannot be downloaded.
        ConfigError: If the model is no encoder whose first token stands for the text.
    """

    def __init__(self, model: str, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        # slow to import, and only text needs it
        from transformers import MODEL_FOR_MASKED_LM_MAPPING, AutoConfig, AutoModel

        config = load_local_first(AutoConfig.from_pretrained, model, 'config.json')
        # what fills in masked tokens looks both ways; where a token sees those before it alone, the first sees no word
        if type(config) not in MODEL_FOR_MASKED_LM_MAPPING or config.is_encoder_decoder:
            raise ConfigError(
                f'{model}: a {config.model_type} is no encoder whose first token stands for the text: choose one such '
                'as BERT'
            )
        pad = getattr(config, 'pad_token_id', None)
        self.pad: int = 0 if pad is None else pad
        network = AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
        self.model = without_pooler(network)
        # MMEngine would call the network's own init_weights after init_cfg; nothing promises that it keeps weights
        self.model.is_init = True
        self.channels: int = config.hidden_size
        self.longest = _longest(self.model, getattr(config, 'max_position_embeddings', None))
        self.activation = nn.Identity()
        layers: int = config.num_hidden_layers
        quarters = min(4, layers)
        self._stage_layers = [layers * (stage + 1) // quarters for stage in range(quarters)]
        #: What a stage puts out passes one of these, where it can be read.
        self.states = nn.ModuleList(nn.Identity() for _ in self._stage_layers)
        self.stages = tuple(f'states.{stage}' for stage in range(quarters))

    def forward(self, ids: Tensor) -> Tensor:
        """Maps token ids, int64 ``[N, L]``, to ``[N, channels]``.

        Shorter texts are filled up on the right with :data:`~fdkd.models.padding.PADDING`, which no token attends to.

        Raises:
            DataError: If the texts are longer than the model reads.
        """
        if self.longest is not None and ids.shape[1] > self.longest:
            raise DataError(f'texts of {ids.shape[1]} tokens, the model reads {self.longest}: lower max_length')
        padding = ids == PADDING
        outputs = self.model(
            input_ids=ids.masked_fill(padding, self.pad),
            attention_mask=(~padding).long(),
            output_hidden_states=True,
        )
        for state, layer in zip(self.states, self._stage_layers, strict=True):
            first = state(outputs.hidden_states[layer][:, 0])
        return first


def _longest(model: nn.Module, positions: int | None) -> int | None:
    """Tokens of the longest text: RoBERTa and its kin count positions from beyond the padding's."""
    table = getattr(getattr(model, 'embeddings', None), 'position_embeddings', None)
    padding = getattr(table, 'padding_idx', None)
    return positions if positions is None or padding is None else positions - padding - 1
