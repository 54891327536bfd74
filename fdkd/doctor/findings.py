"""What a check of a data set finds."""

from typing import NamedTuple

#: ``error``: training or its figures cannot be trusted; ``warning``: look at it; ``note``: worth knowing.
SEVERITIES = ('error', 'warning', 'note')


class Remark(NamedTuple):
    """What is said of one file, or of one sample or split.

    Attributes:
        severity: One of :data:`SEVERITIES`.
        what: The kind of finding in a word or two, such as ``'unreadable'``.
        value: What was found, for people.
    """

    severity: str
    what: str
    value: str


class Finding(NamedTuple):
    """One line of the report.

    Attributes:
        severity: One of :data:`SEVERITIES`.
        split: Name of the split; several that one mistake of their table keeps from being listed are joined by ``, ``.
        sample_id: The sample's id; empty where the finding is of the whole split.
        modality: The modality, or ``'label'``; several that read one file are joined by ``+``.
        file: Path of the file or folder; empty where there is none.
        what: The kind of finding.
        value: What was found.
    """

    severity: str
    split: str
    sample_id: str
    modality: str
    file: str
    what: str
    value: str


def few(total: int) -> int:
    """So many samples of ``total`` with something in common are named one by one; more are one line in all."""
    return max(3, total // 100)
