"""Data sets that appear whole or not at all, whatever kills the run that makes them.

A converter works in ``OUT.partial`` and renames it to ``OUT`` when all is there. A journal in it holds one line per
finished sample, so that the next run continues. The finished folder has ``manifest.json``, which says what it was made
from, and ``SHA256SUMS``, which ``sha256sum --check`` reads.
"""

import hashlib
import json
import os
import re
from pathlib import Path, PureWindowsPath
from typing import Any

from fdkd.datasets.prepare.files import SourceError, sha256, to_json, write_bytes

MANIFEST, SUMS, JOURNAL = 'manifest.json', 'SHA256SUMS', 'journal.jsonl'
_CONTROL = re.compile(r'[\x00-\x1f\x7f-\x9f]')


def finished(out: Path, fingerprint: dict[str, Any]) -> dict[str, Any] | None:
    """The manifest of an earlier conversion with the same sources and parameters, or ``None`` where ``out`` is free.

    Args:
        out: The finished folder.
        fingerprint: What the conversion depends on. A key that is left out here is not compared, so that a source file
            may have been deleted since.

    Raises:
        SourceError: If ``out`` is something else: foreign, made differently, or with files missing.
    """
    if not out.exists():
        return None
    keep = 'nothing is overwritten: move it away or choose another output folder'
    try:
        manifest = json.loads((out / MANIFEST).read_text(encoding='utf-8'))
        made_with = manifest['fingerprint']
        names = [line.split(maxsplit=1)[1] for line in (out / SUMS).read_text(encoding='utf-8').splitlines()]
    except (OSError, ValueError, TypeError, LookupError):
        raise SourceError(f'{out}: exists, but holds no finished conversion (no readable {MANIFEST}); {keep}') from None
    if differences := _differences(made_with, fingerprint):
        raise SourceError(f'{out}: exists, but was made with {differences}; {keep}')
    if missing := [name for name in names if not (out / name).is_file()]:
        raise SourceError(f'{out}: {len(missing)} of its {len(names)} files are missing, first {missing[0]}; {keep}')
    (out / JOURNAL).unlink(missing_ok=True)  # is left where a run was killed just after the renaming
    return manifest


def leads_astray(name: str) -> bool:
    """Whether a sample's file of this name would leave its folder, on any system, or take the place of another's.

    That is an empty or absolute path, one that goes up, one with a drive, backslashes or control characters (each line
    of ``SHA256SUMS`` holds a name), and the names of the folder's own files.
    """
    path = PureWindowsPath(name)
    own = not path.parts or path in map(PureWindowsPath, (MANIFEST, SUMS, JOURNAL))
    return bool(own or path.anchor or '..' in path.parts or '\\' in name or _CONTROL.search(name))


class PartialFolder:
    """The folder ``OUT.partial`` while a data set is being written into it.

    Args:
        out: Where the data set will be. Its parent may not exist yet.
        fingerprint: What the conversion depends on, as JSON types. A folder begun with another one is refused.

    Attributes:
        begun: Whether an earlier run left something to continue.
        samples: What the journal says of each finished sample whose files are still there with the same hashes.

    Raises:
        SourceError: If ``OUT.partial`` exists and was begun with something else.
    """

    def __init__(self, out: Path, fingerprint: dict[str, Any]) -> None:
        self.out, self.path = out, out.with_name(f'{out.name}.partial')
        self.fingerprint = fingerprint
        self.samples: dict[str, dict[str, Any]] = {}
        self._journal = self.path / JOURNAL
        self.begun = self._journal.is_file()
        if self.begun:
            self._continue()
        elif self.path.exists() and any(not name.startswith('.') for name in os.listdir(self.path)):
            raise SourceError(
                f'{self.path}: exists, but no earlier run can be continued there; delete it or move it away'
            )

    def begin(self) -> None:
        """Creates the folder, or readies it to continue: the journal keeps the samples that are truly there."""
        self.path.mkdir(parents=True, exist_ok=True)
        lines = [{'fingerprint': self.fingerprint}, *self.samples.values()]
        write_bytes(self._journal, b''.join(map(_line, lines)))

    def add(self, sample: str, files: dict[str, bytes], **facts: Any) -> None:
        """Writes the files of one sample (name relative to the folder -> content), then notes it in the journal.

        Raises:
            SourceError: If a name leads out of the folder, or through a link; nothing is written then.
        """
        root = self.path.resolve()
        for name in files:
            if leads_astray(name) or not (root / name).resolve().is_relative_to(root):
                raise SourceError(f'{self.path}: {sample!r} would write {name!r}, expected a name within the folder')
        for name, data in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, data)
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        self.samples[sample] = {'sample': sample, 'files': hashes, **facts}
        with open(self._journal, 'ab') as journal:
            journal.write(_line(self.samples[sample]))

    def finish(self, files: dict[str, bytes], manifest: dict[str, Any]) -> dict[str, Any]:
        """Writes the last files, the hashes and the manifest, and renames the folder to ``out`` in one step.

        Returns:
            The manifest as written, with ``fingerprint`` and ``files`` (their number and the hash of the list).
        """
        hashes = {name: digest for sample in self.samples.values() for name, digest in sample['files'].items()}
        for name, data in files.items():
            write_bytes(self.path / name, data)
            hashes[name] = hashlib.sha256(data).hexdigest()
        sums = ''.join(f'{hashes[name]}  {name}\n' for name in sorted(hashes)).encode()
        write_bytes(self.path / SUMS, sums)
        listed = {'count': len(hashes), 'list': SUMS, 'sha256_of_list': hashlib.sha256(sums).hexdigest()}
        manifest = {**manifest, 'files': listed, 'fingerprint': self.fingerprint}
        write_bytes(self.path / MANIFEST, to_json(manifest))
        os.rename(self.path, self.out)
        (self.out / JOURNAL).unlink()
        return manifest

    def _continue(self) -> None:
        first, *samples = self._read_journal() or [{}]
        if differences := _differences(first.get('fingerprint', {}), self.fingerprint):
            raise SourceError(f'{self.path}: was begun with {differences}; delete it to start over')
        self.samples = {entry['sample']: entry for entry in samples if self._is_there(entry['files'])}

    def _read_journal(self) -> list[dict[str, Any]]:
        entries = []
        for line in self._journal.read_bytes().splitlines():
            try:
                entries.append(json.loads(line))
            except ValueError:  # half a line, where the run was killed
                break
        return entries

    def _is_there(self, files: dict[str, str]) -> bool:
        return all(
            (self.path / name).is_file() and sha256(self.path / name) == digest for name, digest in files.items()
        )


def _line(entry: dict[str, Any]) -> bytes:
    return (json.dumps(entry) + '\n').encode()


def _differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """The first entries of ``now`` that ``before`` has otherwise, in words; empty if there are none."""
    return ', '.join(f'{key} {before.get(key)} and not {now[key]}' for key in now if before.get(key) != now[key])
