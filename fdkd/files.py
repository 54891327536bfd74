"""Files that appear whole or not at all."""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a place beside ``path`` to write to, and renames it to ``path`` where nothing went wrong.

    Until then, and where something did, ``path`` is what it was. Two processes must not write one file at a time.

    Example:
        >>> with written_whole(Path('notes.txt')) as partial:  # doctest: +SKIP
        ...     partial.write_text('all of it')
    """
    partial = path.with_name(f'{path.name}.partial')
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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
