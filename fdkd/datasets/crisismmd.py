"""CrisisMMD (Alam et al., ICWSM 2018; splits of Ofli et al., ISCRAM 2020): tweets with pictures of seven disasters."""

from typing import Any, ClassVar

from fdkd.datasets.paired import PairedDataset
from fdkd.registry import DATASETS


@DATASETS.register_module()
class CrisisMMD(PairedDataset):
    """Text and image of the humanitarian task, of those pairs whose text and image were given the same label.

    ``task_humanitarian_text_img_agreed_lab_{train,dev,test}.tsv`` beside the folder ``data_image/``, both as published.
    The text stands in the column ``tweet_text``, the image's path in ``image``. Of the eight labels, injured, dead,
    missing and found people join the affected individuals, and vehicle damage that of infrastructure and utilities, as
    in FD-CMKD (Liu et al., AAAI 2026).

    Args: as :class:`~fdkd.datasets.paired.PairedDataset`, any of which ``**kwargs`` replaces.
    """

    METAINFO: ClassVar[dict] = {
        'classes': (
            'rescue_volunteering_or_donation_effort',
            'not_humanitarian',
            'affected_individuals',
            'infrastructure_and_utility_damage',
            'other_relevant_information',
        )
    }
    MODALITIES = ('text', 'image')
    OFFICIAL: ClassVar[dict[str, int]] = {'train': 6126, 'dev': 998, 'test': 955}
    GROUPS = 'tweets'
    PREPARE = 'crisismmd'
    LAYOUT: ClassVar[dict[str, Any]] = {
        'annotations': 'task_humanitarian_text_img_agreed_lab_{split}.tsv',
        'splits': ('train', 'dev', 'test'),
        'id': '{image_id}',
        'group': '{tweet_id}',
        'sources': {'text': {'text': '{tweet_text}'}, 'image': '{image}'},
        'merge': {
            'injured_or_dead_people': 'affected_individuals',
            'missing_or_found_people': 'affected_individuals',
            'vehicle_damage': 'infrastructure_and_utility_damage',
        },
        'missing': 'skip',  # prepare_data.py leaves out what is silent or unreadable
    }

    def __init__(self, data_root: str, split: str, **kwargs: Any) -> None:
        super().__init__(data_root, split, **{**self.METAINFO, **self.LAYOUT, **kwargs})
