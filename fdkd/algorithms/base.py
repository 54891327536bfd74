"""What the runner trains: a student of one modality, alone or taught."""

from typing import Any

from mmengine.model import BaseModel
from torch import Tensor, nn

from fdkd.errors import DataError
from fdkd.models.misfit import misfit, refused, refused_by_convolution
from fdkd.models.stated import contradiction
from fdkd.registry import MODELS


class Algorithm(BaseModel):
    """Owns the student and runs it alone outside training.

    Args:
        modality: What the student sees, a key of ``inputs``.
        model: Config of the student, a model with MMEngine's ``forward(inputs, data_samples, mode)``.
        data_preprocessor: Config of the preprocessor.
    """

    #: Whether a teacher has weights from a training of its own when this one starts.
    teacher_comes_trained = True

    def __init__(self, modality: str, model: dict | nn.Module, data_preprocessor: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.modality = modality
        self.student = model if isinstance(model, nn.Module) else MODELS.build(model)

    @property
    def trained(self) -> dict[str, tuple[str, nn.Module]]:
        """The models that training leaves behind: by name the modality and the network, the student first."""
        return {'student': (self.modality, self.student)}

    @property
    def networks(self) -> dict[str, tuple[str, nn.Module]]:
        """Every model that has a part in training: by name the modality and the network, the student first."""
        return {'student': (self.modality, self.student)}

    @property
    def notices(self) -> list[str]:
        """What to say of pretrained weights that are given other values than they were trained on."""
        normalizers = dict(getattr(self.data_preprocessor, 'normalizers', {}).items())
        found = [contradiction(network, normalizers.get(modality)) for modality, network in self.networks.values()]
        return [notice for notice in found if notice]

    @property
    def heads(self) -> tuple[str, ...]:
        """The classifiers beside the student's own that losses train on its feature."""
        return ()

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that training needs; evaluation needs ``modality`` alone."""
        return (self.modality,)

    def start_epoch(self, epoch: int) -> None:
        """Called before each epoch of a training, counted from 0; for what changes in its course."""

    def forward(self, inputs: dict[str, Tensor], data_samples: list | None = None, mode: str = 'tensor') -> Any:
        """The training losses (``mode='loss'``), or the student's predictions or raw output from its modality alone.

        Raises:
            DataError: If a network takes other channels or dimensions than ``inputs`` have.
        """
        try:
            if mode == 'loss':
                return self.loss(inputs, data_samples)
            return self.student(inputs[self.modality], data_samples, mode=mode)
        except RuntimeError as error:
            if not refused(error):
                raise
            taken = [(modality, network) for modality, network in self.networks.values() if modality in inputs]
            found = [misfit(network, modality, inputs[modality], error) for modality, network in taken]
            if found := list(filter(None, found)):
                raise DataError(found[0]) from error
            if not refused_by_convolution(error):
                raise
            shapes = ', '.join(f'{name} {tuple(x.shape)}' for name, x in inputs.items())
            raise DataError(
                f'a convolution does not take what it is given ({error}); the batch is {shapes}: correct that layer or '
                'what comes before it'
            ) from error

    def loss(self, inputs: dict[str, Tensor], data_samples: list) -> dict[str, Tensor]:
        """The student's task losses."""
        return self.student(inputs[self.modality], data_samples, mode='loss')
