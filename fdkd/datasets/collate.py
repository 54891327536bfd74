"""From samples to a batch, where a sample may lack a modality."""

from collections.abc import Sequence
from typing import Any

from torch.utils.data import get_worker_info

from fdkd.datasets.parcel import Parcel
from fdkd.errors import ConfigError
from fdkd.registry import FUNCTIONS


@FUNCTIONS.register_module()
def collate_pairs(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Lists the inputs of each modality, of those samples that have it, and all ``data_samples``.

    The rows of a modality stay in the order of the batch; which samples they belong to is in ``present`` of the
    samples' metainfo. From a loader's worker the batch travels as a :class:`~fdkd.datasets.parcel.Parcel`.

    Raises:
        ConfigError: If the samples are not packed.
    """
    if any('inputs' not in sample for sample in samples):
        raise ConfigError(
            'the pipeline packs nothing: its last step has to, such as PackClassification or PackSegmentation'
        )
    modalities = dict.fromkeys(name for sample in samples for name in sample['inputs'])
    batch = {
        'inputs': {
            name: [sample['inputs'][name] for sample in samples if name in sample['inputs']] for name in modalities
        },
        'data_samples': [sample['data_samples'] for sample in samples],
    }
    return batch if get_worker_info() is None else Parcel(batch)
