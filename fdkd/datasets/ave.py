"""AVE (Tian et al., ECCV 2018): 4143 clips of ten seconds with an event that is both seen and heard, in 28 classes."""

from typing import Any, ClassVar

from fdkd.datasets.paired import PairedDataset
from fdkd.registry import DATASETS

#: In the order of the official ``Annotations.txt``.
CLASSES = (
    *('Church bell', 'Male speech, man speaking', 'Bark', 'Fixed-wing aircraft, airplane', 'Race car, auto racing'),
    *('Female speech, woman speaking', 'Helicopter', 'Violin, fiddle', 'Flute', 'Ukulele', 'Frying (food)', 'Truck'),
    *('Shofar', 'Motorcycle', 'Acoustic guitar', 'Train horn', 'Clock', 'Banjo', 'Goat', 'Baby cry, infant cry'),
    *('Bus', 'Chainsaw', 'Cat', 'Horse', 'Toilet flush', 'Rodents, rats, mice', 'Accordion', 'Mandolin'),
)


@DATASETS.register_module()
class AVE(PairedDataset):
    """Sound and sight of an event.

    ``audio/VIDEO.wav``, ``frames/VIDEO/``, and ``trainSet.txt``, ``valSet.txt`` and ``testSet.txt`` with
    ``CATEGORY&VIDEO&QUALITY&START&END`` and no header row. The official lists name 28 videos twice within a split and
    18 in two splits, each time with another category; a sample's id is therefore the video and the category.

    Args: as :class:`~fdkd.datasets.paired.PairedDataset`, any of which ``**kwargs`` replaces.
    """

    METAINFO: ClassVar[dict] = {'classes': CLASSES}
    MODALITIES = ('audio', 'visual')
    OFFICIAL: ClassVar[dict[str, int]] = {'train': 3339, 'val': 402, 'test': 402}
    GROUPS = 'videos'
    PREPARE = 'ave'
    LAYOUT: ClassVar[dict[str, Any]] = {
        'annotations': '{split}Set.txt',
        'columns': ('category', 'video', 'quality', 'start', 'end'),
        'delimiter': '&',
        'splits': ('train', 'val', 'test'),
        'id': '{video} {category}',
        'label': '{category}',
        'group': '{video}',
        'sources': {'audio': 'audio/{video}.wav', 'visual': 'frames/{video}'},
        'missing': 'skip',  # prepare_data.py leaves out what is silent or unreadable
    }

    def __init__(self, data_root: str, split: str, **kwargs: Any) -> None:
        super().__init__(data_root, split, **{**self.METAINFO, **self.LAYOUT, **kwargs})
