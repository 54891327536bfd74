"""MMEngine's message hub as plain data, so that a checkpoint needs no unpickling of objects."""

from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, MessageHub


def pack_history(hub: MessageHub) -> dict[str, Any]:
    """The logged scalars, as tensors, and the plain values of the runtime information (iteration, epoch, ...)."""
    scalars = {
        name: {
            'values': torch.as_tensor(buffer.data[0], dtype=torch.float64),
            'counts': torch.as_tensor(buffer.data[1], dtype=torch.float64),
            'max_length': buffer.max_length,
        }
        for name, buffer in hub.log_scalars.items()
    }
    info = {}
    for key, value in hub.runtime_info.items():
        plain = value.item() if isinstance(value, np.generic) else value
        if isinstance(plain, (bool, int, float, str)):
            info[key] = plain
    return {'scalars': scalars, 'info': info}


def unpack_history(hub: MessageHub, packed: dict[str, Any]) -> None:
    """Puts what :func:`pack_history` returned back into a message hub."""
    for name, buffer in packed['scalars'].items():
        hub.log_scalars[name] = HistoryBuffer(
            buffer['values'].tolist(), buffer['counts'].tolist(), buffer['max_length']
        )
    hub.update_info_dict(packed['info'])
