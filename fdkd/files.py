"""Files that appear whole or not at all."""

import json
import math
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: A file whose process cannot be asked for, such as another machine's, is left over if nothing was written to it for so
#: many seconds.
_FORGOTTEN = 3600.0


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a place beside ``path`` to write to, and renames it to ``path`` where nothing went wrong.

    Until then, and where something did, ``path`` is what it was. Each process has a place of its own; what one leaves
    there that is killed, :func:`remove_leftovers` clears away.

    Example:
        >>> with written_whole(Path('notes.txt')) as partial:  # doctest: +SKIP
        ...     partial.write_text('all of it')
    """
    partial = path.with_name(f'{path.name}.{socket.gethostname()}-{os.getpid()}.partial')
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)  # which a full disk does not say
        raise
    finally:
        partial.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> list[Path]:
    """Removes what killed processes had begun to write in ``folder`` with :func:`written_whole`, and returns it.

    Files that a living process of this machine writes stay, as do those of another machine, and all on Windows, for an
    hour after the last change.
    """
    leftovers = [path for path in folder.glob('*.partial') if path.is_file() and _is_left_over(path)]
    for path in leftovers:
        path.unlink(missing_ok=True)
    return leftovers


def _is_left_over(partial: Path) -> bool:
    writer = re.search(r'\.([^/]+)-(\d+)\.partial$', partial.name)
    if writer is None:
        return False  # not of these functions
    elsewhere = not partial.name.endswith(f'.{socket.gethostname()}-{writer[2]}.partial')
    if elsewhere or os.name == 'nt':  # where signal 0 is no question, but Ctrl-C
        try:
            return time.time() - partial.stat().st_mtime > _FORGOTTEN
        except FileNotFoundError:  # renamed, or removed, since it was listed
            return False
    try:
        os.kill(int(writer[2]), 0)
    except ProcessLookupError:
        return True
    except OSError:  # another user's
        return False
    return int(writer[2]) == os.getpid()  # its number was another's before


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes ``values`` as indented JSON, whole or not at all.

    Raises:
        ValueError: If a value is NaN or infinite, for which JSON has no word.
    """
    text = json.dumps(values, indent=2, allow_nan=False) + '\n'
    with written_whole(path) as partial:
        partial.write_text(text, encoding='utf-8')


def finite(node: Any) -> Any:
    """``node`` with ``None`` for every float in it that is NaN or infinite."""
    if isinstance(node, Mapping):
        return {key: finite(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [finite(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node
