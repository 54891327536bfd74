"""Where figures come from: the call, the code, the machine, and the time that it took."""

import os
import platform
import shlex
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import mmengine
import torch

from fdkd.version import __version__


def _commit() -> dict[str, Any]:
    """The commit of the checkout that fdkd runs from, and whether tracked files differ from it; else ``None``."""
    git = ['git', '--no-optional-locks', '-C', str(Path(__file__).parents[1])]
    calls = (['rev-parse', '--show-prefix', 'HEAD'], ['status', '--porcelain', '-uno', ':/'])
    try:
        place, status = (subprocess.check_output([*git, *call], text=True, stderr=subprocess.DEVNULL) for call in calls)
    except (OSError, subprocess.CalledProcessError):
        place = status = ''
    known = place.startswith('fdkd/\n')  # an installed copy may lie below another project's checkout
    return {'commit': place.split()[1] if known else None, 'modified': bool(status) if known else None}


#: Taken when the code is loaded: a checkout may be edited while a training runs that was started from it.
_CODE, _START = _commit(), time.monotonic()


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
