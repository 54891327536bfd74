"""Any of torchvision's transforms as a step of a pipeline."""

import difflib
import inspect
from typing import Any

from torch import Tensor
from torchvision.transforms import v2

from fdkd.datasets.transforms.modality import ModalityTransform
from fdkd.errors import ConfigError, DataError
from fdkd.registry import TRANSFORMS

#: Transforms that draw no random numbers; every other counts as one that does.
DETERMINISTIC = frozenset(
    {'CenterCrop', 'ConvertImageDtype', 'Grayscale', 'Identity', 'Normalize', 'Pad', 'Resize', 'RGB', 'ToDtype'}
)


@TRANSFORMS.register_module()
class Augment(ModalityTransform):
    """Applies a transform of ``torchvision.transforms.v2`` to ``[T, C, H, W]``, to all frames of a clip alike.

    Its random numbers come from torch's global generator, which the data set seeds by seed, epoch and sample.

    Args:
        modality: The modality.
        transform: Name of the class, for example ``'RandomResizedCrop'`` or ``'Resize'``.
        settings: Its arguments, for example ``size=(224, 224)`` (height and width).

    Raises:
        ConfigError: If there is no such class, or it does not take these arguments.
        DataError: If it cannot be applied to a sample, for example a crop larger than the image.
    """

    def __init__(self, modality: str, transform: str, **settings: Any) -> None:
        super().__init__(modality)
        classes = dict(
            inspect.getmembers(v2, lambda member: inspect.isclass(member) and issubclass(member, v2.Transform))
        )
        if transform not in classes:
            near = difflib.get_close_matches(transform, classes, n=3)
            hint = (
                f'did you mean {" or ".join(near)}?' if near else 'see the documentation of torchvision.transforms.v2'
            )
            raise ConfigError(f'Augment: torchvision.transforms.v2 has no transform {transform!r}; {hint}')
        try:
            self.change = classes[transform](**settings)
        except (TypeError, ValueError) as error:
            raise ConfigError(f'Augment: {transform} does not take {settings}: {error}') from error
        self.name, self.random = transform, transform not in DETERMINISTIC

    def apply(self, value: Tensor, sample_id: str) -> Tensor:
        try:
            return self.change(value)
        except (TypeError, ValueError, RuntimeError) as error:
            shape = tuple(getattr(value, 'shape', ()))
            raise DataError(
                f'{self.modality} of sample {sample_id}: {self.name} cannot be applied to {shape}: {error}'
            ) from error
