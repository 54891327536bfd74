"""ImageNet weights for backbones whose input may not be RGB."""

from pathlib import Path
from urllib.error import URLError

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torchvision.models import get_model_weights

from fdkd.checkpoint import read_checkpoint
from fdkd.errors import CheckpointError
from fdkd.registry import WEIGHT_INITIALIZERS


@WEIGHT_INITIALIZERS.register_module()
class ImageNetInit:
    """Loads torchvision's ImageNet weights into a backbone with torchvision's names.

    Where the backbone's first convolution has another number of input channels than the weights, the weights are
    averaged over theirs and repeated, so that a depth map starts from the edge filters that RGB learnt.

    Args:
        arch: torchvision's name of the architecture, for example ``'resnet18'``.
        checkpoint: A local file of those weights; ``None`` takes them from torchvision's cache or the network.
    """

    def __init__(self, arch: str, checkpoint: str | None = None) -> None:
        self.arch, self.checkpoint = arch, checkpoint

    def __call__(self, backbone: nn.Module) -> None:
        """Fills ``backbone``.

        Raises:
            CheckpointError: If the weights cannot be had or do not fit.
        """
        weights = self._weights()
        own = backbone.state_dict()
        loadable = {name: _fit_channels(weights[name], own[name]) for name in own if name in weights}
        wrong = [name for name, value in loadable.items() if value.shape != own[name].shape]
        missing = [name for name in own if name not in weights]
        if wrong or missing:
            raise CheckpointError(
                f'{self.checkpoint or self.arch}: not ImageNet weights of this backbone; '
                f'{len(missing)} parameters are missing and {len(wrong)} differ in shape, first {(missing + wrong)[0]}'
            )
        backbone.load_state_dict(loadable)
        print_log(f'{type(backbone).__name__}: ImageNet weights of {self.checkpoint or self.arch}', logger='current')

    def _weights(self) -> dict[str, Tensor]:
        if self.checkpoint is not None:
            loaded = read_checkpoint(self.checkpoint)
            return loaded.get('state_dict', loaded)
        weights = get_model_weights(self.arch).DEFAULT
        cached = Path(torch.hub.get_dir()) / 'checkpoints' / Path(weights.url).name
        try:
            return weights.get_state_dict(progress=not cached.exists(), check_hash=True)
        except (URLError, OSError, RuntimeError) as error:
            raise CheckpointError(
                f'ImageNet weights of {self.arch} cannot be downloaded ({error}). Put {weights.url} at {cached}, '
                f'or pass --pretrained FILE, or train from scratch with --pretrained none'
            ) from error


def _fit_channels(weight: Tensor, own: Tensor) -> Tensor:
    """Averages a convolution's weight over its input channels where only their number differs."""
    if weight.ndim != 4 or weight.shape[1] == own.shape[1] or weight.shape[0] != own.shape[0]:
        return weight
    return weight.mean(1, keepdim=True).expand(-1, own.shape[1], -1, -1)
