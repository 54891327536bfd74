"""The states of the generators survive a checkpoint."""

import random

import numpy as np
import torch

from fdkd.engine.randomness import random_state, restore_random_state


def draw():
    return random.random(), np.random.rand(), torch.rand(3).tolist()


def test_restoring_repeats_the_draws_after_a_round_trip_through_a_file(tmp_path):
    torch.save(random_state(), tmp_path / 'state.pth')
    expected = draw()
    assert draw() != expected
    restore_random_state(torch.load(tmp_path / 'state.pth', weights_only=True))
    assert draw() == expected
