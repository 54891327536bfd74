"""Which samples were predicted right, as a short text."""

import base64

import numpy as np

from fdkd.errors import DataError


def pack_hits(hits: np.ndarray) -> str:
    """Bools ``[N]`` as text: eight to a byte, the first in the highest bit (:func:`numpy.packbits`), in base64.

    Example:
        >>> pack_hits(np.array([True, False, True]))
        'oA=='
    """
    return base64.b64encode(np.packbits(np.asarray(hits, bool)).tobytes()).decode('ascii')


def unpack_hits(text: str, count: int) -> np.ndarray:
    """What :func:`pack_hits` packed.

    Args:
        text: ``hits`` of ``results.json``.
        count: Number of samples, ``labelled`` of ``results.json``.

    Returns:
        bool ``[count]``.

    Raises:
        DataError: If the text is not base64, or of another number of samples.

    Example:
        >>> unpack_hits('oA==', 3)
        array([ True, False,  True])
    """
    try:
        packed = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    except ValueError as error:
        raise DataError(f'hits: {text[:40]!r} is not base64 ({error}), expected what pack_hits returns') from error
    if len(packed) != -(-count // 8):
        raise DataError(f'hits: {len(packed)} bytes, expected {-(-count // 8)} for {count} labelled samples')
    return np.unpackbits(packed, count=count).astype(bool)
