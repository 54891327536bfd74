"""Networks of timm, the PyTorch image models, by name."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from fdkd.checkpoint import load_weights
from fdkd.errors import CheckpointError, ConfigError
from fdkd.models.foreign import ForeignModel, Outputs
from fdkd.models.stages import before_last_relus, quarters, recorded, some_of
from fdkd.models.stated import Stated
from fdkd.registry import MODELS


@MODELS.register_module()
class TimmModel(ForeignModel):
    """Any classifier of timm: ``dict(type='TimmModel', name='resnet18', in_chans=1, num_classes=40)``.

    ``map`` and ``stages`` are maps ``[N, C, h, w]``, those of a transformer laid out from its patches without the class
    token, and ``feat`` is ``[N, D]``.

    Args:
        name: As in ``timm.list_models()``.
        num_classes: K; ``None`` for those that the weights of that name were trained on, 0 for no classifier.
        in_chans: Channels of the input; timm sums or repeats pretrained weights of RGB to fit.
        pretrained: ``True`` for the weights that timm downloads, or a ``.safetensors`` file, or a folder with a
            ``model.safetensors``.
        settings: Further arguments of ``timm.create_model``, such as ``img_size``.

    Raises:
        ConfigError: If timm is not installed or has no such model.
    """

    def __init__(
        self,
        name: str,
        num_classes: int | None = None,
        in_chans: int = 3,
        pretrained: bool | str = False,
        **settings: Any,
    ) -> None:
        self._create = {**settings, 'model_name': name, 'in_chans': in_chans}
        if num_classes is not None:
            self._create['num_classes'] = num_classes
        network = _built(**self._create)
        classifier = network.get_classifier()
        classifier = classifier[0] if isinstance(classifier, (tuple, list)) else classifier
        read = next(path for path, module in network.named_modules() if module is classifier)
        self._relus = before_last_relus(network)
        stages = list(network.feature_info) if hasattr(network, 'feature_info') else []
        same = len({stage['reduction'] for stage in stages}) == 1
        chosen = quarters(len(stages)) if same else some_of(len(stages))
        self._stages = chosen if self._relus or hasattr(network, 'forward_intermediates') else []
        self._read_by_classifier = f'{read}:input'
        super().__init__(
            network,
            f'timm model {name}',
            network.num_classes or None,
            pretrained,
            [stages[stage]['num_chs'] for stage in self._stages],
            getattr(classifier, 'in_features', None) or getattr(network, 'head_hidden_size', network.num_features),
        )
        self._own_classes = network.pretrained_cfg.get('num_classes')
        if pretrained and {'mean', 'std'} <= set(network.pretrained_cfg):
            scaled = (tuple(255 * value for value in network.pretrained_cfg[key]) for key in ('mean', 'std'))
            self.stated = Stated(*scaled)

    def run(self, x: Tensor) -> Outputs:
        """Maps ``[N, in_chans, H, W]`` to logits ``[N, K]``, the feature ``[N, D]`` and maps ``[N, C, h, w]``."""
        network = self.network
        with recorded(network, [*self._relus, self._read_by_classifier]) as found:
            if self._relus or not self._stages:
                logits = network.forward_head(network.forward_features(x))
                stages = [found[path] for path in self._relus]
            else:
                last, stages = network.forward_intermediates(x, indices=self._stages)
                logits = network.forward_head(last)
        feat = stages[-1].mean((2, 3)) if self._relus else found[self._read_by_classifier].flatten(1)
        return Outputs(logits if self.num_classes else None, feat, stages)

    def load_pretrained(self) -> None:
        """Fills the network with timm's weights of it, or those of a file; other classes get a new classifier.

        Raises:
            CheckpointError: If there are no such weights, or they do not fit or cannot be downloaded.
        """
        source = _file(self.pretrained) if isinstance(self.pretrained, str) else None
        try:
            filled = _built(**self._create, pretrained=True, **({'pretrained_cfg_overlay': source} if source else {}))
        except ConfigError:
            raise
        except Exception as error:  # of the network, of the hub, or of weights that do not fit
            first = str(error).strip().partition('\n')[0]
            raise CheckpointError(
                f'{self.name}: the weights {self.pretrained if source else "of timm"} cannot be had '
                f'({type(error).__name__}: {first}): name a file with pretrained=FILE.safetensors, or train from '
                'scratch with pretrained=False'
            ) from error
        load_weights(self.network, filled.state_dict(), self.name)
        self.head_is_new = bool(self.num_classes) and self._own_classes not in (None, self.num_classes)


def _built(**settings: Any) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise ConfigError('TimmModel needs timm, which is not installed: pip install timm') from error
    try:
        return timm.create_model(**settings)
    except RuntimeError as error:
        if 'Unknown model' not in str(error):
            raise
        raise ConfigError(
            f'TimmModel: timm {timm.__version__} has no model {settings["model_name"]!r}: '
            f"timm.list_models('*{settings['model_name'][:6]}*') lists some"
        ) from error


def _file(pretrained: str) -> dict[str, str]:
    path = Path(pretrained)
    path = path / 'model.safetensors' if path.is_dir() else path
    if path.suffix != '.safetensors' or not path.is_file():
        raise CheckpointError(f'{path}: no such file, or no .safetensors, which weights of other libraries have to be')
    return {'file': str(path)}
