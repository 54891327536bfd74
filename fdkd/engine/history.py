"""MMEngine's message hub as plain data, so that a checkpoint needs no unpickling of objects."""

from pathlib import Path
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


def confine_best_checkpoint(hub: MessageHub, folder: Path) -> None:
    """Lets a history that was read name nothing but a checkpoint in ``folder`` as the best so far.

    MMEngine removes what stands there, be it a folder, as soon as there is a better one; the path comes from a file.
    """
    for key in [key for key in hub.runtime_info if key.startswith('best_ckpt')]:
        path = Path(str(hub.runtime_info.pop(key)))
        if path.name.startswith('best_') and path.suffix == '.pth':
            hub.update_info(key, str(folder / path.name))
