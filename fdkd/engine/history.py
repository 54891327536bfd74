"""MMEngine's message hub: bounded, and as plain data, so that a checkpoint needs no unpickling of objects."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.hooks import LoggerHook
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.runner import Runner

#: How many values of each scalar stay, at the least. MMEngine keeps a million, and copies all of them at each step.
KEPT = 10_000
_MOST = 1_000_000


def longest_window(runner: Runner) -> int | None:
    """Of how many of its last values a scalar is logged at most; ``None`` where all that there ever were count."""
    processor = runner.log_processor
    windows = {entry.get('window_size', 'global') for entry in processor.custom_cfg}
    if windows & {None, 'global'}:
        return None
    epoch = len(runner.train_dataloader)
    lengths = [epoch if window == 'epoch' else window for window in (*windows, processor.window_size)]
    if runner.val_loop is not None:  # whose times are logged as means of an epoch
        lengths.append(len(runner.val_loop.dataloader) + 1)
    # On a GPU losses are looked at when the log is written, all since the last time.
    looks = [hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)]
    return max(*lengths, *(looks or [epoch]))


def _length(runner: Runner) -> int:
    """How many values of each scalar stay."""
    window = longest_window(runner)
    return _MOST if window is None else min(max(window, KEPT), _MOST)


def bound_history(runner: Runner) -> None:
    """Lets every scalar that has been logged so far keep its last :data:`KEPT` values, or as many as are ever read.

    What is logged is the same as with all of them.
    """
    length = _length(runner)
    for buffer in runner.message_hub.log_scalars.values():
        buffer.max_length = min(buffer.max_length, length)


def lift_bounds(runner: Runner) -> None:
    """Lets a resumed run, which may log over longer windows than before, keep as much as it reads.

    It warns of scalars whose earlier values are gone. What keeps fewer than :data:`KEPT` has its own reasons, and stays
    so.
    """
    length, gone = _length(runner), []
    for name, buffer in runner.message_hub.log_scalars.items():
        if KEPT <= buffer.max_length < length:
            if len(buffer.data[0]) >= buffer.max_length:
                gone.append(name)
            buffer.max_length = length
    if gone:
        runner.logger.warning(
            f'the log looks further back than was kept of {", ".join(gone)} before this run was resumed: what it makes '
            'of them leaves the earlier values out'
        )


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
