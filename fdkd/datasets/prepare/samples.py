"""Converting many listed samples, one file or pair of files each, in parallel and resumably.

Whatever cannot be converted is left out and counted: a data set that is published as links loses samples every year.
"""

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from datetime import datetime, timezone
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.prepare.partial import PartialFolder, finished, leads_astray
from fdkd.datasets.prepare.progress import progress_bar
from fdkd.datasets.prepare.tally import Row, tally
from fdkd.version import __version__


class Silent(SourceError):
    """The sound of a sample is all zeros."""


class Encoded(NamedTuple):
    """What one sample was converted to.

    Attributes:
        files: Name relative to the data set's folder -> content.
        changed: What had to be changed for it to be read, or ''; the manifest counts these.
    """

    files: dict[str, bytes]
    changed: str = ''


class Job(NamedTuple):
    """A conversion in all its parts.

    Attributes:
        dataset: Name of the data set, for the manifest.
        rows: The lines of all splits.
        found: What ``encode`` reads for each sample that is there, by name.
        encode: Converts one, given its name and that of ``found``; picklable. Raises :class:`SourceError` for files
            that cannot be read and :class:`Silent` for silence.
        files: Further files to write: name -> content.
        settings: What else the result depends on, as JSON types.
        absent: What to tell if not a single sample is there.
    """

    dataset: str
    rows: Sequence[Row]
    found: Mapping[str, Any]
    encode: Callable[[str, Any], Encoded]
    files: Mapping[str, bytes]
    settings: dict[str, Any]
    absent: str


def convert(job: Job, out: Path, workers: int) -> dict[str, Any]:
    """Writes a data set, or returns the manifest of the finished one.

    A killed conversion is continued by the next call; samples that could not be read then are tried again.

    Args:
        job: What to convert.
        out: The folder to make.
        workers: Processes to share the work; 1 stays in this one.

    Returns:
        The manifest: ``splits`` and ``classes`` (:func:`~fdkd.datasets.prepare.tally.tally`), ``left_out`` (name ->
        reason, of samples that were there), ``missing`` (names), ``changed`` (what -> number), and what else tells
        conversions apart.

    Raises:
        SourceError: If no sample is there or none can be used, or ``out`` is something else.
    """
    out = Path(out).resolve()
    names = list(dict.fromkeys(row.name for row in job.rows))
    if odd := [name for name in names if leads_astray(name) or name in job.files]:
        raise SourceError(f'{job.dataset}: the lists name {odd[0]!r}, expected a name within the folder')
    lists = {f'{name} sha256': sha256(data).hexdigest() for name, data in job.files.items()}
    fingerprint = {'dataset': job.dataset, **job.settings, **lists}
    if manifest := finished(out, fingerprint):
        _refuse_more(manifest, job.found, out)
        return manifest
    partial = PartialFolder(out, fingerprint)
    if not any(name in job.found or name in partial.samples for name in names):
        raise SourceError(job.absent)
    partial.begin()
    left_out = _convert_all(partial, job, [name for name in names if name in job.found], workers)
    states = {name: _state(name, partial, left_out) for name in names}
    if not partial.samples:
        name, error = next(iter(left_out.items()))
        raise SourceError(f'{job.dataset}: none of {len(left_out)} samples can be used, first {name}: {error}')
    changed = Counter(sample['changed'] for sample in partial.samples.values() if sample['changed'])
    manifest = {
        'dataset': job.dataset,
        'fdkd_version': __version__,
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        **tally(job.rows, states),
        'changed': dict(changed),
        'left_out': {name: str(left_out[name]) for name in sorted(left_out)},
        'missing': [name for name in names if states[name] == 'missing'],
    }
    return partial.finish(dict(job.files), manifest)


def _convert_all(partial: PartialFolder, job: Job, names: list[str], workers: int) -> dict[str, SourceError]:
    """Adds all samples that are not there yet; returns why others could not be."""
    left_out = {}
    todo = [name for name in names if name not in partial.samples]
    with progress_bar('Converting', len(names), len(names) - len(todo)) as advance:
        for name, result in _results(job, todo, workers):
            if isinstance(result, SourceError):
                left_out[name] = result
            else:
                partial.add(name, result.files, changed=result.changed)
            advance(1)
    return left_out


def _results(job: Job, names: Sequence[str], workers: int) -> Iterator[tuple[str, Encoded | SourceError]]:
    tasks = ((name, job.encode, job.found[name]) for name in names)
    if workers == 1:
        yield from ((task[0], _try(*task)) for task in tasks)
        return
    # spawned, since a fork would copy locks of the progress bar's and of OpenCV's threads
    with ProcessPoolExecutor(workers, get_context('spawn')) as pool:
        running: dict[Future, str] = {}
        try:
            while True:
                # only so many at a time, since what waits to be written is in memory
                with _for_this_process_alone(signal.SIGINT):
                    for task in islice(tasks, 4 * workers - len(running)):
                        running[pool.submit(_try, *task)] = task[0]
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running[future], future.result()
                    del running[future]
        except BrokenProcessPool as error:
            several = ', '.join(list(running.values())[:workers])
            advice = 'run the same command again, with fewer --workers if memory ran out'
            raise SourceError(f'a worker process was killed, at one of {several} or a next one; {advice}') from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _for_this_process_alone(number: signal.Signals) -> Iterator[None]:
    """Processes that are started within never get this signal; this one gets it afterwards."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _try(name: str, encode: Callable[[str, Any], Encoded], source: Any) -> Encoded | SourceError:
    try:
        return encode(name, source)
    except SourceError as error:
        return error
    except OSError as error:
        return SourceError(str(error))


def _state(name: str, partial: PartialFolder, left_out: Mapping[str, SourceError]) -> str:
    if name in left_out:
        return 'silent' if isinstance(left_out[name], Silent) else 'unreadable'
    return 'usable' if name in partial.samples else 'missing'


def _refuse_more(manifest: dict[str, Any], found: Mapping[str, Any], out: Path) -> None:
    """Says that a finished data set lacks samples that have come since."""
    if new := [name for name in manifest['missing'] if name in found]:
        keep = 'nothing is overwritten: move it away or choose another output folder'
        raise SourceError(f'{out}: exists, but {len(new)} samples have come since, first {new[0]}; {keep}')
