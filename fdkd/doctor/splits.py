"""Which splits a config's data set has, each with all its samples and all modalities, also those with gaps."""

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mmengine.config import Config

from fdkd.datasets.base import MultimodalDataset
from fdkd.datasets.collate import collate_pairs
from fdkd.datasets.listing import ListingError
from fdkd.datasets.paired import PairedDataset
from fdkd.datasets.transforms import LoadArray
from fdkd.doctor.chains import LABEL, Chain, chain, is_whole
from fdkd.doctor.findings import Finding
from fdkd.errors import ConfigError, DataError, FdkdError
from fdkd.models.preprocessor import MultimodalPreprocessor
from fdkd.registry import DATASETS, MODELS

#: What a config says of how much of a data set is used, and how: the check reads all of it.
_USE = (
    *('modalities', 'pipeline', 'indices', 'test_mode', 'optional', 'missing', 'mispair', 'views'),
    *('cache', 'cache_folder', 'on_error'),
)


class Split(NamedTuple):
    """One split to check.

    Attributes:
        name: Its name.
        dataset: All its samples, with no step of a pipeline.
        chains: How the config reads each modality, and ``'label'``; those that it does not read are not in it.
        required: What the config's own data set refuses to be without.
        limits: By modality what the data preprocessor takes: ``clip``, ``hole``.
        stacked: Arrays that the config puts into batches as they come out of their chains, hence of one shape.
        needed: What a sample must have to be in these batches.
    """

    name: str
    dataset: MultimodalDataset
    chains: dict[str, Chain]
    required: frozenset[str]
    limits: dict[str, Any]
    stacked: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()


def find_splits(cfg: Config) -> tuple[list[Split], list[Finding]]:
    """The splits that the data loaders of a config name, in their order, then those that only the data set knows.

    Returns:
        The splits that can be listed, and what is wrong with others and with lists: of splits that the config does not
        name a warning, since nobody may have prepared them.

    Raises:
        ConfigError: If a data set is none of fdkd's.
    """
    limits = cfg.model.get('data_preprocessor', {}).get('modalities', {})
    found, others = {}, {}
    for name, config, batched in _named(cfg):
        split, findings = _split(name, config, limits, True)
        if split and batched:
            split = split._replace(**_stacking(config, split))
        found[name] = split, findings
        others |= dict.fromkeys(_listed(split.dataset) if split else (), config)  # the last reads without augmentation
    for name, config in others.items():
        if name not in found:
            found[name] = _split(name, {**config, 'split': name}, limits, False)
    splits = [split for split, _ in found.values() if split]
    return splits, _merged(finding for _, findings in found.values() for finding in findings)


def _merged(findings: Iterable[Finding]) -> list[Finding]:
    """A mistake of a table that keeps several splits from being listed is one finding."""
    merged: dict[Finding, Finding] = {}
    for one in findings:
        key = one._replace(severity='', split='') if one.what == 'listing' else one
        first = merged.setdefault(key, one)
        if first is not one:
            merged[key] = first._replace(split=f'{first.split}, {one.split}')
    return list(merged.values())


def _named(cfg: Config) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Name and data set of each split, once, and whether fdkd itself makes batches of several of its samples.

    Another data set with a split of the same name gets a name of its own.
    """
    seen: dict[str, str] = {}
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if not cfg.get(loader):
            continue
        config = cfg[loader].dataset.to_dict()
        name = str(config.get('split', loader.removesuffix('_dataloader')))
        identity = json.dumps(_whole(config), sort_keys=True, default=str)
        if identity in seen.values():
            continue
        name = f'{name} of {loader}' if name in seen else name
        seen[name] = identity
        yield name, config, _stacks(cfg, cfg[loader])


def _stacks(cfg: Config, loader: Mapping[str, Any]) -> bool:
    """Whether several samples of a loader become one batch, by nothing but fdkd's own means."""
    kind, collate = cfg.model.get('data_preprocessor', {}).get('type'), loader.get('collate_fn')
    collate = collate.get('type') if isinstance(collate, Mapping) else collate
    own = (MODELS.get(kind) if isinstance(kind, str) else kind) is not MultimodalPreprocessor
    if own or collate not in (None, 'fdkd.collate_pairs', 'collate_pairs', collate_pairs):
        return False
    return loader.get('batch_size', 1) > 1


def _whole(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in _USE}


def _listed(dataset: MultimodalDataset) -> tuple[str, ...]:
    """The splits that a data set's own list knows."""
    return (*getattr(dataset, 'splits', ()), *(('val',) if getattr(dataset, 'validation', 0) else ()))


def _split(
    name: str, config: dict[str, Any], limits: Mapping[str, Any], named: bool
) -> tuple[Split | None, list[Finding]]:
    try:
        dataset = _build(config)
    except DataError as error:
        severity = 'error' if named else 'warning'
        problems = error.problems if isinstance(error, ListingError) else [str(error)]
        return None, [Finding(severity, name, '', '', '', 'listing', problem) for problem in problems]
    required = _required(config, dataset) if named else frozenset()
    # gaps are told apart, sample by sample
    notices = [notice for notice in dataset.notices if ' samples have no ' not in notice]
    findings = [Finding('note', name, '', '', '', 'listing', notice) for notice in notices]
    if gone := dataset.counts.get('missing', 0):  # by name they are in the data set's list alone
        severity = 'error' if required else 'warning'
        findings.append(Finding(severity, name, '', '', '', 'missing', f'{gone} listed samples have no file at all'))
    chains = {}
    for part in (*dataset.modalities, LABEL):
        try:
            if found := chain(config.get('pipeline', ()), part):
                chains[part] = found
            elif part != LABEL:
                text = 'no step of the pipeline reads it: its files are compared but not decoded'
                findings.append(Finding('note', name, '', part, '', 'no loader', text))
        except FdkdError as error:
            findings.append(Finding('error', name, '', part, '', 'no loader', str(error)))
    return Split(name, dataset, chains, required, dict(limits)), findings


def _stacking(config: Mapping[str, Any], split: Split) -> dict[str, frozenset[str]]:
    """``stacked`` and ``needed`` of a split whose samples come in batches; nothing where only some are used."""
    if config.get('indices') is not None:
        return {}
    loaded = frozenset(config.get('modalities') or split.dataset.modalities)
    arrays = {part for part in loaded if isinstance(getattr(split.chains.get(part), 'loader', None), LoadArray)}
    arrays = {part for part in arrays if not split.limits.get(part, {}).get('tokens')}  # which are padded
    stacked = frozenset(part for part in arrays if is_whole(config.get('pipeline', ()), split.chains[part]))
    return {'stacked': stacked, 'needed': (loaded | {LABEL}) - set(config.get('optional', ()))}


def _build(config: Mapping[str, Any]) -> MultimodalDataset:
    """The data set with all its samples, whatever they lack."""
    kind = config['type'] if inspect.isclass(config['type']) else DATASETS.get(config['type'])
    if kind is None or not issubclass(kind, MultimodalDataset):
        raise ConfigError(f'{config["type"]}: check_data reads data sets that derive from MultimodalDataset')
    gaps = {'optional': (*config.get('sources', kind.MODALITIES), LABEL)}
    if issubclass(kind, PairedDataset):
        gaps['missing'] = 'skip'
    return DATASETS.build({**_whole(config), **gaps})


def _required(config: Mapping[str, Any], dataset: MultimodalDataset) -> frozenset[str]:
    """What a sample may not lack; a :class:`PairedDataset` leaves out samples without a label by itself."""
    loaded, optional = config.get('modalities') or dataset.modalities, config.get('optional', ())
    if isinstance(dataset, PairedDataset):
        skips = {**getattr(type(dataset), 'LAYOUT', {}), **config}.get('missing', 'error') == 'skip'
        return frozenset() if skips else frozenset(loaded) - set(optional)
    return frozenset((*loaded, LABEL)) - set(optional)
