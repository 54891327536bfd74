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

    Where the backbone's first convolution does not take three channels, its weights are averaged over R, G and B and
    repeated, so that a depth map starts from the edge filters that RGB learnt. Entries of modules that the backbone
    lacks as a whole (the classifier) are left out.

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
        weights = torchvision_weights(self.arch, self.checkpoint)
        own = backbone.state_dict()
        loadable = {name: _fit_channels(weights[name], own[name]) for name in own if name in weights}
        wrong = [name for name, value in loadable.items() if value.shape != own[name].shape]
        # weights older than the counter of batches lack it, and nothing here reads it
        missing = [name for name in own if name not in weights and not name.endswith('num_batches_tracked')]
        parts = {name.partition('.')[0] for name in own}
        unknown = [name for name in weights if name not in own and name.partition('.')[0] in parts]
        if misfits := missing + wrong + unknown:
            raise CheckpointError(
                f'{self.checkpoint or self.arch}: not ImageNet weights of this backbone; {len(missing)} entries are '
                f'missing, {len(wrong)} differ in shape and {len(unknown)} are unknown, first {misfits[0]}'
            )
        backbone.load_state_dict(loadable)
        print_log(f'{type(backbone).__name__}: ImageNet weights of {self.checkpoint or self.arch}', logger='current')


def torchvision_weights(arch: str, checkpoint: str | None = None) -> dict[str, Tensor]:
    """The weights that torchvision has for an architecture.

    Args:
        arch: torchvision's name of it.
        checkpoint: A local file of them; ``None`` takes them from torchvision's cache or the network.

    Raises:
        CheckpointError: If they cannot be had.
    """
    if checkpoint is not None:
        loaded = read_checkpoint(checkpoint)
        weights = loaded.get('state_dict', loaded)
        named = isinstance(weights, dict) and all(isinstance(name, str) for name in weights)
        if not named or not all(isinstance(x, Tensor) for x in weights.values()):
            raise CheckpointError(f'{checkpoint}: holds no weights by name, as torchvision saves them')
        return weights
    weights = get_model_weights(arch).DEFAULT
    cached = Path(torch.hub.get_dir()) / 'checkpoints' / Path(weights.url).name
    if cached.exists():
        return read_checkpoint(cached)
    try:
        return weights.get_state_dict(check_hash=True, weights_only=True)
    except (URLError, OSError, RuntimeError) as error:
        raise CheckpointError(
            f'ImageNet weights of {arch} cannot be downloaded ({error}). Put {weights.url} at {cached}, '
            f'or pass --pretrained FILE, or train from scratch with --pretrained none'
        ) from error


def _fit_channels(weight: Tensor, own: Tensor) -> Tensor:
    """Averages a convolution of RGB over its input channels where the backbone's takes another number of them."""
    if weight.ndim != 4 or weight.shape[1] != 3 or own.ndim != 4 or own.shape[1] == 3:
        return weight
    return weight.mean(1, keepdim=True).expand(-1, own.shape[1], -1, -1)
