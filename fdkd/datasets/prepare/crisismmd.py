"""CrisisMMD (Alam et al., ICWSM 2018): tweets with pictures of seven disasters."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fdkd.datasets.annotations import read_table
from fdkd.datasets.crisismmd import CrisisMMD
from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.prepare.samples import Encoded, Job, convert
from fdkd.datasets.prepare.split_files import content, split_files
from fdkd.datasets.prepare.tally import Row
from fdkd.datasets.transforms.images import FORMATS, oddity

LISTED = CrisisMMD.LAYOUT['annotations']
LISTS = 'crisismmd_datasplit_agreed_label.zip with the lists is published at https://crisisnlp.qcri.org/crisismmd'
IMAGES = 'CrisisMMD_v2.0.tar.gz with the images is published at https://crisisnlp.qcri.org/crisismmd'


def convert_crisismmd(annotations: Path, images: Path, out: Path, workers: int = 1) -> dict[str, Any]:
    """Writes the humanitarian task's lists and the images that they name, under the same names.

    Images of 8-bit RGB or grey are copied after they were decoded once. Others (CMYK, GIF, palette, transparency, 16
    bits) are rewritten as RGB, transparent parts white; ``changed`` in the manifest counts them.

    Args:
        annotations: Folder with ``task_humanitarian_text_img_agreed_lab_{train,dev,test}.tsv``.
        images: Folder that holds ``data_image``, or that folder itself.
        out: The folder to make.
        workers: Processes to share the work.

    Returns:
        The manifest, see :func:`~fdkd.datasets.prepare.samples.convert`.

    Raises:
        SourceError: If lists are missing or have no such columns, or no image can be used, or ``out`` is something
            else.
        DataError: If a list cannot be read.
    """
    lists = split_files(annotations, LISTED, CrisisMMD.LAYOUT['splits'], LISTS)
    rows = [row for split, path in lists.items() for row in _rows(split, path)]
    images = Path(images)
    root = images.parent if images.name == 'data_image' else images
    names = dict.fromkeys(row.name for row in rows)
    job = Job(
        dataset='crisismmd',
        rows=rows,
        found={name: path for name in names if (path := root / name).is_file()},
        encode=encode_image,
        files={LISTED.format(split=split): content(path) for split, path in lists.items()},
        settings={},
        absent=f'{images}: none of the {len(names):,} listed images is there, looked for {next(iter(names), "")}, ...; '
        f'{IMAGES}',
    )
    return convert(job, out, workers)


def encode_image(name: str, path: Path) -> Encoded:
    """The file of one image: a copy, or RGB in the format that the name says, where it would not be read otherwise.

    Raises:
        SourceError: If it is no image or truncated.
    """
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            changed = oddity(image) or ''
            image.load()
            rgb = _to_rgb(image) if changed else None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise SourceError(f'{path}: unreadable or truncated image ({error})') from error
    if rgb is None:
        return Encoded({name: data})
    rewritten = io.BytesIO()
    rgb.save(rewritten, 'PNG' if name.lower().endswith('.png') else 'JPEG', quality=95)
    return Encoded({name: rewritten.getvalue()}, changed)


def _rows(split: str, path: Path) -> list[Row]:
    lines = read_table(path)
    if missing := [column for column in ('image', 'label') if lines and column not in lines[0]]:
        raise SourceError(f'{path}: no column {", ".join(map(repr, missing))}, it has {", ".join(lines[0])}')
    return [Row(split, line['label'], line['image']) for line in lines]


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith('I'):  # Pillow would clip these values, not scale them
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert('RGBA')
        image = Image.alpha_composite(Image.new('RGBA', image.size, 'white'), image)
    return image.convert('RGB')
