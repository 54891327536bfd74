"""AFD (Ji et al., AAAI 2021, arXiv 2102.02973): attention picks the student's stages that follow each teacher stage."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, normalize

from fdkd.distill.losses.checks import at_least_float32
from fdkd.distill.norm import BatchNorm1d
from fdkd.errors import LossError
from fdkd.registry import DISTILL_LOSSES


def attended_distance(
    query: Tensor, key: Tensor, position: Tensor, student_maps: Sequence[Tensor], teacher_maps: Sequence[Tensor]
) -> Tensor:
    r"""Squared distances between the maps of all pairs of stages, weighted by each teacher stage's attention.

    .. math:: \frac1N \sum_{n,t,s} \alpha_{nts} \, \frac1{P_t} \Big\lVert
        \frac{u_{nst}}{\lVert u_{nst} \rVert} - \frac{v_{nt}}{\lVert v_{nt} \rVert} \Big\rVert^2, \qquad
        \alpha_{nt:} = \mathrm{softmax}_s \frac{q_{nt}^\top k_{nst} + b_{ts}}{\sqrt Q}

    with :math:`v_{nt}` the :math:`P_t` positions of the teacher's map and :math:`u_{nst}` the student's map at that
    size: averaged over areas, repeated where it is smaller.

    Args:
        query: Queries of the teacher's stages ``[N, T, Q]``.
        key: Keys of the student's stages ``[N, S, T, Q]``, one for each teacher stage.
        position: What the attention adds for each pair of stages ``[T, S]``.
        student_maps: A map ``[N, h, w]`` of each of the S stages.
        teacher_maps: A map ``[N, H, W]`` of each of the T stages.

    Returns:
        A scalar of 0 or more.
    """
    with torch.autocast(query.device.type, enabled=False):
        scores = torch.einsum('nstq,ntq->nts', key, query)
        attention = ((scores + position) / query.shape[-1] ** 0.5).softmax(2)
    resized: dict[torch.Size, Tensor] = {}
    total: Tensor | int = 0
    for weights, teacher_map in zip(attention.unbind(1), teacher_maps, strict=True):
        size = teacher_map.shape[1:]
        if size not in resized:
            values = [adaptive_avg_pool2d(student_map, size).flatten(1) for student_map in student_maps]
            resized[size] = normalize(torch.stack(values, 1), dim=2)
        teacher_value = normalize(teacher_map.flatten(1), dim=1)[:, None]
        total = total + (weights * (resized[size] - teacher_value).square().mean(2)).sum(1).mean()
    return total


def _linear(in_features: int, out_features: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(in_features, out_features), BatchNorm1d(out_features))


@DISTILL_LOSSES.register_module()
class AFDLoss(nn.Module):
    r"""The student's stages become strong where those stages of the teacher are that attend to them.

    .. math:: \beta \sum_t \sum_s \alpha_{ts} \,
        d\big(\tilde\phi^C(h^b_t), \tilde\phi^C(\hat h^a_{ts})\big)

    :math:`\tilde\phi^C` is the square of the activations averaged over the channels, then L2-normalised; :math:`d` and
    :math:`\alpha` are those of :func:`attended_distance`. Queries are a linear layer and a batch norm on the teacher's
    globally averaged stage; keys are the same and a ReLU on the student's, then a linear layer and a batch norm
    to one key per teacher stage (the bilinear weight); the positions :math:`b_{ts}` are the inner products of a learnt
    vector of each teacher stage with one of each student stage, both Xavier-normal at first.

    As in the public code, :math:`d` is the mean of the squared differences over the positions (the paper writes an L2
    distance), a query has no activation and the student's map is resized after its channels are averaged. Deviation:
    a batch of one sample passes the batch norms by their running averages, since a single sample has no deviation.

    A vector is a map of one position, which normalises to 1 in every model. So where all stages of one of the models
    are vectors there is nothing to imitate, and the loss refuses.

    Args:
        student_channels: Channels of each of the student's stages (an int for a single stage).
        teacher_channels: Channels of each of the teacher's stages.
        qk_dim: Width Q of queries and keys; 128 as in the public code.
        beta: Weight of the loss; 200 as in the public code for a WRN-16-2 on CIFAR-100.

    Raises:
        ValueError: If channels are missing.
    """

    takes_lists = True

    def __init__(
        self,
        student_channels: int | Sequence[int] | None = None,
        teacher_channels: int | Sequence[int] | None = None,
        qk_dim: int = 128,
        beta: float = 200.0,
    ) -> None:
        super().__init__()
        if not student_channels or not teacher_channels:
            raise LossError(
                'AFDLoss learns an embedding of every stage: add student_channels=[...] and teacher_channels=[...]'
            )
        self.student_channels, self.teacher_channels = _as_list(student_channels), _as_list(teacher_channels)
        self.beta = beta
        stages = len(self.teacher_channels)
        self.query = nn.ModuleList(_linear(channels, qk_dim) for channels in self.teacher_channels)
        self.key = nn.ModuleList(_linear(channels, qk_dim).append(nn.ReLU()) for channels in self.student_channels)
        self.bilinear = _linear(qk_dim, stages * qk_dim)
        self.teacher_position = nn.Parameter(torch.empty(stages, qk_dim))
        self.student_position = nn.Parameter(torch.empty(len(self.student_channels), qk_dim))
        nn.init.xavier_normal_(self.teacher_position)
        nn.init.xavier_normal_(self.student_position)

    def forward(
        self, student: Tensor | Sequence[Tensor], teacher: Tensor | Sequence[Tensor], target: Tensor | None = None
    ) -> Tensor:
        """The loss of one batch.

        Args:
            student: Stages ``[N, C, H, W]``, ``[N, T, C]`` (T positions) or ``[N, C]`` (one position).
            teacher: The same of the teacher; number, widths and sizes of the stages may differ.
            target: Not used.

        Returns:
            A scalar of 0 or more, in at least float32.

        Raises:
            ValueError: If stages do not fit the channels or the batch, or one model has vectors alone.
        """
        student, teacher = _as_list(student), _as_list(teacher)
        self._check(student, teacher)
        maps = at_least_float32(*(_as_map(stage) for stage in (*student, *teacher)))
        student, teacher = maps[: len(student)], maps[len(student) :]
        with torch.autocast(maps[0].device.type, enabled=False):
            query = _embed(self.query, teacher)
            key = self.bilinear(_embed(self.key, student).flatten(0, 1))
            key = key.unflatten(1, query.shape[1:]).unflatten(0, (len(query), len(student)))
            position = self.teacher_position @ self.student_position.T
        energies = [x.square().mean(1) for x in maps]
        distance = attended_distance(query, key, position, energies[: len(student)], energies[len(student) :])
        return self.beta * distance

    def _check(self, student: list[Tensor], teacher: list[Tensor]) -> None:
        models = (student, teacher)
        shapes = [[tuple(stage.shape) for stage in stages] for stages in models]
        found = f'student stages {shapes[0]} and teacher stages {shapes[1]}'
        channels = [
            [_as_map(stage).shape[1] if 2 <= stage.ndim <= 4 else None for stage in stages] for stages in models
        ]
        if channels != [self.student_channels, self.teacher_channels]:
            raise LossError(
                f'{found}: expected [N, C], [N, T, C] or [N, C, H, W] with '
                f'student_channels={self.student_channels} and teacher_channels={self.teacher_channels}'
            )
        if len({len(stage) for stages in models for stage in stages}) > 1:
            raise LossError(f'{found}: batches differ')
        if not all(any(max(_as_map(stage).shape[2:]) > 1 for stage in stages) for stages in models):
            raise LossError(
                f'{found}: AFD compares where a stage is strong, so each model needs a stage with several positions'
            )


def _as_list(value: object) -> list:
    return [value] if isinstance(value, (int, Tensor)) else list(value)


def _as_map(stage: Tensor) -> Tensor:
    """``[N, C, H, W]``, with T x 1 positions for a sequence and one for a vector."""
    if stage.ndim == 3:
        stage = stage.movedim(2, 1)
    return stage.reshape(*stage.shape, *[1] * (4 - stage.ndim))


def _embed(layers: nn.ModuleList, maps: list[Tensor]) -> Tensor:
    """``[N, stages, Q]`` from the globally averaged maps, in the type of the parameters."""
    dtype = layers[0][0].weight.dtype
    return torch.stack([layer(x.mean((2, 3)).to(dtype)) for layer, x in zip(layers, maps, strict=True)], 1)
