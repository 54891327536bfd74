"""The report of a check: tables for people, a CSV and a JSON file for programs."""

import csv
import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prettytable import PrettyTable

from fdkd.doctor.findings import SEVERITIES, Finding
from fdkd.doctor.tally import Tally
from fdkd.files import finite, write_json, written_whole
from fdkd.printable import printable

#: More classes than this are not shown one by one.
_CLASSES_SHOWN = 50
_WIDTH = {'value': 70, 'file': 40, 'sample': 24}


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        config: The config's file.
        data_root: Folder of the data.
        findings: All findings, errors first, else in the order of splits and samples.
        tallies: What each split that could be listed consists of.
        seconds: How long reading took.
    """

    config: str
    data_root: str
    findings: list[Finding]
    tallies: list[Tally]
    seconds: float

    def count(self, severity: str, split: str | None = None) -> int:
        """Number of findings, of one split or of all."""
        return sum(one.severity == severity and split in (None, one.split) for one in self.findings)

    @property
    def verdict(self) -> str:
        """``'errors'``, ``'warnings'`` or ``'clean'``."""
        return 'errors' if self.count('error') else 'warnings' if self.count('warning') else 'clean'

    def write_csv(self, path: Path) -> None:
        """One line per finding, with a header; whole or not at all.

        Values are as they were found, for programs that look them up by id: a spreadsheet may take one that begins with
        ``=``, ``+``, ``-`` or ``@`` for a formula, unless the columns are imported as text.
        """
        with (
            written_whole(path) as partial,
            partial.open('w', newline='', encoding='utf-8', errors='backslashreplace') as file,
        ):
            writer = csv.writer(file)
            writer.writerow(Finding._fields)
            writer.writerows(self.findings)

    def write_json(self, path: Path) -> None:
        """Findings and the numbers of each split; whole or not at all."""
        values: dict[str, Any] = {
            'config': self.config,
            'data_root': self.data_root,
            'verdict': self.verdict,
            'seconds': self.seconds,
            'splits': {tally.name: tally.summary() for tally in self.tallies},
            'findings': [finding._asdict() for finding in self.findings],
        }
        write_json(path, finite(values))

    def text(self, show: int = 5) -> str:
        """The tables, with the first ``show`` findings of each kind, and the verdict in one line."""
        parts = [self._findings(show), *filter(None, [self._classes()]), self._splits(), self._verdict()]
        return printable('\n'.join(filter(None, parts)))

    def _findings(self, show: int) -> str:
        kinds: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
        for one in self.findings:
            kinds[one.severity, one.split, one.modality, one.what].append(one)
        if not kinds:
            return ''
        table = _table('', ['severity', 'split', 'modality', 'what', 'sample', 'file', 'value'])
        for (severity, split, modality, what), found in kinds.items():
            for one in found[:show]:
                table.add_row(
                    [severity, split, modality, what, one.sample_id, self._place(one.file), self._short(one.value)]
                )
            if len(found) > show:
                table.add_row([severity, split, modality, what, '...', '', f'{len(found) - show:,} more like these'])
        return table.get_string()

    def _place(self, file: str) -> str:
        """A path relative to the data set's folder, where it is in it."""
        if not file:
            return ''
        path = os.path.relpath(file, self.data_root)
        return file if path.startswith('..') else path

    def _short(self, value: str) -> str:
        return value.replace(os.path.abspath(self.data_root) + os.sep, '').replace(self.data_root + os.sep, '')

    def _classes(self) -> str:
        tallies = [tally for tally in self.tallies if tally.with_class.any()]
        if not tallies or len(tallies[0].classes) > _CLASSES_SHOWN:
            return ''
        table = _table('samples that show each class', ['class', *(tally.name for tally in tallies)])
        table.align = 'r'
        table.align['class'] = 'l'
        for number, name in enumerate(tallies[0].classes):
            table.add_row([name, *(_class_count(tally, number) for tally in tallies)])
        return table.get_string()

    def _splits(self) -> str:
        if not self.tallies:
            return ''
        parts = list(dict.fromkeys(part for tally in self.tallies for part in tally.parts))
        table = _table('', ['split', 'samples', *parts, 'MB', 'classes', 'imbalance', *(f'{s}s' for s in SEVERITIES)])
        for tally in self.tallies:
            ratio = tally.imbalance()
            table.add_row(
                [
                    tally.name,
                    f'{tally.samples:,}',
                    *(f'{tally.present[part]:,}' for part in parts),
                    f'{tally.bytes / 1e6:.1f}',
                    f'{(tally.with_class > 0).sum()}/{len(tally.classes)}',
                    f'{ratio[0]:,.1f} ({ratio[1]} : {ratio[2]})' if ratio and ratio[0] > 1 else '-',
                    *(self.count(severity, tally.name) for severity in SEVERITIES),
                ]
            )
        return table.get_string()

    def _verdict(self) -> str:
        kinds = Counter(one.what for one in self.findings if one.severity != 'note')
        kinds |= Counter(missing=sum(tally.missing for tally in self.tallies))  # many of a split are one note
        listed = ', '.join(f'{what} {number}' for what, number in kinds.most_common())
        samples, files = (sum(getattr(tally, name) for tally in self.tallies) for name in ('samples', 'files'))
        numbers = {severity: self.count(severity) for severity in SEVERITIES}
        counts = ', '.join(f'{number:,} {severity}{"s" * (number != 1)}' for severity, number in numbers.items())
        read = f'{samples:,} samples, {files:,} files in {self.seconds:.0f} s'
        return f'{self.verdict}: {counts}' + (f' ({listed})' if listed else '') + f'; {read}'


def _class_count(tally: Tally, number: int) -> str:
    count = f'{tally.with_class[number]:,}'
    return f'{count} ({tally.pixels[number] / tally.pixels.sum():.2%} of pixels)' if tally.pixels.any() else count


def _table(title: str, names: list[str]) -> PrettyTable:
    table = PrettyTable(names, title=title or None, align='l')
    table.max_width.update({name: width for name, width in _WIDTH.items() if name in names})
    return table
