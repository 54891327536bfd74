"""Whether two samples are the same file under two names."""

import os
from collections.abc import Iterator
from hashlib import blake2b

from fdkd.datasets.transforms.frames import list_frames
from fdkd.doctor.chains import LABEL
from fdkd.doctor.findings import Remark

_BLOCK = 2**20


def digest(path: str) -> tuple[bytes, int]:
    """A digest of the bytes of a file, or of the images of a folder in their order, and the number of these bytes.

    Raises:
        OSError: If a file cannot be read.
        DataError: If a folder holds no image.
    """
    total, whole = 0, blake2b(digest_size=16)
    for file in list_frames(path) if os.path.isdir(path) else [path]:
        one = blake2b(digest_size=16)
        with open(file, 'rb') as stream:
            while block := stream.read(_BLOCK):
                one.update(block)
                total += len(block)
        whole.update(one.digest())
    return whole.digest(), total


def text_digest(text: str) -> tuple[bytes, int]:
    """As :func:`digest`, of a text that the table itself holds."""
    data = text.encode('utf-8', 'surrogatepass')
    return blake2b(data, digest_size=16).digest(), len(data)


class Contents:
    """Remembers the digest of everything read, and for each split who had it first."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, bytes], dict[str, tuple[str, str]]] = {}

    def add(self, split: str, sample_id: str, part: str, file: str, content: bytes) -> Iterator[Remark]:
        """Yields a remark if another sample has the same content: in another split it is a leak.

        Samples are to come split by split. Two label maps may be alike where scenes are simple: that is no error.
        """
        owners = self._owners.setdefault((part, content), {})
        elsewhere = [f'{name}/{owner} ({path})' for name, (owner, path) in owners.items() if name != split]
        if elsewhere:
            severity = 'warning' if part == LABEL else 'error'
            yield Remark(severity, 'leak', f'the same content as {", ".join(elsewhere)}')
        elif split in owners:
            owner, path = owners[split]
            yield Remark('warning', 'duplicate', f'the same content as {owner} ({path})')
        owners.setdefault(split, (sample_id, file))
