"""NYU-Depth V2 (Silberman et al., ECCV 2012): 1449 indoor RGB-D frames with 40 classes."""

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from fdkd.datasets.absent import no_folder
from fdkd.datasets.base import MultimodalDataset
from fdkd.errors import DataError
from fdkd.registry import DATASETS

#: The 40 classes of Gupta et al. (CVPR 2013), in the order of their numbers 1..40; the spelling is the official one.
CLASSES = (
    *('wall', 'floor', 'cabinet', 'bed', 'chair', 'sofa', 'table', 'door', 'window', 'bookshelf'),
    *('picture', 'counter', 'blinds', 'desk', 'shelves', 'curtain', 'dresser', 'pillow', 'mirror', 'floor mat'),
    *('clothes', 'ceiling', 'books', 'refridgerator', 'television', 'paper', 'towel', 'shower curtain', 'box'),
    *('whiteboard', 'person', 'night stand', 'toilet', 'sink', 'lamp', 'bathtub', 'bag'),
    *('otherstructure', 'otherfurniture', 'otherprop'),
)


def bit_palette(size: int) -> list[list[int]]:
    """``size`` distinct RGB colours: colour ``i`` spreads the bits of ``i + 1`` over the high bits of R, G and B."""
    return [
        [sum((number >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8)) for channel in range(3)]
        for number in range(1, size + 1)
    ]


@DATASETS.register_module()
class NYUDepthV2(MultimodalDataset):
    """RGB, depth and 40-class label maps in the layout that ``fdkd prepare nyu`` writes.

    ``rgb/ID.jpg``; ``depth/ID.png`` (16 bit, millimetres, 0 = hole); ``label40/ID.png`` (0 = void, 1..40);
    ``{split}.txt`` with one id a line.

    Args: as :class:`~fdkd.datasets.base.MultimodalDataset`; ``split`` is ``'train'`` (795) or ``'test'`` (654).

    Raises:
        DataError: If the root or split file is absent, the split is empty or repeats an id, or a file is missing that
            is not ``optional`` or that every sample lacks.
    """

    METAINFO: ClassVar[dict] = {'classes': CLASSES, 'palette': bit_palette(len(CLASSES))}
    MODALITIES = ('rgb', 'depth')
    FILES: ClassVar[dict[str, tuple[str, str]]] = {
        'rgb': ('rgb', '.jpg'),
        'depth': ('depth', '.png'),
        'label': ('label40', '.png'),
    }

    def load_data_list(self) -> list[dict]:
        root = Path(self.data_root)
        if not root.is_dir():
            raise DataError(no_folder(self.data_root, 'nyu'))
        ids = self._read_split(root / f'{self.split}.txt')
        kinds = (*self.modalities, 'label')
        absent = {kind: dict.fromkeys(self._missing(root, kind, ids)) for kind in kinds}
        # What no sample has is no gap: the folder is missing, or the wrong one.
        needed = [kind for kind in kinds if kind not in self.optional or len(absent[kind]) == len(ids)]
        if missing := [self._path(root, kind, sample) for kind in needed for sample in absent[kind]]:
            shown = ', '.join(map(str, missing[:5])) + (', ...' if len(missing) > 5 else '')
            raise DataError(f'{root / self.split}.txt names {len(missing)} files that do not exist: {shown}')
        return [self._entry(root, sample, [kind for kind in kinds if sample not in absent[kind]]) for sample in ids]

    def _entry(self, root: Path, sample: str, present: list[str]) -> dict[str, Any]:
        files = {f'{kind}_path': str(self._path(root, kind, sample)) for kind in present}
        return {'sample_id': sample, 'num_classes': len(CLASSES), 'present': tuple(present), **files}

    def _read_split(self, path: Path) -> list[str]:
        if not path.is_file():
            raise DataError(f'{path}: no such split file')
        try:
            ids = path.read_text(encoding='utf-8-sig').split()
        except UnicodeDecodeError as error:
            raise DataError(f'{path}: not a text file, expected one frame id a line') from error
        if not ids:
            raise DataError(f'{path}: the split is empty, expected one frame id a line')
        if repeated := sorted(sample for sample, times in Counter(ids).items() if times > 1):
            raise DataError(f'{path}: {len(repeated)} ids stand there twice, the first is {repeated[0]}')
        return ids

    def _path(self, root: Path, kind: str, sample: str) -> Path:
        folder, suffix = self.FILES[kind]
        return root / folder / f'{sample}{suffix}'

    def _missing(self, root: Path, kind: str, ids: list[str]) -> list[str]:
        folder, suffix = self.FILES[kind]
        there = {path.name for path in (root / folder).iterdir()} if (root / folder).is_dir() else set()
        return [sample for sample in ids if f'{sample}{suffix}' not in there]
