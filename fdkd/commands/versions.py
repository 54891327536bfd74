"""``fdkd --version``: what is installed, read from the packages' metadata without importing any of them."""

import platform
from importlib.metadata import PackageNotFoundError, version

from fdkd.commit import commit
from fdkd.version import __version__

#: What decides how a training ends, by the names that pip knows.
STACK = (
    *('torch', 'torchvision', 'torchaudio', 'onedl-mmengine', 'onedl-mmcv', 'onedl-mmsegmentation'),
    *('transformers', 'numpy', 'opencv-python'),
)


def versions() -> str:
    """fdkd's version, with its commit in a checkout, then a line each for Python and the stack."""
    code = commit()
    state = ', modified' if code['modified'] else ''
    place = f' (commit {code["commit"][:7]}{state})' if code['commit'] else ''
    lines = [f'fdkd {__version__}{place}', f'python {platform.python_version()}']
    return '\n'.join([*lines, *(f'{name} {_version(name)}' for name in STACK)])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return 'is not installed'
