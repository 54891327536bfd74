"""C2KD: a trained teacher that trains on beside its student, and proxies of both through which they exchange."""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import interpolate

from fdkd.algorithms.both import BothTrain
from fdkd.algorithms.facts import width
from fdkd.algorithms.teacher import without_checkpoint
from fdkd.distill.losses.c2kd import c2kd_losses
from fdkd.distill.norm import BatchNorm2d
from fdkd.distill.taps import TapPath, resolve_taps
from fdkd.distill.terms import Feature
from fdkd.errors import ConfigError
from fdkd.registry import ALGORITHMS


class Proxy(nn.Module):
    """A second classifier of a model's feature: 1x1 convolution, batch norm, ReLU, linear layer.

    As in the published code the convolution starts Kaiming-normal (fan-out, for ReLU), the linear layer as PyTorch
    starts one, and all of it from random weights.

    Args:
        channels: Width ``D`` of the feature, which the convolution keeps.
        num_classes: Classes ``K``.
        negative_slope: Of the ReLU. 0 is the paper and the published code for VGGSound; for CREMA-D and AVE it has 0.1.
    """

    def __init__(self, channels: int, num_classes: int, negative_slope: float = 0.0) -> None:
        super().__init__()
        self.adapt = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = BatchNorm2d(channels)
        self.activation = nn.LeakyReLU(negative_slope)
        self.classify = nn.Conv2d(channels, num_classes, 1)
        nn.init.kaiming_normal_(self.adapt.weight, mode='fan_out', nonlinearity='relu')

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Classifies a feature as densely as ``target`` is labelled.

        Args:
            x: ``[N, D]``, or a map ``[N, D, h, w]``.
            target: ``[N]``, for which a map is averaged over its positions first; or ``[N, H, W]``.

        Returns:
            Logits ``[N, K]``, or ``[N, K, h, w]`` for dense labels.
        """
        if x.ndim == 2:
            x = x[:, :, None, None]
        elif target.ndim == 1:
            x = x.mean((2, 3), keepdim=True)
        x = self.classify(self.activation(self.norm(self.adapt(x))))
        return x if target.ndim == 3 else x.flatten(1)


@ALGORITHMS.register_module()
class C2KD(BothTrain):
    r"""Customised cross-modal distillation (Huo et al., CVPR 2024): both models train, and exchange through proxies.

    The teacher starts from its training on its own modality and goes on training together with the student. Each has a
    :class:`Proxy`, a second classifier of the feature that its own classifier sees. A model and its proxy learn from
    each other; the proxies of the two models learn from each other what they say of the classes beside the target,
    on the samples for which they rank the classes alike. With the task losses that makes

    .. math::
        L = L^s_\mathrm{task} + L^t_\mathrm{task} + \lambda_1 L_{t \leftrightarrow t'}
          + \lambda_2 L_{s \leftrightarrow s'} + \lambda_3 L_{s' \leftrightarrow t'}

    as :func:`~fdkd.distill.losses.c2kd.c2kd_losses` defines it. One optimizer steps everything, at one rate in the
    published code (SGD with momentum 0.9, no weight decay, 1e-2 with polynomial decay to 1e-4). The weights' defaults
    and the threshold's are that code's.

    The paper and its published code (CREMA-D, AVE and VGGSound; none for dense prediction) differ, and we chose:

    - A proxy reads what the classifier reads, the last stage's pooled feature, as the paper writes. In the code it
      reads the third stage's, since a variable is not reassigned; ``taps=dict(proxy='backbone.layer3')`` has that.
    - In dense prediction it reads the map that the decode head's classifier reads and classifies each position, and
      its logits are resized to the label map, as the model's are.
    - Of what is stated at :func:`~fdkd.distill.losses.c2kd.c2kd_losses`: which rows are correlated, and that the target
      is left out of a softmax, not set to 0.
    - Batch norms train to the end. In the code for AVE they are frozen from the first evaluation on, at epoch 80,
      since nothing switches the models back.

    ``c2kd.selected`` is the share of the labelled samples or pixels that passed the selection.

    Args:
        student: ``modality``, ``model`` and, where the defaults do not serve, ``taps``: paths for ``logits`` and for
            ``proxy``, the feature that the proxy reads (default: the input of the layer that ``logits`` names).
        teacher: ``modality``; ``config`` (the file that trains it) or ``model``; ``checkpoint``, which
            ``fdkd.apis.train`` fills in; and ``taps``.
        lambda_1: Weight of the losses between the teacher and its proxy.
        lambda_2: Weight of the losses between the student and its proxy.
        lambda_3: Weight of the losses between the proxies.
        omega: Rank correlation that a sample must exceed for the last.
        negative_slope: Of the proxies' ReLU.
        data_preprocessor: Config of the preprocessor.

    Raises:
        ConfigError: If ``teacher`` names no checkpoint, or the width of what a proxy reads is unknown.
        CheckpointError: If the teacher's checkpoint does not fit.
    """

    def __init__(
        self,
        student: dict[str, Any],
        teacher: dict[str, Any],
        lambda_1: float = 1.0,
        lambda_2: float = 1.0,
        lambda_3: float = 1.0,
        omega: float = 0.0,
        negative_slope: float = 0.0,
        data_preprocessor: dict | None = None,
    ) -> None:
        if 'checkpoint' not in teacher:
            raise without_checkpoint(teacher)
        super().__init__(student, teacher, data_preprocessor)
        self.weights = {'lambda_1': lambda_1, 'lambda_2': lambda_2, 'lambda_3': lambda_3, 'omega': omega}
        paths, teacher_paths = _paths(self.student, student), _paths(self.teacher, teacher)
        self.read_at(paths, teacher_paths)
        classes = getattr(self.student, 'num_classes', None)
        if classes is None:
            raise ConfigError(f'{type(self.student).__name__} does not say how many classes it has: num_classes')
        self.student_proxy = Proxy(_width(self.student, paths['proxy']), classes, negative_slope)
        self.teacher_proxy = Proxy(_width(self.teacher, teacher_paths['proxy']), classes, negative_slope)

    def init_weights(self) -> None:
        """Initialises the student; the teacher came with its weights, and the proxies are new."""
        self.student.init_weights()

    def exchange(self, student: dict[str, Feature], teacher: dict[str, Feature], target: Tensor) -> dict[str, Tensor]:
        """``c2kd.loss_...`` and ``c2kd.selected``."""
        logits = [
            student['logits'],
            teacher['logits'],
            self.student_proxy(student['proxy'], target),
            self.teacher_proxy(teacher['proxy'], target),
        ]
        if target.ndim == 3:
            size = target.shape[1:]
            logits = [interpolate(x, size=size, mode='bilinear', align_corners=False) for x in logits]
        return {f'c2kd.{name}': x for name, x in c2kd_losses(*logits, target, **self.weights).items()}


def _paths(model: nn.Module, config: dict[str, Any]) -> dict[str, TapPath]:
    """Where a model's logits are read, and what its proxy reads."""
    named = config.get('taps') or {}
    logits = resolve_taps(model, ['logits'], named)['logits']
    return {'logits': logits, 'proxy': named.get('proxy', f'{logits}:input')}


def _width(model: nn.Module, path: TapPath) -> int:
    """Channels of what a proxy reads: those that the layer expects whose input it is, else what is known of the tap."""
    layer = model.get_submodule(path.removesuffix(':input'))
    expected = getattr(layer, 'in_channels', getattr(layer, 'in_features', None)) if path.endswith(':input') else None
    channels = expected or width(model, path)
    if channels is None:
        raise ConfigError(f'how wide {path!r} is cannot be told: let taps.proxy name the input of a layer')
    return channels
