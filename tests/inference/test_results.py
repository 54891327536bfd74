"""Label maps from logits: resized as a whole would be, the lowest class of equals, no more than asked for."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from fdkd.inference.results import label_map


@pytest.mark.parametrize('corners', [False, True])
@pytest.mark.parametrize('size', [(6, 8), (11, 5), (3, 4)])
def test_class_by_class_is_the_same_as_all_at_once(size, corners):
    logits = torch.randn(7, 6, 8, generator=torch.Generator().manual_seed(0))
    labels, nothing = label_map(logits, size, corners, scores=False)
    whole = interpolate(logits[None], size=size, mode='bilinear', align_corners=corners)[0]
    assert nothing is None
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, whole.argmax(0))
    again, scores = label_map(logits, size, corners, scores=True)
    assert np.array_equal(again, labels)
    assert np.array_equal(scores, whole.softmax(0))


def test_of_equal_classes_the_lowest():
    labels, _ = label_map(torch.zeros(3, 2, 2), (4, 4), False, scores=False)
    assert not labels.any()
