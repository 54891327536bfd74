"""The message hub as plain data."""

import numpy as np
import torch
from mmengine.logging import MessageHub

from fdkd.engine.history import pack_history, unpack_history


def test_the_logged_history_survives_a_safe_round_trip(tmp_path):
    hub = MessageHub('before')
    for value in (1.0, 2.0, 4.0):
        hub.update_scalar('train/loss', value)
    hub.update_info_dict({'iter': 3, 'lr': np.float64(0.1), 'loop': object()})
    torch.save(pack_history(hub), tmp_path / 'history.pth')
    again = MessageHub('after')
    unpack_history(again, torch.load(tmp_path / 'history.pth', weights_only=True))
    assert again.get_scalar('train/loss').mean(2) == 3.0
    assert again.get_info('iter') == 3
    assert again.get_info('lr') == 0.1
    assert again.get_info('loop') is None
