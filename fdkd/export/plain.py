"""A student as the network of another library that it is: MMSegmentation's, torchvision's or transformers'."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import ConfigDict
from torch import Tensor, nn

from fdkd.engine.console import import_quietly
from fdkd.errors import ExportError
from fdkd.models import Classifier, MobileNetV2, ResNet18, TransformerText
from fdkd.models.preprocessor import Tokens
from fdkd.registry import MODELS

#: Keys of MMSegmentation's parts that say which weights to start from.
_START = ('checkpoint_path', 'init_cfg', 'pretrained')
#: Libraries whose modules whoever loads an exported file has.
_LIBRARIES = ('torch', 'torchvision', 'transformers', 'mmengine', 'mmcv', 'mmseg')


class TextNetwork(nn.Module):
    """An encoder of transformers and a linear layer on the last state of the first token.

    Args:
        model: The encoder.
        classes: K.
    """

    def __init__(self, model: nn.Module, classes: int) -> None:
        super().__init__()
        self.model = model
        self.head = nn.Linear(model.config.hidden_size, classes)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Maps token ids and their mask, int64 ``[N, L]``, to logits ``[N, K]``."""
        return self.head(self.model(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0])


class Rows(nn.Module):
    """Any :class:`~fdkd.models.Classifier` for inputs without frames, in operations that can be traced."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.backbone, self.head = classifier.backbone, classifier.head

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``[N, ...]`` to logits ``[N, K]``."""
        feature = self.backbone.activation(self.backbone(x))
        return self.head(feature.flatten(2).mean(2) if feature.ndim > 2 else feature)


@dataclass(frozen=True)
class Plain:
    """A network with the student's weights that computes its logits from normalised inputs.

    Attributes:
        network: In evaluation mode.
        recipe: What :func:`build` makes the same network from, as JSON; ``None`` where only fdkd has its parts.
        reason: Why there is no recipe.
    """

    network: nn.Module
    recipe: dict[str, Any] | None
    reason: str = ''


def plain(student: nn.Module, config: Mapping[str, Any]) -> Plain:
    """The plain network of a student.

    Args:
        student: A segmentor of MMSegmentation, a :class:`~fdkd.models.Classifier`, or another module that maps a tensor
            to logits.
        config: What the student was built from.

    Raises:
        ExportError: If MMSegmentation's network slides a window over the image, or puts out one channel.
    """
    if is_segmentor(student):
        return _segmentor(student, config)
    if not isinstance(student, Classifier):
        return Plain(student.eval(), None, f'{type(student).__name__} is a network of its own')
    kind = type(student.backbone)
    if kind not in _CONVERSIONS:
        return Plain(Rows(student).eval(), None, f'the backbone {kind.__name__} is a network of its own')
    recipe, prefixes = _CONVERSIONS[kind](student)
    return Plain(_filled(build(recipe), renamed(student.state_dict(), prefixes)), recipe)


def refuse_unmasked(network: nn.Module, normalizer: nn.Module) -> None:
    """Refuses a student of texts that would not be told where texts of a batch are filled up.

    Args:
        network: A :class:`Plain`'s.
        normalizer: Of the student's modality.

    Raises:
        ExportError: If it is none of the encoders that take the mask as an input of its own.
    """
    if isinstance(normalizer, Tokens) and not isinstance(network, TextNetwork):
        raise ExportError(
            'this student of texts cannot be exported, since its network takes no mask of where texts are filled up '
            '(attention_mask): a Classifier on a TransformerText does'
        )


def is_segmentor(student: nn.Module) -> bool:
    """Whether a network is one of MMSegmentation's."""
    from mmseg.models.segmentors import BaseSegmentor  # prints what it lacks, unless it was imported quietly before

    return isinstance(student, BaseSegmentor)


def build(recipe: Mapping[str, Any]) -> nn.Module:
    """The network of a recipe with random weights, in evaluation mode.

    Args:
        recipe: ``library`` and, for ``'torchvision'``, ``arch``, ``in_channels`` and ``num_classes``; for
            ``'transformers'`` ``config`` and ``num_classes``; for ``'mmseg'`` ``config``.
    """
    if recipe['library'] == 'mmseg':
        import_quietly('mmseg.models')
        return MODELS.build(ConfigDict(recipe['config'])).eval()
    if recipe['library'] == 'transformers':
        from transformers import AutoConfig, AutoModel  # slow to import, and only text needs it

        config = AutoConfig.for_model(**recipe['config'])
        encoder = AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
        encoder.pooler = None  # a layer of some encoders' pretraining
        return TextNetwork(encoder, recipe['num_classes']).eval()
    from torchvision import models

    network = getattr(models, recipe['arch'])(num_classes=recipe['num_classes'])
    if recipe['in_channels'] != 3:
        network.conv1 = nn.Conv2d(recipe['in_channels'], 64, 7, 2, 3, bias=False)
    return network.eval()


def renamed(weights: Mapping[str, Tensor], prefixes: Mapping[str, str]) -> dict[str, Tensor]:
    """``weights`` with the first prefix that a name begins with replaced; names that begin with none are left out."""
    names = {name: next((p for p in prefixes if name.startswith(p)), None) for name in weights}
    return {prefixes[p] + name.removeprefix(p): weights[name] for name, p in names.items() if p is not None}


def _resnet(student: Classifier) -> tuple[dict[str, Any], dict[str, str]]:
    recipe = {'library': 'torchvision', 'arch': 'resnet18', 'in_channels': student.backbone.conv1.in_channels}
    return recipe | {'num_classes': student.num_classes}, {'backbone.': '', 'head.': 'fc.'}


def _mobilenet(student: Classifier) -> tuple[dict[str, Any], dict[str, str]]:
    recipe = {'library': 'torchvision', 'arch': 'mobilenet_v2', 'in_channels': 3, 'num_classes': student.num_classes}
    return recipe, {'backbone.': '', 'head.': 'classifier.1.'}


def _transformer(student: Classifier) -> tuple[dict[str, Any], dict[str, str]]:
    config = {
        key: x for key, x in student.backbone.model.config.to_dict().items() if key[0] != '_' and key != 'auto_map'
    }
    recipe = {'library': 'transformers', 'config': config, 'num_classes': student.num_classes}
    return recipe, {'backbone.model.': 'model.', 'head.': 'head.'}


_CONVERSIONS: dict[type, Callable[[Classifier], tuple[dict[str, Any], dict[str, str]]]] = {
    ResNet18: _resnet,
    MobileNetV2: _mobilenet,
    TransformerText: _transformer,
}


def _segmentor(student: nn.Module, config: Mapping[str, Any]) -> Plain:
    """Its auxiliary heads are there for training alone, and so is what weights start from."""
    if student.test_cfg.get('mode', 'whole') != 'whole':
        raise ExportError("the student slides a window over the image; set test_cfg=dict(mode='whole') to export it")
    if student.out_channels == 1:
        raise ExportError('the student puts out one channel for two classes; export needs one for each class')
    config = _without_start({name: part for name, part in config.items() if name != 'auxiliary_head'})
    recipe = {'library': 'mmseg', 'config': config}
    network = build(recipe)
    weights = {name: x for name, x in student.state_dict().items() if not name.startswith('auxiliary_head.')}
    own = [f'{path} ({type(m).__name__})' for path, m in network.named_modules() if _root(m) not in _LIBRARIES]
    if own:
        return Plain(_filled(network, weights), None, f"the module {own[0]} is none of MMSegmentation's")
    return Plain(_filled(network, weights), recipe)


def _without_start(node: Any) -> Any:
    """Plain dictionaries and lists, without what says which weights to start from."""
    if isinstance(node, Mapping):
        kept = {key: _without_start(value) for key, value in node.items() if key not in _START}
        by_default = str(node.get('type')).rpartition('.')[2] == 'TIMMBackbone'
        return {**kept, 'pretrained': False} if by_default else kept
    return [_without_start(value) for value in node] if isinstance(node, (list, tuple)) else node


def _root(module: nn.Module) -> str:
    return type(module).__module__.partition('.')[0]


def _filled(network: nn.Module, weights: dict[str, Tensor]) -> nn.Module:
    network.load_state_dict(weights)
    return network.eval()
