"""A small distiller whose loss has prompts to learn, and pairs to learn them on."""

from types import SimpleNamespace

import torch
from mmengine.model import BaseModel
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset

from fdkd.distill.losses.freekd import FreeKDLoss


class Teacher(nn.Module):
    """A small classifier of which one ReLU serves twice and ``read`` leads nowhere."""

    def __init__(self):
        super().__init__()
        self.conv, self.relu, self.read = nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Identity()
        self.norm, self.dropout, self.head = nn.BatchNorm2d(4), nn.Dropout(), nn.Linear(4, 2)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        x = self.norm(self.conv(self.relu(self.conv(inputs))[:, :1]))
        self.read(x)
        logits = self.head(self.dropout(self.relu(x).mean((2, 3))))
        if mode == 'tensor':
            return logits
        labels = torch.stack([sample.gt_label for sample in data_samples])
        return {'loss_ce': cross_entropy(logits, labels), 'accuracy': (logits.argmax(1) == labels).float().mean()}


class AsItIs(nn.Module):
    def forward(self, batch, training):
        assert training
        return batch


class Algorithm(BaseModel):
    """As much of a distiller as the first stage touches."""

    def __init__(self, path='relu:input', **losses):
        super().__init__(data_preprocessor=AsItIs())
        self._teacher = [Teacher().eval().requires_grad_(False)]
        self.student, self.terms = nn.Linear(2, 2), nn.Module()
        self.terms.losses = nn.ModuleDict(losses or {'freekd': FreeKDLoss(4)})
        self.terms.taps = dict.fromkeys(self.terms.losses, 'map')
        self.teacher_modality, self.teacher_tap_paths = 'sound', {'map': path}

    @property
    def teacher(self):
        return self._teacher[0]

    def forward(self, *_, **__):
        raise AssertionError('the first stage leaves the student alone')


class Pairs(Dataset):
    """Twelve sounds, whose label is whether they are louder on the left; ``draws`` disturbs the random state."""

    def __init__(self, lacking=(), draws=False):
        generator = torch.Generator().manual_seed(5)
        self.sounds = torch.randn(12, 1, 5, 2, generator=generator)
        self.lacking, self.draws = lacking, draws

    def __len__(self):
        return len(self.sounds)

    def __getitem__(self, key):
        if self.draws:
            torch.rand(3)
        sound = self.sounds[key.index]
        present = () if key.index in self.lacking else ('sound',)
        label = (sound[..., 0].abs().sum() > sound[..., 1].abs().sum()).long()
        return sound, SimpleNamespace(
            gt_label=label, metainfo={'present': ('image', *present)}, to=lambda *_, **__: None
        )


def collate(samples):
    sounds = [sound for sound, sample in samples if 'sound' in sample.metainfo['present']]
    inputs = {'image': torch.zeros(len(samples), 1)} | ({'sound': torch.stack(sounds)} if sounds else {})
    return {'inputs': inputs, 'data_samples': [sample for _, sample in samples]}


def whole_batch(dataset):
    return collate([dataset[SimpleNamespace(index=index)] for index in range(len(dataset))])
