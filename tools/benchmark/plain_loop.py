"""Distillation as a plain script writes it: PyTorch's modules, optimizer and loader, and a loop of fifteen lines.

It starts from copies of an algorithm's networks and losses and computes the same numbers. It handles what the configs
with FD-CMKD have: Classifiers and MMSegmentation's encoder-decoders, losses on one tensor each without a connector, and
a poly schedule.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from fdkd.algorithms import CrossModalDistiller
from fdkd.errors import ConfigError
from fdkd.labels import UNLABELLED, VOID
from fdkd.models import Classifier


class Pairs(torch.utils.data.Dataset):
    """Collated batches sample by sample: the student's input, the teacher's, the label."""

    def __init__(self, batches: Sequence[dict[str, Any]], student: str, teacher: str) -> None:
        self.samples = [
            (a, b, sample.gt_label if 'gt_label' in sample else sample.gt_sem_seg.data[0])
            for batch in batches
            for a, b, sample in zip(
                batch['inputs'][student], batch['inputs'][teacher], batch['data_samples'], strict=True
            )
        ]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        return self.samples[index]


class PlainLoop:
    """Trains copies of the models of ``algorithm``, as they are when it is made.

    Args:
        algorithm: The distiller.
        cfg: Its config, for optimizer, schedule and normalisation.
        batches: The collated batches of one epoch.
        workers: Processes that load data.

    Raises:
        ConfigError: If the config has something that no plain counterpart is written for.
    """

    def __init__(
        self, algorithm: CrossModalDistiller, cfg: Config, batches: Sequence[dict[str, Any]], workers: int
    ) -> None:
        refuse(cfg)
        self.device = next(algorithm.parameters()).device
        self.student, self.teacher = copy.deepcopy(algorithm.student), copy.deepcopy(algorithm.teacher)
        self.losses = copy.deepcopy(algorithm.terms.losses)
        self.weights, self.taps = dict(algorithm.terms.weights), dict(algorithm.terms.taps)
        self.seen: dict[str, dict[str, Tensor]] = {'student': {}, 'teacher': {}}
        for tap, path in algorithm.student_taps.taps.items():
            _keep(self.student, path, self.seen['student'], tap)
        for tap, path in algorithm.teacher_tap_paths.items():
            _keep(self.teacher, path, self.seen['teacher'], tap)
        modalities = cfg.model.data_preprocessor.modalities
        self.normalise = [_normaliser(modalities[name], self.device) for name in algorithm.modalities]
        settings = {key: value for key, value in cfg.optim_wrapper.optimizer.items() if key != 'type'}
        parameters = [*self.student.parameters(), *self.losses.parameters()]
        self.optimizer = getattr(torch.optim, cfg.optim_wrapper.optimizer.type)(parameters, **settings)
        self.schedule, self.each_step = _schedule(self.optimizer, cfg, len(batches))
        self.loader = DataLoader(
            Pairs(batches, *algorithm.modalities),
            batch_size=len(batches[0]['data_samples']),
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=self.device.type == 'cuda',
            generator=torch.Generator(),  # else each epoch would draw from dropout's
        )

    def run(self) -> list[Tensor]:
        """Trains for one epoch and returns the loss of every step."""
        self.student.train()
        history = []
        for batch in self.loader:
            inputs, teacher_inputs, target = (x.to(self.device, non_blocking=True) for x in batch)
            with torch.no_grad():
                run_teacher(self.teacher, self.normalise[1](teacher_inputs))
            loss = task_loss(self.student, self.normalise[0](inputs), target)
            for part in self._distillation(target):
                loss = loss + part
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            if self.each_step:
                self.schedule.step()
            history.append(loss.detach())
        if not self.each_step:
            self.schedule.step()
        return history

    def _distillation(self, target: Tensor) -> Iterator[Tensor]:
        for name, loss in self.losses.items():
            tap, weight = self.taps[name], self.weights[name]
            value = loss(self.seen['student'][tap], self.seen['teacher'][tap], target)
            for part in value.values() if isinstance(value, dict) else [value]:
                yield weight * part


def task_loss(student: nn.Module, inputs: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of the classifier, or of an encoder-decoder's heads at the size of the label map."""
    if isinstance(student, Classifier):
        return cross_entropy(student(inputs), target, ignore_index=UNLABELLED)
    maps = student.backbone(inputs)
    loss = 0
    for head in (student.decode_head, student.auxiliary_head):
        logits = interpolate(head(maps), size=target.shape[1:], mode='bilinear', align_corners=head.align_corners)
        loss = loss + head.loss_decode.loss_weight * cross_entropy(logits, target, ignore_index=VOID)
    return loss


def run_teacher(teacher: nn.Module, inputs: Tensor) -> None:
    """As far as a plain script would: an encoder-decoder's head is not needed for its feature."""
    (teacher if isinstance(teacher, Classifier) else teacher.backbone)(inputs)


def refuse(cfg: Config) -> None:
    """Refuses what :class:`PlainLoop` cannot do.

    Raises:
        ConfigError: With the key.
    """
    for name, loss in cfg.model.losses.items():
        if 'connector' in loss or loss.on in ('stages', 'logits'):
            raise ConfigError(f'model.losses.{name}: the plain loop knows losses on one feature without a connector')
    if set(cfg.optim_wrapper) - {'type', 'optimizer'} or cfg.optim_wrapper.type != 'OptimWrapper':
        raise ConfigError('optim_wrapper: the plain loop knows an OptimWrapper with an optimizer and nothing else')
    if [scheduler.type for scheduler in cfg.param_scheduler] != ['PolyLR']:
        raise ConfigError('param_scheduler: the plain loop knows one PolyLR')


def _keep(model: nn.Module, path: str, seen: dict[str, Tensor], tap: str) -> None:
    """Keeps what the tap reads; a module that runs twice leaves its last."""
    module = model.get_submodule(path.removesuffix(':input'))
    if path.endswith(':input'):
        module.register_forward_pre_hook(lambda _, inputs: seen.__setitem__(tap, inputs[0]))
    else:
        module.register_forward_hook(lambda _, inputs, output: seen.__setitem__(tap, output))


def _normaliser(settings: dict[str, Any], device: torch.device) -> Callable[[Tensor], Tensor]:
    if not settings:
        return Tensor.float
    mean, std = (torch.tensor(settings[key], device=device).view(-1, 1, 1) for key in ('mean', 'std'))
    clip, hole = settings.get('clip'), settings.get('hole')

    def normalise(x: Tensor) -> Tensor:
        raw = x.float()
        normalised = ((raw if clip is None else raw.clamp(*clip)) - mean) / std
        return normalised if hole is None else normalised.masked_fill(raw == hole, 0)

    return normalise


def _schedule(optimizer: torch.optim.Optimizer, cfg: Config, steps: int) -> tuple[LambdaLR, bool]:
    """The poly schedule, and whether it falls with every step instead of every epoch of ``steps``."""
    [poly] = cfg.param_scheduler
    each_step = poly.get('convert_to_iter_based', False)
    total = (poly.end - poly.begin) * (steps if each_step else 1) - 1
    start, end = cfg.optim_wrapper.optimizer.lr, poly.eta_min

    def factor(done: int) -> float:
        return ((start - end) * max(1 - done / total, 0) ** poly.power + end) / start

    return LambdaLR(optimizer, factor), each_step
