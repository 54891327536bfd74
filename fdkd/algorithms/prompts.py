"""The first stage of losses with prompts (FreeKD): what the prompts are learnt by, through the frozen teacher."""

from typing import Any

import torch
from torch import Tensor, nn

from fdkd.algorithms.pairs import paired_places
from fdkd.distill.taps import TapPath, TapReader, replaced
from fdkd.errors import ConfigError


class PromptLoss:
    """The teacher's task loss with the map that a loss compares replaced by its ``prompted`` map.

    A loss takes part if it has a buffer ``prompts``, a method ``prompted(teacher)`` that returns the teacher's map with
    the prompts at work in it, and optionally ``dissimilarity(teacher)``, which is added. Losses learn apart: each has a
    pass of the teacher to itself.

    Args:
        algorithm: A :class:`~fdkd.algorithms.distiller.CrossModalDistiller`. Of any other the losses are empty.

    Attributes:
        losses: The losses that take part, by name.

    Raises:
        ConfigError: If such a loss is on a tap that reads a list.
    """

    def __init__(self, algorithm: Any) -> None:
        self.algorithm = algorithm
        terms = algorithm.terms if hasattr(algorithm, 'teacher_tap_paths') else None
        self.losses: dict[str, nn.Module] = {
            name: loss for name, loss in (terms.losses.items() if terms else ()) if hasattr(loss, 'prompted')
        }
        self.paths: dict[str, TapPath] = {name: algorithm.teacher_tap_paths[terms.taps[name]] for name in self.losses}
        for name, path in self.paths.items():
            if not isinstance(path, str):
                raise ConfigError(f"the loss {name!r} learns prompts on one map, its tap reads {len(path)}: on='map'")
        self._calls: dict[TapPath, int] = {}

    @property
    def prompts(self) -> list[Tensor]:
        """The prompts of every loss."""
        return [loss.prompts for loss in self.losses.values()]

    def __call__(self, inputs: dict[str, Tensor], data_samples: list) -> Tensor:
        """The sum over the losses, for the samples that have the teacher's modality; 0 where none has.

        Args:
            inputs: By modality, as the preprocessor leaves them.
            data_samples: One for each sample of the batch.

        Returns:
            A scalar that depends on the prompts alone, of all that could be learnt.

        Raises:
            ConfigError: If the task loss does not depend on a tap.
        """
        modality = self.algorithm.teacher_modality
        samples = [data_samples[place] for place in paired_places(data_samples, modality)]
        if not samples:
            return sum(prompts.sum() * 0 for prompts in self.prompts)
        if not self._calls:
            self._count_calls(inputs[modality], samples)
        return sum(self._loss(name, inputs[modality], samples) for name in self.losses)

    @torch.no_grad()
    def _count_calls(self, inputs: Tensor, samples: list) -> None:
        reader = TapReader(self.algorithm.teacher, self.paths)
        reader.run(self.algorithm.teacher, inputs, samples, mode='loss')
        self._calls = reader.calls_per_pass

    def _loss(self, name: str, inputs: Tensor, samples: list) -> Tensor:
        loss, path, apart = self.losses[name], self.paths[name], []

        def prompted(x: Tensor) -> Tensor:
            if hasattr(loss, 'dissimilarity'):
                apart.append(loss.dissimilarity(x))
            return loss.prompted(x)

        with replaced(self.algorithm.teacher, path, prompted, self._calls[path]):
            task, _ = self.algorithm.parse_losses(self.algorithm.teacher(inputs, samples, mode='loss'))
        if loss.prompts.requires_grad and torch.is_grad_enabled() and not task.requires_grad:
            raise ConfigError(
                f"the teacher's task loss does not depend on its tap {path!r}, so the loss {name!r} cannot learn its "
                "prompts there; on='map' is on the way to the prediction"
            )
        return task + sum(apart)
