"""CREMA-D (Cao et al., IEEE Transactions on Affective Computing 2014): 7442 clips of 91 actors in six emotions."""

from typing import Any, ClassVar

from fdkd.datasets.paired import PairedDataset
from fdkd.registry import DATASETS


@DATASETS.register_module()
class CREMAD(PairedDataset):
    """Voice and face of actors who speak one of twelve sentences with an emotion.

    ``audio/ID.wav``, ``frames/ID/``, and ``train.csv`` and ``test.csv`` with ``ID,LABEL`` and no header row. An id such
    as ``1001_IEO_NEU_XX`` starts with the actor's number. The split is that of OGM-GE (Peng et al., CVPR 2022), where
    all actors stand on both sides.

    Args: as :class:`~fdkd.datasets.paired.PairedDataset`, any of which ``**kwargs`` replaces.
    """

    METAINFO: ClassVar[dict] = {'classes': ('NEU', 'HAP', 'SAD', 'FEA', 'DIS', 'ANG')}
    MODALITIES = ('audio', 'visual')
    OFFICIAL: ClassVar[dict[str, int]] = {'train': 6698, 'test': 744}
    GROUPS = 'actors'
    PREPARE = 'cremad'
    LAYOUT: ClassVar[dict[str, Any]] = {
        'annotations': '{split}.csv',
        'columns': ('id', 'label'),
        'group': '{id:.4}',
        'sources': {'audio': 'audio/{id}.wav', 'visual': 'frames/{id}'},
        'missing': 'skip',  # prepare_data.py leaves out what is silent or unreadable
    }

    def __init__(self, data_root: str, split: str, **kwargs: Any) -> None:
        super().__init__(data_root, split, **{**self.METAINFO, **self.LAYOUT, **kwargs})
