"""Image files, strictly: a damaged file is an error that names it, never a grey image.

OpenCV decodes the readable part of a truncated file without complaint; Pillow refuses it, hence Pillow here. What
Pillow would convert silently, and often wrongly, is refused as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image

from fdkd.errors import DataError, FdkdError

#: Suffixes of the files that are taken from a folder of frames.
SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.ppm')
#: Formats that are read, by content and whatever the suffix. Of the others, EPS is a program, for which Pillow calls
#: Ghostscript.
FORMATS = ('JPEG', 'PNG', 'BMP', 'GIF', 'PPM', 'WEBP', 'TIFF', 'JPEG2000')


@contextmanager
def opened(path: str) -> Iterator[Image.Image]:
    """Opens an image file; its pixels are read within the context, where they are first asked for.

    Raises:
        DataError: If the file is absent, truncated or no image.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            yield image
    except FileNotFoundError as error:
        raise DataError(f'{path}: no such file') from error
    except FdkdError:
        raise
    except Exception as error:  # the bytes of a damaged file lead Pillow to errors of any kind
        raise DataError(f'{path}: unreadable or truncated image ({error})') from error


def read_image(path: str) -> np.ndarray:
    """The file's pixels as stored, ``[H, W]`` or ``[H, W, C]``.

    Raises:
        DataError: If the file is absent, truncated, no image, or has colours of 16 bits, which Pillow would halve.
    """
    with opened(path) as image:
        if _is_deep(image) and not image.mode.startswith('I'):
            raise DataError(f'{path}: an image with 16 bits per colour, expected 8')
        return np.asarray(image)


def read_rgb(path: str) -> np.ndarray:
    """The pixels of an image file with 8-bit RGB or grey values: uint8 ``[H, W, 3]``; grey is repeated.

    Raises:
        DataError: If the file is absent, truncated or no image, or of another kind (see :func:`oddity`).
    """
    with opened(path) as image:
        if found := oddity(image):
            raise DataError(
                f'{path}: {found}, expected 8-bit RGB or grey: convert the file, or the data with `fdkd prepare`'
            )
        pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def oddity(image: Image.Image) -> str | None:
    """What makes an opened image, not yet loaded, other than 8-bit RGB or grey: GIF, 16 bits, or a mode of Pillow."""
    if image.format == 'GIF':
        return 'GIF'
    if _is_deep(image):
        return '16 bits'
    return None if image.mode in ('RGB', 'L') else f'mode {image.mode}'


def _is_deep(image: Image.Image) -> bool:
    """Whether values have more than 8 bits. 16-bit colours have the mode of 8-bit ones; the tile tells them apart."""
    return image.mode.startswith('I') or ';16' in str(image.tile)
