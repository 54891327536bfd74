"""Pieces of furniture stand on the floor, are centred, and hold together."""

import numpy as np
import pytest

from fdkd.datasets.rooms import furniture

STANDING = ['bed', 'sofa', 'table', 'chair', 'carton', 'tall_box', 'lamp_stand', 'door', 'floor_mat']


@pytest.mark.parametrize('name', STANDING)
def test_stands_on_the_floor_and_is_centred(name):
    for seed in range(20):
        boxes = getattr(furniture, name)(np.random.default_rng(seed))
        assert (boxes[:, 1] > boxes[:, 0]).all()
        low, high = boxes.min(axis=(0, 1)), boxes.max(axis=(0, 1))
        assert low[2] == 0
        np.testing.assert_allclose(low[:2] + high[:2], 0, atol=1e-12)


@pytest.mark.parametrize('name', STANDING)
def test_every_box_touches_the_rest(name):
    boxes = getattr(furniture, name)(np.random.default_rng(0))
    joined = {0}
    for _ in boxes:
        for number, box in enumerate(boxes):
            if any((box[0] <= boxes[i][1] + 1e-9).all() and (boxes[i][0] <= box[1] + 1e-9).all() for i in joined):
                joined.add(number)
    assert len(joined) == len(boxes)


def test_backs_and_headboards_are_at_the_wall():
    for name in ('bed', 'sofa', 'chair'):
        boxes = getattr(furniture, name)(np.random.default_rng(0))
        highest = boxes[boxes[:, 1, 2].argmax()]
        assert highest[1, 1] == pytest.approx(boxes[..., 1].max())
        assert highest[0, 1] > 0


@pytest.mark.parametrize('name', ['bed', 'sofa'])
def test_pillows_lie_on_top_and_lean_against_the_back(name):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        boxes = getattr(furniture, name)(rng)
        for low, high in furniture.pillows(rng, boxes):
            assert low[2] == boxes[0, 1, 2]
            assert high[1] == pytest.approx(boxes[1, 0, 1])
            arm = 0.2 if name == 'sofa' else 0
            assert boxes[0, 0, 0] + arm <= low[0] < high[0] <= boxes[0, 1, 0] - arm


def test_a_shade_sits_on_its_stand():
    rng = np.random.default_rng(0)
    stand = furniture.lamp_stand(rng)
    assert furniture.lamp_shade(rng, stand)[0, 0, 2] == stand[:, 1, 2].max()
