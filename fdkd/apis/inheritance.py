"""Where the files are that a config inherits from: beside it, or among those that come with fdkd."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config

from fdkd.errors import ConfigError
from fdkd.packaged import COPY, PREFIX, broken_link, counterpart, find_config, near_config, shown

_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def inheriting() -> Iterator[list[Path]]:
    """Within it, configs that MMEngine reads may inherit from a packaged one: ``fdkd::fdkd/nyu_rgb_from_depth.py``.

    That is how MMEngine names configs of other packages. Its own search asks the package's ``.mim``, which a checkout
    has not, and marks what it finds with the package's scope, which would count in ``config_hash``: such a config here
    is the same as one that inherits from a copy.

    All this is of configs with ``_base_``: those that import their bases, with MMEngine's ``read_base``, never ask.

    Yields:
        The bases that ``_base_`` names, directly or not, in the order in which they are read.

    Raises:
        ConfigError: If a base is no string, or not there; the message names the packaged one that is probably meant.
    """
    mmengines, found = Config._get_cfg_path, []

    def find(base: str, filename: str) -> tuple[str, str | None]:
        config = shown(filename.removeprefix(os.path.join(os.getcwd(), '')))
        if not isinstance(base, str):
            raise ConfigError(f'{config}: cannot be read: _base_ {base!r}: expected the path of a config, as a string')
        packaged = base.startswith(PREFIX)
        path, scope = (find_config(base), None) if packaged else mmengines(base, filename)
        if not Path(path).is_file():
            place = '' if packaged else f' (no file {os.path.normpath(path)})'
            raise ConfigError(f'{config}: cannot be read: its _base_ {base} is not there{place}{_hint(base, path)}')
        found.append(Path(path))
        return str(path), scope

    with _ONE_AT_A_TIME:
        Config._get_cfg_path = staticmethod(find)
        try:
            yield found
        finally:
            Config._get_cfg_path = staticmethod(mmengines)


def _hint(base: str, path: str | Path) -> str:
    """What to do about a base that is not there."""
    name = base.removeprefix(PREFIX)
    near = near_config(name)
    if not base.startswith(PREFIX) and (link := broken_link(path)):
        return f': {link}'
    if same := counterpart(name):
        return f": write '{PREFIX}{same}' for the one that comes with fdkd, or copy it: {COPY}"
    return f"; did you mean '{PREFIX}{near}.py'?" if near else ''
