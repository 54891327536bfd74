"""MMSegmentation's cross-entropy and accuracy without its questions to the GPU."""

import pytest
import torch
from mmseg.models.decode_heads import decode_head
from mmseg.models.losses.accuracy import accuracy as mmseg_accuracy
from mmseg.models.losses.cross_entropy_loss import CrossEntropyLoss
from mmseg.models.losses.cross_entropy_loss import cross_entropy as mmseg_cross_entropy
from torch import nn

from fdkd.models.mmseg_losses import accuracy, cross_entropy, install_accuracy, unsynchronised
from tests.support.waits import Waits


def inputs(void=0.3):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 6, 7, generator=generator, requires_grad=True)
    labels = torch.randint(5, (2, 6, 7), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < void] = 255
    return logits, labels


@pytest.mark.parametrize('void', [0.0, 0.3, 1.0])
@pytest.mark.parametrize('settings', [{'avg_non_ignore': True}, {}, {'class_weight': torch.arange(1.0, 6.0)}])
def test_the_loss_and_its_gradient_are_mmsegs(void, settings):
    logits, labels = inputs(void)
    ours, theirs = (
        function(logits, labels, ignore_index=255, **settings) for function in (cross_entropy, mmseg_cross_entropy)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)
    gradients = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in (ours, theirs))
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=0)


@pytest.mark.parametrize('void', [0.0, 0.3, 1.0])
def test_the_accuracy_is_mmsegs(void):
    logits, labels = inputs(void)
    torch.testing.assert_close(accuracy(logits, labels, 255), mmseg_accuracy(logits, labels, ignore_index=255))


def test_heads_then_ask_nothing(monkeypatch):
    monkeypatch.setattr(decode_head, 'accuracy', mmseg_accuracy)
    head = nn.ModuleList([CrossEntropyLoss(avg_non_ignore=True)])
    logits, labels = inputs()
    found = []
    for _ in range(2):
        with Waits() as waits:
            head[0](logits, labels, ignore_index=255)
            decode_head.accuracy(logits, labels, ignore_index=255)
        found.append(waits.names)
        install_accuracy()
        unsynchronised(head)
    assert len(found[0]) == 3
    assert found[1] == []
