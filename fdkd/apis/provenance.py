"""Where figures come from: the call, the code, the machine, and the time that it took."""

import os
import platform
import shlex
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import mmengine
import torch

from fdkd.commit import commit
from fdkd.version import __version__

#: Taken when the code is loaded: a checkout may be edited while a training runs that was started from it.
_CODE, _START = commit(), time.monotonic()


def environment() -> dict[str, Any]:
    """What figures depend on beside the config.

    Returns:
        ``date`` (now, UTC, ISO 8601), ``command``, ``commit`` (of the checkout that fdkd was loaded from, ``None``
        where it is installed) and ``modified`` (whether tracked files differed from it), ``device`` (the GPU's name,
        else the processor's), ``threads`` (torch's), ``load`` (processes that wanted to run, mean of the last minute)
        and ``versions``.
    """
    info = Path('/proc/cpuinfo').read_text() if os.path.exists('/proc/cpuinfo') else ''
    processor = info.partition('model name\t: ')[2].partition('\n')[0] or platform.processor() or 'cpu'
    return {
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'command': shlex.join(sys.argv),
        **_CODE,
        'device': torch.cuda.get_device_name() if torch.cuda.is_available() else processor,
        'threads': torch.get_num_threads(),
        'load': os.getloadavg()[0],
        'versions': {
            'fdkd': __version__,
            'torch': torch.__version__,
            'mmengine': mmengine.__version__,
            'python': platform.python_version(),
        },
    }


def seconds_running() -> float:
    """Wall time of this process since it loaded fdkd, in seconds.

    That is the whole job without the import of torch: loading data, training (of a teacher as well, where the same
    process trained one first), validation and tests. Of a resumed training it is the last process alone.
    """
    return round(time.monotonic() - _START, 1)
