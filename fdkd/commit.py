"""The commit of the checkout that fdkd runs from."""

import subprocess
from pathlib import Path
from typing import Any


def commit() -> dict[str, Any]:
    """``commit``, and ``modified``: whether tracked files differ from it; both ``None`` outside a checkout of fdkd."""
    git = ['git', '--no-optional-locks', '-C', str(Path(__file__).parent)]
    calls = (['rev-parse', '--show-prefix', 'HEAD'], ['status', '--porcelain', '-uno', ':/'])
    try:
        place, status = (subprocess.check_output([*git, *call], text=True, stderr=subprocess.DEVNULL) for call in calls)
    except (OSError, subprocess.CalledProcessError):
        place = status = ''
    known = place.startswith('fdkd/\n')  # an installed copy may lie below another project's checkout
    return {'commit': place.split()[1] if known else None, 'modified': bool(status) if known else None}
