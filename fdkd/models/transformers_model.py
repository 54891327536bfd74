"""Networks of the transformers library by name or folder: classifiers of images, pixels, texts, and encoders."""

import json
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from fdkd.checkpoint import load_weights
from fdkd.errors import CheckpointError, ConfigError
from fdkd.huggingface import load_local_first
from fdkd.models.foreign import ForeignModel, Outputs
from fdkd.models.huggingface import without_pooler
from fdkd.models.padding import PADDING
from fdkd.models.stages import quarters, some_of
from fdkd.models.stated import Stated
from fdkd.registry import MODELS


@MODELS.register_module()
class TransformersModel(ForeignModel):
    """Any model of transformers that returns its hidden states, by one of the library's ``AutoModel`` classes.

    ``dict(type='TransformersModel', auto='AutoModelForSemanticSegmentation', name='nvidia/segformer-b0-...')``.

    Of a network that puts out maps, ``stages`` are the last four, and ``feat`` the last where pixels are classified,
    else its mean over the positions. Of a transformer, ``stages`` are its states after each quarter of the layers: maps
    ``[N, D, h, w]`` where its tokens are patches of an image, else ``[N, L, D]``; ``feat`` is the last of these maps
    where pixels are classified, else the last state of the first token where that stands for the whole ([CLS]), else
    the mean over the tokens. The library's own class of a model has the final norm behind the states; where it returns
    ``last_hidden_state``, that is the last of the stages.

    Args:
        auto: Name of the class, for example ``'AutoModelForImageClassification'``, or ``'AutoModel'`` for the features
            alone.
        name: Name on the Hugging Face hub, or a folder with a ``config.json``.
        num_classes: K; ``None`` for those of the model's config.
        pretrained: ``True`` for the weights of ``name``, or another name or folder; from a ``model.safetensors``.
        settings: Entries of the model's config to change, for example ``image_size``.

    Raises:
        CheckpointError: If there is no such model here and it cannot be downloaded.
        ConfigError: If transformers has no such class, or the class no such model.
    """

    def __init__(
        self,
        auto: str,
        name: str,
        num_classes: int | None = None,
        pretrained: bool | str = False,
        **settings: Any,
    ) -> None:
        import transformers

        self._auto = getattr(transformers, auto, None)
        if not auto.startswith('AutoModel') or self._auto is None:
            raise ConfigError(
                f'TransformersModel: auto={auto!r} is no class of transformers {transformers.__version__} whose name '
                "begins with AutoModel, such as 'AutoModelForSemanticSegmentation'"
            )
        config = load_local_first(transformers.AutoConfig.from_pretrained, name, 'config.json', **settings)
        if num_classes is not None:
            config.num_labels = num_classes
        classifies = auto != 'AutoModel'
        #: Which of the states are stages, counted from the end, and their channels.
        self._chosen, widths = _stages(self._auto, config)
        network = self._auto.from_config(config, dtype=torch.float32, trust_remote_code=False)
        self._source = name if pretrained is True else pretrained or None
        self.takes_clips = auto == 'AutoModelForVideoClassification'
        self._tokens = network.main_input_name == 'input_ids'
        self._class_token = self._tokens or any(
            'cls_token' in key or 'class_embedding' in key for key, _ in network.named_parameters()
        )
        super().__init__(
            without_pooler(network) if not classifies else network,
            f'transformers model {name}',
            config.num_labels if classifies else None,
            pretrained,
            widths,
            widths[-1],
        )
        self._patch = getattr(config, 'patch_size', None)
        if self._source:
            self.stated = _stated(self._source)

    def run(self, x: Tensor) -> Outputs:
        """Runs the network on images ``[N, C, H, W]``, clips, sounds or token ids, as it takes them."""
        arguments = {self.network.main_input_name: x}
        if self._tokens:
            padding = x == PADDING
            pad = getattr(self.network.config, 'pad_token_id', None) or 0
            arguments = {'input_ids': x.masked_fill(padding, pad), 'attention_mask': (~padding).long()}
        outputs = self.network(**arguments, output_hidden_states=True, return_dict=True)
        logits, states = outputs.get('logits'), _states(outputs)
        stages = [states[stage] for stage in self._chosen]
        if (last := outputs.get('last_hidden_state')) is not None and last.shape == stages[-1].shape:
            stages[-1] = last
        feat = self._vector(stages[-1])
        stages = [self._map(stage, x) for stage in stages]
        dense = logits is not None and logits.ndim == 4
        return Outputs(logits, stages[-1] if dense else feat, stages)

    def _vector(self, state: Tensor) -> Tensor:
        if state.ndim == 4:
            return state.mean((2, 3))
        return state[:, 0] if self._class_token else state.mean(1)

    def _map(self, state: Tensor, x: Tensor) -> Tensor:
        """Tokens of an image's patches as a map; those that stand for no patch come first and are left out."""
        if state.ndim != 3 or x.ndim != 4:
            return state
        if isinstance(self._patch, int):
            height, width = (side // self._patch for side in x.shape[2:])
        else:
            height = width = math.isqrt(state.shape[1])
        if not 0 < height * width <= state.shape[1]:
            return state
        return state[:, -height * width :].transpose(1, 2).unflatten(2, (height, width))

    def load_pretrained(self) -> None:
        """Fills the network with the model's weights; what stands before its classifier has to be among them.

        Raises:
            CheckpointError: If the weights cannot be had, or lack a part of the model, or its classifier, and
                ``num_classes`` asks for no new one.
        """
        trained, found = load_local_first(
            self._auto.from_pretrained,
            self._source,
            'config.json and model.safetensors',
            config=self.network.config,
            use_safetensors=True,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
        trained = without_pooler(trained) if self.num_classes is None else trained
        mismatched = {entry if isinstance(entry, str) else entry[0] for entry in found['mismatched_keys']}
        new = sorted((set(found['missing_keys']) | mismatched) & set(self.network.state_dict()))
        body = f'{self.network.base_model_prefix}.'
        if lost := [name for name in new if self.num_classes is None or name.startswith(body)]:
            raise CheckpointError(
                f'{self._source}: its weights lack {len(lost)} entries of a {type(self.network).__name__}, first '
                f'{lost[0]}: num_classes asks for a new classifier, and nothing else may be missing'
            )
        load_weights(self.network, trained.state_dict(), self._source)
        self.head_is_new = bool(new)


def _states(outputs: Any) -> Sequence[Tensor]:
    reshaped = outputs.get('reshaped_hidden_states')  # of networks of windows, whose tokens are no grid otherwise
    return outputs['hidden_states'] if reshaped is None else reshaped


def _stages(auto: Any, config: Any) -> tuple[list[int], list[int]]:
    """Which states are stages, counted from the end, and their channels, told by a pass without values.

    Raises:
        ConfigError: If the network does not pass, or returns no states.
    """
    try:
        with torch.device('meta'), torch.no_grad():
            network = auto.from_config(config, dtype=torch.float32, trust_remote_code=False).eval()
            states = _states(network(_input(network.main_input_name, config), output_hidden_states=True))
    except Exception as error:  # whatever networks do that take other inputs, or return other outputs
        raise ConfigError(
            f'TransformersModel: a {config.model_type} as {auto.__name__} cannot be used ({type(error).__name__}: '
            f'{str(error).partition(chr(10))[0]}): it has to take one input and to return its hidden states'
        ) from error
    if states[-1].ndim == 4:
        chosen = [stage - len(states) for stage in some_of(len(states))]
    else:  # the first is what the layers start from
        chosen = [stage - (len(states) - 1) for stage in quarters(len(states) - 1)]
    return chosen, [states[stage].shape[1 if states[stage].ndim == 4 else -1] for stage in chosen]


def _input(name: str, config: Any) -> Tensor:
    """An input of one sample as a network takes it, for its shapes alone."""
    if name == 'input_ids':
        return torch.zeros(1, 8, dtype=torch.int64)
    if name != 'pixel_values':
        return torch.zeros(1, 16000)
    size = getattr(config, 'image_size', None) or 224
    height, width = (size, size) if isinstance(size, int) else size
    frames = (getattr(config, 'num_frames', None),) if getattr(config, 'num_frames', None) else ()
    return torch.zeros(1, *frames, getattr(config, 'num_channels', 3), height, width)


def _stated(source: str) -> Stated | None:
    """What the image processor beside the weights does, where its file is on this machine."""
    from transformers.utils import cached_file

    path = cached_file(
        source, 'preprocessor_config.json', local_files_only=True, _raise_exceptions_for_missing_entries=False
    )
    if path is None:
        return None
    with open(path, encoding='utf-8') as file:
        processor = json.load(file)
    if not {'image_mean', 'image_std'} <= set(processor) or not processor.get('do_normalize', True):
        return None
    return Stated(*(tuple(round(255 * value, 3) for value in processor[key]) for key in ('image_mean', 'image_std')))
