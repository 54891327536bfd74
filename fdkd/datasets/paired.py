"""Any data set that a table describes: an id, a label, a split, and a file or a text for each modality."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from fdkd.datasets.absent import no_folder
from fdkd.datasets.base import MultimodalDataset
from fdkd.datasets.folders import Folders
from fdkd.datasets.listing import Entry, Listing, ListingError, hold_out
from fdkd.datasets.listing_checks import (
    repeated_ids,
    shared_groups,
    shown,
    unknown_labels,
    unknown_splits,
    unseen_classes,
)
from fdkd.datasets.paired_arguments import check_classes, check_sources, check_split
from fdkd.datasets.paired_types import check_types
from fdkd.datasets.patterns import Pattern
from fdkd.errors import ConfigError, DataError
from fdkd.labels import UNLABELLED
from fdkd.registry import DATASETS


@DATASETS.register_module()
class PairedDataset(MultimodalDataset):
    """Samples of several modalities with one label each, as the rows of a csv or tsv file.

    A *pattern* is a format string over the table's columns: ``'audio/{id}.wav'``, ``'{ytid}_{start:0>6}'``. Beside the
    columns it may name ``{split}`` and, in sources, ``{sample_id}``. A sample is ``{'sample_id', 'gt_label', 'present',
    modality: value}``: ``value`` is an absolute path or the text, a modality that the sample lacks has no key, and
    ``present`` names the modalities that it has and ``'label'`` if it is labelled; ``gt_label`` is -1 if not.

    Args:
        data_root: Folder that paths are relative to.
        split: One of ``splits``, or ``'val'`` for the part that ``validation`` holds out.
        annotations: The table's file, with ``{split}`` where each split has its own. The files of splits that are not
            asked for may be absent; where they are there, they take part in the checks.
        sources: Where each modality is: a pattern of a path (a file, or a folder of frames), or ``dict(text=pattern)``
            for a text that the table itself holds. A path with an empty value in it means that the sample has none.
        classes: Names of the classes in the order of their numbers.
        id: Pattern of the sample's id.
        label: Pattern of the label, a class's name; an empty one means that the sample has none.
        group: Pattern of what several samples share, such as a speaker.
        splits: Names of all splits; the first is that of training.
        split_column: Column with the split's name, where one file holds all splits.
        columns: Names of the columns, where the file has no header row.
        delimiter: What separates values, where it is neither a comma nor, in ``.tsv``, a tab.
        merge: Class by label, for labels that are not classes themselves.
        validation: Share of the training split, the same of every class, that becomes the split ``'val'``.
        missing: Whether samples that lack a modality which is not ``optional`` are an ``'error'``, or left out and
            counted (``'skip'``). One that has no modality at all is always left out.
        **kwargs: ``modalities``, ``pipeline``, ``indices``, ``test_mode`` and ``optional`` of
            :class:`~fdkd.datasets.base.MultimodalDataset`. Samples without a label are left out and counted unless
            ``'label'`` is optional.

    Raises:
        ConfigError: If an argument cannot be meant.
        DataError: If a file is absent or is no table, or with all that is wrong with the listed samples: labels that
            are no class, repeated ids, ids in two splits, a class that training never shows, absent files.
    """

    #: Number of samples that the publishers list, by split.
    OFFICIAL: ClassVar[dict[str, int]] = {}
    #: What the groups are called.
    GROUPS: ClassVar[str] = 'groups'
    #: Subcommand of ``fdkd prepare`` that makes the folder.
    PREPARE: ClassVar[str] = ''

    def __init__(
        self,
        data_root: str,
        split: str,
        *,
        annotations: str,
        sources: Mapping[str, str | Mapping[str, str]],
        classes: Sequence[str],
        id: str = '{id}',
        label: str = '{label}',
        group: str | None = None,
        splits: Sequence[str] = ('train', 'test'),
        split_column: str = 'split',
        columns: Sequence[str] | None = None,
        delimiter: str | None = None,
        merge: Mapping[str, str] | None = None,
        validation: float = 0.0,
        missing: str = 'error',
        **kwargs: Any,
    ) -> None:
        name, optional = type(self).__name__, kwargs.get('optional', ())
        given = dict(data_root=data_root, annotations=annotations, classes=classes, splits=splits, columns=columns)
        check_types(name, given | {'merge': merge, 'validation': validation, 'optional': optional})
        self.classes, self.splits = tuple(map(str, classes)), tuple(splits)
        self.validation, self.missing = validation, missing
        check_sources(name, sources, optional)
        check_classes(name, self.classes, merge or {})
        if missing not in ('error', 'skip'):
            raise ConfigError(f"{name}: missing={missing!r}, expected 'error' or 'skip'")
        check_split(name, split, self.splits, validation)
        self.MODALITIES = tuple(sources)
        self._texts = {m: Pattern(s['text'], f'sources.{m}') for m, s in sources.items() if isinstance(s, Mapping)}
        self._paths = {m: Pattern(s, f'sources.{m}') for m, s in sources.items() if m not in self._texts}
        self._table = {
            'path': os.path.join(os.path.abspath(data_root), annotations),
            'splits': self.splits,
            'id': Pattern(id, 'id'),
            'label': Pattern(label, 'label'),
            'group': None if group is None else Pattern(group, 'group'),
            'split_column': split_column,
            'columns': columns,
            'delimiter': delimiter,
            'merge': dict(merge or {}),
        }
        super().__init__(data_root, split, **kwargs)
        self._metainfo['classes'] = self.classes

    def load_data_list(self) -> list[dict]:
        if not os.path.isdir(self.data_root):
            raise DataError(no_folder(self.data_root, self.PREPARE))
        patterns = {**self._paths, **self._texts}
        listing = Listing(**self._table, sources=[patterns[modality] for modality in self.modalities])
        everything = listing.read(self.split if self.split in self.splits else self.splits[0])
        # on the whole table, whichever split is asked for: a mistake in the test rows is told before a training
        problems = [
            *(f'{listing.path}: {problem}' for problem in unknown_splits(everything, self.splits)),
            *unknown_labels(everything, self.classes),
            *(f'{listing.path}: {problem}' for problem in repeated_ids(everything)),
        ]
        if self.validation:
            training = [entry for entry in everything if entry.split == self.splits[0]]
            held = hold_out(training, self.validation)
            rest = [entry for entry in everything if entry.split != self.splits[0]]
            everything = [e._replace(split='val') if e.sample_id in held else e for e in training] + rest
        entries = [entry for entry in everything if entry.split == self.split]
        samples, absent = self._samples(entries)
        own = self._problems(entries, samples, absent)
        problems += [f'{listing.path}, split {self.split}: {problem}' for problem in own]
        if problems:
            raise ListingError(listing.path, problems)
        self._count(everything, entries, samples, absent)
        return samples

    def _samples(self, entries: list[Entry]) -> tuple[list[dict], dict[str, list[str]]]:
        """The samples that can be used, and by modality what is absent."""
        folders, numbers = Folders(), {name: number for number, name in enumerate(self.classes)}
        root = os.path.abspath(self.data_root)
        needed = set(self.modalities) - set(self.optional)
        absent: dict[str, list[str]] = {modality: [] for modality in self.modalities}
        samples = []
        for entry in entries:
            if not entry.label and 'label' not in self.optional:
                continue
            values = {}
            for modality in self.modalities:
                pattern = self._paths.get(modality)
                if pattern is None:
                    values[modality] = self._texts[modality].fill(entry.row)
                elif pattern.lacks(entry.row):
                    absent[modality].append(f'{modality} of {entry.sample_id} (none in the table)')
                elif folders.have(path := os.path.normpath(os.path.join(root, pattern.fill(entry.row)))):
                    values[modality] = path
                else:
                    absent[modality].append(path)
            if values and needed <= values.keys():
                present = (*values, *(('label',) if entry.label else ()))
                label = numbers.get(entry.label, UNLABELLED)
                samples.append({'sample_id': entry.sample_id, 'gt_label': label, 'present': present, **values})
        return samples, absent

    def _problems(self, entries: list[Entry], samples: list[dict], absent: dict[str, list[str]]) -> list[str]:
        if not entries:
            return ['the split is empty']
        labels = {entry.label for entry in entries}
        needed = [path for modality, paths in absent.items() if modality not in self.optional for path in paths]
        problems = []
        if needed and self.missing == 'error':
            problems.append(f'{len(needed)} files do not exist: {shown(needed)}')
        elif not samples:
            why = f'their files do not exist: {shown(needed)}' if needed else 'they have no label'
            return [f'none of the {len(entries)} samples can be used, {why}']
        else:
            labels = {self.classes[sample['gt_label']] for sample in samples if 'label' in sample['present']}
        for modality in (modality for modality in self.modalities if modality in self.optional):
            if samples and not any(modality in sample for sample in samples):
                problems.append(f'no sample has {modality}: {shown(absent[modality])}')
        return problems + (unseen_classes(labels, self.classes) if self.split == self.splits[0] else [])

    def _count(
        self, everything: list[Entry], entries: list[Entry], samples: list[dict], absent: dict[str, list[str]]
    ) -> None:
        """Fills in ``counts`` and says in ``notices`` what a reader of results has to know."""
        name, listed, used = f'{type(self).__name__} {self.split}', len(entries), len(samples)
        unlabelled = sum(not entry.label for entry in entries)
        missing = listed - used - (0 if 'label' in self.optional else unlabelled)
        gaps = {m: used - sum(m in sample for sample in samples) for m in self.modalities if m in self.optional}
        self.counts.update(listed=listed, used=used, missing=missing, unlabelled=unlabelled)
        self.counts.update({f'without_{modality}': number for modality, number in gaps.items()})
        official = self.OFFICIAL.get(self.split)
        held = sum(entry.split == 'val' for entry in everything) if self.validation else 0
        if official not in (None, used + held):
            lost = f' ({missing:,} missing)' if missing else ''
            self.notices.append(f'{name}: {official:,} samples officially, {used + held:,} here{lost}')
        if missing:
            required_first = sorted(absent, key=self.optional.__contains__)
            example = self._as_given(next(path for modality in required_first for path in absent[modality]))
            self.notices.append(
                f'{name}: {missing:,} of {listed:,} samples left out for want of a file, for example {example}'
            )
        if unlabelled:
            fate = '' if 'label' in self.optional else ', they are left out'
            self.notices.append(f'{name}: {unlabelled:,} of {listed:,} samples have no label{fate}')
        for modality, number in gaps.items():
            if number:
                self.notices.append(f'{name}: {number:,} of {used:,} samples have no {modality}')
        shared, groups = shared_groups(everything) if self._table['group'] else (0, 0)
        if shared:
            self.notices.append(f'{name}: {shared:,} of {groups:,} {self.GROUPS} stand in more than one split')

    def _as_given(self, path: str) -> str:
        """A path below the data set's folder as the config has it."""
        inside = path.removeprefix(os.path.abspath(self.data_root) + os.sep)
        return path if inside == path else os.path.join(self.data_root, inside)
