"""The part of a pipeline that comes out the same every time, computed once per sample."""

import hashlib
import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile
from pathlib import Path
from typing import Any

from fdkd.datasets.encoding import encode
from fdkd.datasets.steps import is_packing, is_random
from fdkd.datasets.stores import GIB, DiskStore, RamStore, available_memory
from fdkd.datasets.unreadable import not_of_the_sample
from fdkd.errors import ConfigError, DataError
from fdkd.version import __version__

#: Packages whose versions a result on disk belongs to: they decode, resample and transform.
_PACKAGES = (
    *('av', 'numpy', 'onedl-mmcv', 'onedl-mmsegmentation', 'opencv-python', 'pillow', 'scipy', 'soundfile'),
    *('tokenizers', 'torch', 'torchaudio', 'torchvision', 'transformers'),
)


def deterministic_prefix(steps: Sequence[Callable], configs: Sequence[Mapping | Callable]) -> list[Callable]:
    """The steps before the first that may draw random numbers, packs the sample, or was not built from a config."""

    def is_fixed(pair: tuple[Callable, Mapping | Callable]) -> bool:
        return not is_random(pair[0]) and not is_packing(pair[0]) and isinstance(pair[1], Mapping)

    return [step for step, _ in takewhile(is_fixed, zip(steps, configs, strict=True))]


class DiskPrefix:
    """Runs steps that draw no random numbers, once per sample, and keeps what they made in a folder.

    A result belongs to the sample's description (its id, its paths, its label, ...), to the size and time of change of
    each file or folder of files that the description names, and to what :func:`chain_identity` says of the steps.

    Args:
        steps: The steps.
        configs: Their configs.
        folder: Where results are kept, for several data sets and processes at a time.
    """

    def __init__(self, steps: Sequence[Callable], configs: Sequence[Mapping], folder: str | os.PathLike) -> None:
        self.steps, self.store, self.chain = steps, DiskStore(folder), chain_identity(steps, configs)

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        """What the steps make of a data set's ``sample``; the arrays in it are the caller's own."""
        place = sample['sample_idx']  # not part of what the sample is: indices= changes it
        values = sorted(item for item in sample.items() if item[0] != 'sample_idx')
        key = result_key(self.chain, values, [file_state(value) for _, value in values])
        results = self.store.get(key)
        if results is None:
            results = _run(self.steps, sample)
            self.store.put(key, {name: value for name, value in results.items() if name != 'sample_idx'})
        return results | {'sample_idx': place}


class RamPrefix:
    """Runs steps that draw no random numbers, once per sample, and keeps what they made in memory.

    The processes that load data for one data set share the memory; each process that trains has its own.

    Args:
        steps: The steps.
        samples: Some of the data set's samples, from which the size of all is estimated.
        count: Number of samples in the data set.
        name: What errors call the data set.
        ignored: Errors that leave one of the samples out of the estimate, unless the machine is at fault.

    Attributes:
        bytes: How much all samples take, as estimated.

    Raises:
        ConfigError: If that is more than the memory that is left, divided among this machine's training processes.
        DataError: If none of the samples can be read.
    """

    def __init__(
        self,
        steps: Sequence[Callable],
        samples: Sequence[dict[str, Any]],
        count: int,
        name: str,
        ignored: tuple[type[Exception], ...] = (),
    ) -> None:
        self.steps, sizes = steps, []
        for sample in samples:
            try:
                sizes.append(len(encode(_run(steps, sample))))
            except ignored as error:
                if not_of_the_sample(error):
                    raise
        if not sizes:
            raise DataError(f"{name}: none of {len(samples)} samples that cache='ram' looks at first can be read")
        self.bytes = count * sum(sizes) // len(sizes)
        processes = int(os.environ.get('LOCAL_WORLD_SIZE', 1))
        share = int(0.8 * available_memory()) // processes  # the rest is for models, workers and batches
        if self.bytes > share:
            each = f' for each of {processes} processes' if processes > 1 else ''
            raise ConfigError(
                f"{name}: cache='ram' takes {self.bytes / GIB:.1f} GiB, and {share / GIB:.1f} GiB are left{each}: "
                "take cache='disk', a smaller size or fewer samples"
            )
        self.store = RamStore(count, min(2 * self.bytes, share))  # the estimate may be too low

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        """What the steps make of a data set's ``sample``; the arrays in it are the caller's own."""
        place = sample['sample_idx']
        results = self.store.get(place)
        if results is None:
            results = _run(self.steps, sample)
            self.store.put(place, results)
        return results


def chain_identity(steps: Sequence[Callable], configs: Sequence[Mapping]) -> str:
    """A digest of what decides the results of ``steps``.

    These are their configs, files that these name, the source of their classes and of fdkd's own transforms, and the
    versions of the packages that decode.
    """
    files = [file_state(value) for config in configs for value in config.values()]
    parts = [__version__, library_versions(), transform_sources(), [*map(_sources, steps)], list(configs), files]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def result_key(*parts: Any) -> str:
    """A digest of values that can be encoded: 64 hexadecimal digits."""
    return hashlib.sha256(encode(parts)).hexdigest()


def file_state(value: Any) -> list[Any]:
    """Name, time of change and size of what is at a path, of a folder its files; nothing for what is no path."""
    if not isinstance(value, (str, os.PathLike)):
        return []
    try:
        paths = [value, *sorted(entry.path for entry in os.scandir(value))] if os.path.isdir(value) else [value]
        return [(str(path), status.st_mtime_ns, status.st_size) for path in paths for status in (os.stat(path),)]
    except (OSError, ValueError):  # a text, which may be longer than any path or hold zero bytes
        return []


def library_versions() -> list[str]:
    """Names and versions of the packages that decide what the transforms make of a file."""
    versions = []
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):  # an optional one
            versions.append(f'{name} {version(name)}')
    return versions


@lru_cache(maxsize=1)
def transform_sources() -> list[str]:
    """The text of fdkd's transforms and their helpers."""
    return [path.read_text() for path in sorted((Path(__file__).parent / 'transforms').glob('*.py'))]


def _sources(step: Callable) -> list[str]:
    """The text of the files that a step's class and its bases stand in, so that a changed step finds no old results."""
    texts = []
    for kind in type(step).__mro__[:-1]:
        with suppress(OSError, TypeError):  # typed at a prompt
            texts.append(inspect.getsource(inspect.getmodule(kind)))
    return texts


def _run(steps: Sequence[Callable], results: dict[str, Any]) -> dict[str, Any]:
    for step in steps:
        results = step(results)
    return results
