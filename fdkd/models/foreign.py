"""Networks of other libraries as models of one modality: what timm, torchvision and transformers have in common."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from mmengine.model import BaseModule
from mmengine.structures import PixelData
from torch import Tensor, nn
from torch.nn.functional import interpolate

from fdkd.errors import ConfigError, DataError
from fdkd.labels import UNLABELLED, VOID
from fdkd.models.classifier import mean_cross_entropy, write_predictions
from fdkd.models.stated import Stated
from fdkd.registry import MODELS


class Outputs(NamedTuple):
    """What a pass of a network gives: ``logits`` ``[N, K]`` or ``[N, K, h, w]``, or ``None`` without a classifier;
    ``feat`` ``[N, D]`` or ``[N, D, h, w]``; and a tensor of each stage."""

    logits: Tensor | None
    feat: Tensor
    stages: Sequence[Tensor]


class ForeignModel(BaseModule):
    """A network of another library, which classifies samples or pixels; subclasses build it and run it.

    Any module of the network can be a tap, under the path that it has in the network. An input of one channel (depth, a
    spectrum) is shown to all three channels of a network for images.

    Args:
        network: The network, with random weights.
        name: What messages call it.
        num_classes: K; ``None`` for a network without a classifier, which can teach by its features alone.
        pretrained: ``True`` for the library's weights of that name; or where else they are; or ``False``.
        widths: Channels of each stage.
        feat_width: Channels of the feature.

    Attributes:
        tap_widths: Channels of each tap that has a name, as far as they are known.
        head_is_new: Whether the pretrained weights had no classifier of these classes.
        stated: What the pretrained weights expect, where that is known.
    """

    #: Whether clips ``[N, T, C, H, W]`` pass whole; otherwise their frames do, one by one.
    takes_clips = False

    def __init__(
        self,
        network: nn.Module,
        name: str,
        num_classes: int | None,
        pretrained: bool | str,
        widths: Sequence[int | None] = (),
        feat_width: int | None = None,
    ) -> None:
        super().__init__()
        self.network, self.name = network, name
        self.num_classes, self.pretrained = num_classes, pretrained
        self.head_is_new = False
        self.stated: Stated | None = None
        self.logits, self.feat = nn.Identity(), nn.Identity()
        #: What a stage puts out passes one of these, where it can be read.
        self.states = nn.ModuleList(nn.Identity() for _ in widths)
        self.tap_widths = {f'states.{stage}': width for stage, width in enumerate(widths)}
        self.tap_widths |= {'feat': feat_width, 'logits': num_classes}
        first = next((module for module in network.modules() if isinstance(module, nn.Conv2d)), None)
        self._channels = first.in_channels if first is not None else None

    @property
    def named_features(self) -> dict[str, str | list[str]]:
        """Paths of the tensors that distillation reads.

        ``logits``; ``stages``, as the library counts them, at most four, and ``map``, the last of them; and ``feat``:
        that map where pixels are classified, else the vector that the classifier reads. In a ResNet of timm or
        torchvision the stages, and with them ``feat``, are taken before the last ReLU.
        """
        paths: dict[str, str | list[str]] = {'feat': 'feat'}
        if self.num_classes is not None:
            paths['logits'] = 'logits'
        if len(self.states):
            paths['stages'] = [f'states.{stage}' for stage in range(len(self.states))]
            paths['map'] = paths['stages'][-1]
        return paths

    def get_submodule(self, target: str) -> nn.Module:
        """The module at a path, which may begin in the network."""
        try:
            return super().get_submodule(target)
        except AttributeError:
            return self.network.get_submodule(target)

    @abstractmethod
    def run(self, x: Tensor) -> Outputs:
        """Runs the network on a batch as it takes it."""

    @abstractmethod
    def load_pretrained(self) -> None:
        """Fills the network from ``pretrained``, and says so in ``head_is_new`` where its classifier stays random."""

    def init_weights(self) -> None:
        """Loads pretrained weights; without such the network keeps those that its library draws."""
        if self.pretrained and not self._is_init:
            self.load_pretrained()
        self._is_init = True

    def forward(self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor') -> Any:
        """Runs the network.

        Args:
            inputs: ``[N, ...]`` as the network takes it, with one channel or its own number, or frames
                ``[N, T, C, H, W]``.
            data_samples: Labels for ``'loss'``, classes or label maps; what ``'predict'`` writes to.
            mode: ``'tensor'``, ``'loss'`` or ``'predict'``.

        Returns:
            The logits, of pixels in the size that the network gives them, or the feature of a network without a
            classifier; or ``loss_ce``, the mean cross-entropy over what is labelled, of pixels at the size of the label
            map; or ``data_samples`` with ``pred_scores`` and ``pred_label``, or with ``pred_sem_seg`` and
            ``seg_logits`` in the size ``ori_shape``.

        Raises:
            ConfigError: If a network without a classifier is to train or to predict.
            DataError: If the network does not take such an input.
        """
        found = self._read(inputs)
        if mode == 'tensor':
            return found
        if mode not in ('loss', 'predict'):
            raise ValueError(f"mode {mode!r}: expected 'tensor', 'loss' or 'predict'")
        if self.num_classes is None:
            raise ConfigError(
                f'{self.name} has no classifier: it can teach by its features, and neither train nor predict'
            )
        if mode == 'loss':
            return {'loss_ce': _task_loss(found, data_samples)}
        return write_label_maps(found, data_samples) if found.ndim == 4 else write_predictions(found, data_samples)

    def _read(self, inputs: Tensor) -> Tensor:
        frames = inputs.ndim == 5 and not self.takes_clips
        x = inputs.flatten(0, 1) if frames else inputs
        if x.ndim == 4 and x.shape[1] == 1 and self._channels == 3:
            x = x.expand(-1, 3, -1, -1)
        try:
            outputs = self.run(x)
        except (AssertionError, ValueError) as error:  # sizes that the library does not take
            raise DataError(f'{self.name} does not take a batch of the shape {tuple(x.shape)}: {error}') from error
        for state, stage in zip(self.states, outputs.stages, strict=True):
            state(stage)
        feat = self.feat(outputs.feat)
        if outputs.logits is None:
            return feat
        logits = outputs.logits.unflatten(0, inputs.shape[:2]).mean(1) if frames else outputs.logits
        return self.logits(logits)


def _task_loss(logits: Tensor, data_samples: list) -> Tensor:
    if logits.ndim == 2:
        return mean_cross_entropy(logits, torch.stack([sample.gt_label for sample in data_samples]), UNLABELLED)
    target = torch.cat([sample.gt_sem_seg.data for sample in data_samples])
    logits = interpolate(logits.float(), size=target.shape[1:], mode='bilinear', align_corners=False)
    return mean_cross_entropy(logits, target, VOID)


def write_label_maps(logits: Tensor, data_samples: list) -> list:
    """Gives each sample its logits ``[K, h, w]`` at the size of its image, ``seg_logits``, and ``pred_sem_seg``."""
    for sample, row in zip(data_samples, logits.float(), strict=True):
        size = sample.metainfo.get('ori_shape', row.shape[1:])
        resized = interpolate(row[None], size=tuple(size), mode='bilinear', align_corners=False)[0]
        sample.seg_logits = PixelData(data=resized)
        sample.pred_sem_seg = PixelData(data=resized.argmax(0, keepdim=True))
    return data_samples


def is_foreign(config: Any) -> bool:
    """Whether a model's config is that of a network of another library."""
    kind = config.get('type') if isinstance(config, Mapping) else None
    found = MODELS.get(kind) if isinstance(kind, str) else kind
    return isinstance(found, type) and issubclass(found, ForeignModel)
