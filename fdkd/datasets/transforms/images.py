"""Image files as 8-bit RGB; what Pillow would convert silently, and often wrongly, is refused."""

from typing import Any

import numpy as np
from PIL import Image

from fdkd.errors import DataError

#: Suffixes of the files that are taken from a folder of frames.
SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.ppm')


def read_rgb(path: str) -> np.ndarray:
    """The pixels of an image file with 8-bit RGB or grey values: uint8 ``[H, W, 3]``; grey is repeated.

    Raises:
        DataError: If the file is absent, truncated or no image, or if it is a GIF, has 16 bits per value, or is of
            another mode (CMYK, palette, transparency).
    """
    try:
        with Image.open(path) as image:
            if found := _unsuitable(image):
                raise DataError(
                    f'{path}: {found}, expected 8-bit RGB or grey: convert the file, or the data with '
                    f'tools/prepare_data.py'
                )
            pixels = np.asarray(image)
    except FileNotFoundError as error:
        raise DataError(f'{path}: no such file') from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f'{path}: unreadable or truncated image ({error})') from error
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def _unsuitable(image: Any) -> str | None:
    """What makes an opened image other than 8-bit RGB or grey, in words."""
    if image.format == 'GIF':
        return 'a GIF'
    if ';16' in image.mode + str(image.tile):  # 16-bit RGB has the mode of 8-bit RGB
        return '16 bits per value'
    return None if image.mode in ('RGB', 'L') else f'an image of mode {image.mode}'
