"""Networks of torchvision by name: classifiers of images and of pixels."""

import difflib
from typing import Any

from torch import Tensor, nn
from torchvision import models
from torchvision.models import get_model, get_model_weights, list_models

from fdkd.checkpoint import load_weights
from fdkd.errors import ConfigError
from fdkd.models.foreign import ForeignModel, Outputs
from fdkd.models.imagenet import torchvision_weights
from fdkd.models.stages import before_last_relus, recorded
from fdkd.models.stated import Stated
from fdkd.registry import MODELS

#: Where networks that are no ResNets have a map, the first that is there.
_MAPS = ('permute', 'features', 'trunk_output', 'backbone')


@MODELS.register_module()
class TorchvisionModel(ForeignModel):
    """Any classifier or segmentor of torchvision: ``dict(type='TorchvisionModel', name='deeplabv3_resnet50')``.

    ``stages`` are the four maps of a ResNet; other networks have a ``map`` where torchvision's code keeps one
    (``features``, ``backbone``). ``feat`` is a map where pixels are classified, else ``[N, D]``. Of a segmentor's
    outputs the main one counts.

    Args:
        name: As in ``torchvision.models.list_models()``.
        num_classes: K; ``None`` for those that torchvision's weights of that name were trained on.
        pretrained: ``True`` for torchvision's best weights, from its cache or the network, or a file of such.
        settings: Further arguments of ``torchvision.models.get_model``.

    Raises:
        ConfigError: If torchvision has no such model.
    """

    def __init__(
        self, name: str, num_classes: int | None = None, pretrained: bool | str = False, **settings: Any
    ) -> None:
        self._arch, self._dense = name, name in list_models(module=models.segmentation)
        if not self._dense and name not in list_models(module=models):
            names = [*list_models(module=models), *list_models(module=models.segmentation)]
            near = difflib.get_close_matches(name, names, n=3) or names[:3]
            raise ConfigError(
                f'TorchvisionModel: torchvision has no classifier or segmentor {name!r}; did you mean '
                f'{" or ".join(near)}?'
            )
        meta = get_model_weights(name).DEFAULT.meta
        self._own_classes = len(meta['categories'])
        classes = self._own_classes if num_classes is None else num_classes
        if self._dense:
            settings = {'weights_backbone': None, **settings}
        network = get_model(name, weights=None, num_classes=classes, **settings)
        prefix = 'backbone.' if self._dense else ''
        self._relus = before_last_relus(network.backbone if self._dense else network, prefix)
        last = [path for path, module in network.named_modules() if isinstance(module, (nn.Linear, nn.Conv2d))][-1]
        layer = network.get_submodule(last)
        self._read_by_classifier = f'{last}:input'
        maps = [path for path in _MAPS if hasattr(network, path)]
        self._stages = self._relus or maps[:1]
        widths = [_width(network, path) for path in self._stages]
        width = widths[-1] if self._relus or self._dense else getattr(layer, 'in_features', None) or layer.in_channels
        super().__init__(network, f'torchvision model {name}', classes, pretrained, widths, width)
        if pretrained:
            transforms = get_model_weights(name).DEFAULT.transforms()
            scaled = (tuple(round(255 * value, 3) for value in getattr(transforms, key)) for key in ('mean', 'std'))
            self.stated = Stated(*scaled)

    def run(self, x: Tensor) -> Outputs:
        """Maps ``[N, 3, H, W]`` to logits, ``[N, K]`` or ``[N, K, H, W]``, the feature, and maps."""
        with recorded(self.network, [*self._stages, self._read_by_classifier]) as found:
            outputs = self.network(x)
        stages = [found[path] for path in self._stages]
        if self._dense:
            return Outputs(outputs['out'], stages[-1], stages)
        logits = getattr(outputs, 'logits', outputs)  # of Inception and GoogLeNet in training
        feat = stages[-1] if self._relus else found[self._read_by_classifier]
        return Outputs(logits, feat.mean((2, 3)) if feat.ndim == 4 else feat, stages)

    def load_pretrained(self) -> None:
        """Fills the network with torchvision's weights; other classes get a new classifier.

        Raises:
            CheckpointError: If there are no such weights, or they do not fit or cannot be downloaded.
        """
        weights = torchvision_weights(self._arch, self.pretrained if isinstance(self.pretrained, str) else None)
        own = self.network.state_dict()
        weights = {name: x for name, x in weights.items() if name in own or not name.lower().startswith('aux')}
        differ = [name for name, x in own.items() if name in weights and weights[name].shape != x.shape]
        heads = [name for name in differ if own[name].shape[:1] == (self.num_classes,)]
        if self.num_classes == self._own_classes or heads != differ:
            heads = []
        load_weights(self.network, {**weights, **{name: own[name] for name in heads}}, self.name)
        self.head_is_new = bool(heads)


def _width(network: nn.Module, path: str) -> int | None:
    """Channels before a ReLU, told by the last batch norm of its block; of other places nothing is known."""
    if not path.endswith(':input'):
        return None
    block = network.get_submodule(path.removesuffix(':input').rpartition('.')[0])
    norms = [m for name, m in block.named_modules() if isinstance(m, nn.BatchNorm2d) and 'downsample' not in name]
    return norms[-1].num_features if norms else None
