"""What the transforms of one modality share."""

from abc import abstractmethod
from typing import Any

from mmcv.transforms import BaseTransform


class ModalityTransform(BaseTransform):
    """Replaces ``results[modality]`` by :meth:`apply` of it; samples that lack the modality pass unchanged.

    A pipeline for several modalities is a list of such steps, each of which names the modality that it belongs to.

    Args:
        modality: The modality, a key of the data set's ``sources``.

    Attributes:
        random: Whether the step draws random numbers, which it may from any global generator.
    """

    random = False

    def __init__(self, modality: str) -> None:
        self.modality = modality

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        if self.modality in results:
            results[self.modality] = self.apply(results[self.modality], results['sample_id'])
        return results

    @abstractmethod
    def apply(self, value: Any, sample_id: str) -> Any:
        """The new value of the modality."""
