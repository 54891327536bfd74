"""Values of a type that the class beside them does not take."""

from collections.abc import Sequence
from typing import Any, Literal

import pytest
from mmengine.config import Config

from fdkd.check.value_types import _fits, wrong_types


@pytest.mark.parametrize(
    ('value', 'hint', 'fits'),
    [
        (1, int, True),
        (1, float, True),
        (1.5, int, False),
        ('1', int, False),
        (None, int, False),
        (None, int | None, True),
        ([1, 2], tuple[int, int], True),
        ([1, 2], int, False),
        ([1, 2], Sequence[int] | None, True),
        ('a', Literal['a', 'b'], True),
        ('c', Literal['a', 'b'], False),
        ('anything', Any, True),
        ({'type': 'X'}, int, True),
    ],
)
def test_value_fits_annotation(value, hint, fits):
    assert _fits(value, hint) is fits


def test_wrong_types_are_found_at_any_depth():
    cfg = Config.fromfile('configs/fdkd/nyu_rgb_from_depth.py')
    assert list(wrong_types(cfg)) == []
    cfg.merge_from_dict(
        {
            'model.losses.fdkd.weight': 'much',
            'model.losses.fdkd.decoupler': {'type': 'FourierDecoupler', 'cutoff': 'half'},
            'train_dataloader.batch_size': 2.5,
            'train_dataloader.dataset.pipeline.5.hue': [1],
            'optim_wrapper.optimizer.lr': 'fast',
        }
    )
    assert {wrong.path: wrong.text.partition(', ')[2] for wrong in wrong_types(cfg)} == {
        'model.losses.fdkd.weight': 'FDKDLoss expects float',
        'model.losses.fdkd.decoupler.cutoff': 'FourierDecoupler expects float',
        'train_dataloader.batch_size': 'a data loader expects int',
        'train_dataloader.dataset.pipeline[5].hue': 'RandomHSV expects float',
        'optim_wrapper.optimizer.lr': 'SGD expects float or Tensor',
    }
