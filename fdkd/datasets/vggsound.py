"""VGGSound (Chen et al., ICASSP 2020): clips of ten seconds from YouTube, in 309 classes or a split of 50."""

from typing import Any, ClassVar

from fdkd.datasets.paired import PairedDataset
from fdkd.datasets.vggsound_classes import CLASSES, CLASSES_50
from fdkd.registry import DATASETS


@DATASETS.register_module()
class VGGSound(PairedDataset):
    """Sound and sight of all 309 classes.

    ``audio/CLIP.wav``, ``frames/CLIP/`` with ``CLIP`` as in ``glLQrEijrKg_000300`` (the video's name and the second at
    which the clip starts), and ``train.csv`` and ``test.csv`` with ``VIDEO,START,LABEL,SPLIT`` and no header row.
    Videos vanish from YouTube all the time, so clips without files are left out and counted.

    Arguments are those of :class:`~fdkd.datasets.paired.PairedDataset`, any of which ``**kwargs`` replaces. The
    publishers' single file of all clips is read with ``annotations='vggsound.csv'``.
    """

    METAINFO: ClassVar[dict] = {'classes': CLASSES}
    MODALITIES = ('audio', 'visual')
    OFFICIAL: ClassVar[dict[str, int]] = {'train': 183730, 'test': 15446}
    GROUPS = 'videos'
    PREPARE = 'vggsound'
    LAYOUT: ClassVar[dict[str, Any]] = {
        'annotations': '{split}.csv',
        'columns': ('ytid', 'start', 'label', 'split'),
        'id': '{ytid}_{start:0>6}',
        'group': '{ytid}',
        'sources': {'audio': 'audio/{sample_id}.wav', 'visual': 'frames/{sample_id}'},
        'missing': 'skip',  # clips vanish from YouTube every year
    }

    def __init__(self, data_root: str, split: str, **kwargs: Any) -> None:
        super().__init__(data_root, split, **{**self.METAINFO, **self.LAYOUT, **kwargs})


@DATASETS.register_module()
class VGGSound50(VGGSound):
    """The 50 classes of C2KD (Huo et al., CVPR 2024); its lists have the layout of :class:`VGGSound`'s.

    They hold 25,835 and 2,500 clips, where FD-CMKD (Liu et al., AAAI 2026) reports 29,999 and 2,497.
    """

    METAINFO: ClassVar[dict] = {'classes': CLASSES_50}
    OFFICIAL: ClassVar[dict[str, int]] = {'train': 25835, 'test': 2500}
