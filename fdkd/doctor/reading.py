"""Reading one sample: every file of it, by the steps that training reads it with."""

from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import Dataset

from fdkd.datasets.steps import step_name
from fdkd.datasets.transforms import LoadArray, LoadFrames, Tokenize
from fdkd.doctor.causes import cause
from fdkd.doctor.chains import LABEL, Chain
from fdkd.doctor.contents import digest, text_digest
from fdkd.doctor.findings import Remark
from fdkd.doctor.looks import Look, as_numbers, look_at
from fdkd.doctor.splits import Split
from fdkd.errors import DataError


class Reading(NamedTuple):
    """What one file of a sample turned out to be.

    Attributes:
        part: The modality, or several that read this file joined by ``+``, or ``'label'``.
        file: Its path; empty for a text that the table holds.
        content: Its digest; ``None`` where it cannot be decoded or is constant: these are alike without being copies.
        bytes: Their number.
        shape: What samples of a modality usually share: height and width of an image, the shape of an array; ``None``
            for sound and text.
        stacked: Shape of what a batch takes, where it takes arrays of one shape alone; else ``None``.
        remarks: What is wrong with it.
        look: What it says; ``None`` where it cannot be decoded, or nothing decodes it.
    """

    part: str
    file: str
    content: bytes | None
    bytes: int
    shape: tuple[int, ...] | None
    stacked: tuple[int, ...] | None
    remarks: list[Remark]
    look: Look | None


class SampleReading(NamedTuple):
    """What one sample turned out to be: the number of its split, what the list says of it, and its files."""

    split: int
    sample_id: str
    present: tuple[str, ...]
    label: int | None
    readings: list[Reading]


class Samples(Dataset):
    """Item ``i`` is the :class:`SampleReading` of sample ``i`` of a split, whatever is wrong with it."""

    def __init__(self, number: int, split: Split) -> None:
        self.number, self.split = number, split
        self.parts = (*split.dataset.modalities, LABEL)

    def __len__(self) -> int:
        return len(self.split.dataset)

    def __getitem__(self, index: int) -> SampleReading:
        entry = self.split.dataset.get_data_info(index)
        files: dict[str, list[str]] = {}  # two modalities may read one file
        for part in self.parts:
            source = entry.get(f'{part}_path', entry.get(part))
            if isinstance(source, str):  # a label may be a number
                files.setdefault(source, []).append(part)
        aligned: dict[str, tuple[int, ...]] = {}
        readings = [self._read(entry, source, parts, aligned) for source, parts in files.items()]
        label = entry.get('gt_label') if LABEL in entry['present'] else None
        return SampleReading(self.number, entry['sample_id'], entry['present'], label, readings)

    def _read(
        self, entry: dict[str, Any], source: str, parts: list[str], aligned: dict[str, tuple[int, ...]]
    ) -> Reading:
        chains = [self.split.chains[part] for part in parts if part in self.split.chains]
        is_text = any(isinstance(chain.loader, Tokenize) for chain in chains)
        content, size = _content(source, is_text)
        remarks: dict[Remark, None] = {}
        look = shape = stacked = None
        for chain in chains:
            try:
                results = chain.load(entry, self.parts)
            except Exception as error:  # a decoder may raise anything at a damaged file
                remarks[Remark('error', cause(chain.loader, source), _words(error, source))] = None
                continue
            if look is None:
                shape = _shape(chain, results)
                try:
                    look = look_at(chain.loader, results, source, self.split.limits.get(chain.part, {}))
                except DataError as error:  # at one of the frames that the loader left out
                    remarks[Remark('error', 'unreadable', _words(error, source))] = None
            if 'ori_shape' in results:
                remarks |= dict.fromkeys(_misfit(chain.part, results['ori_shape'], aligned))
            faults, value = _finish(chain, results, source)
            remarks |= dict.fromkeys(faults)
            if chain.part in self.split.stacked and not faults and self.split.needed <= set(entry['present']):
                stacked = None if value is None else tuple(np.shape(value))
        found = [*(look.remarks if look else ()), *remarks]
        if any(remark.what == 'size' for remark in found):  # which says it already
            shape = None
        if chains and (look is None or look.constant):
            content = None
        return Reading('+'.join(parts), '' if is_text else source, content, size, shape, stacked, found, look)


def _content(source: str, is_text: bool) -> tuple[bytes | None, int]:
    try:
        return text_digest(source) if is_text else digest(source)
    except (OSError, ValueError, DataError):  # the loader says it better
        return None, 0


def _shape(chain: Chain, results: dict[str, Any]) -> tuple[int, ...] | None:
    if isinstance(chain.loader, (LoadArray, LoadFrames)):
        shape = tuple(results[chain.part].shape)
        return shape[-2:] if isinstance(chain.loader, LoadFrames) else shape
    return results.get('ori_shape')


def _misfit(part: str, shape: tuple[int, ...], aligned: dict[str, tuple[int, ...]]) -> list[Remark]:
    """A remark if the image has another size than the sample's first one."""
    aligned[part] = shape
    first, expected = next(iter(aligned.items()))
    if shape == expected:
        return []
    return [Remark('error', 'size', f'{shape[1]}x{shape[0]} pixels, {first} has {expected[1]}x{expected[0]}')]


def _finish(chain: Chain, results: dict[str, Any], source: str) -> tuple[list[Remark], Any]:
    """What the steps after the loader have to say, and what they make of the part."""
    for step in chain.rest:
        try:
            results = step(results)
        except Exception as error:  # as above
            return [Remark('error', 'unusable', f'{step_name(step)}: {_words(error, source)}')], None
        if results is None:
            return [Remark('error', 'unusable', f'{step_name(step)}: drops the sample')], None
    result = results.get(chain.part)
    value = as_numbers(result) if chain.rest else None
    if value is not None and value.dtype.kind == 'f' and not np.isfinite(value).all():
        bad = np.count_nonzero(~np.isfinite(value))
        text = f'{bad} of {value.size} values behind {step_name(chain.rest[-1])}'
        return [Remark('error', 'not finite', text)], result
    return [], result


def _words(error: Exception, source: str) -> str:
    """An error's message without the path, which has a column of its own."""
    text = str(error).removeprefix(f'{source}: ')
    return text if isinstance(error, DataError) else f'{type(error).__name__}: {text}'
