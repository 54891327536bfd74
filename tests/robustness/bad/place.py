"""A small place of work, whole and trained, in which one thing at a time is broken."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fdkd.apis.train import train
from tests.support.motions import ALONE, CONFIG, TAUGHT, read_table, write_motions
from tests.support.repository import REPOSITORY

TINY = "custom_imports = dict(imports=['tests.robustness.bad.tiny'])\n"
#: What a run may leave behind that failed: its log and the copy of its config.
_RECORDS = ('*.log', '*/vis_data/*', '*/nonfinite/*', 'work_dirs/*/*/*.py')


@dataclass(frozen=True)
class Place:
    """A folder with data, configs and finished runs of two of them; commands run within it.

    Attributes:
        root: The folder.
        patch: Changes the environment, until the end of the test.
    """

    root: Path
    patch: pytest.MonkeyPatch | None = None

    @property
    def data(self):
        return self.root / 'data' / 'motions'

    @property
    def nyu(self):
        """A copy of the tiny NYU, where the test has asked for it."""
        return self.root / 'data' / 'nyu'

    @property
    def imu(self):
        """The config of the teacher."""
        return self.root / 'configs' / 'pair' / 'imu.py'

    @property
    def audio(self):
        """A config that reads waveforms."""
        return self.root / 'configs' / 'pair' / 'audio.py'

    @property
    def pair(self):
        """The config of the student."""
        return self.root / 'configs' / 'pair' / 'image_from_imu.py'

    @property
    def run(self):
        """The work dir of the student."""
        return self.root / 'work_dirs' / 'pair' / 'image_from_imu'

    @property
    def student(self):
        return self.run / 'student.pth'

    @property
    def checkpoint(self):
        return self.run / 'epoch_1.pth'

    @property
    def teacher(self):
        return self.root / 'work_dirs' / 'pair' / 'imu' / 'student.pth'

    def state(self):
        """The content of every file but the records of runs, by its path."""
        return {
            str(path.relative_to(self.root)): _digest(path)
            for path in sorted(self.root.rglob('*'))
            if path.is_file() and not any(path.relative_to(self.root).match(pattern) for pattern in _RECORDS)
        }


def _digest(path):
    """Of a file's content, by calls that no test patches."""
    file = os.open(path, os.O_RDONLY)
    try:
        return hashlib.sha256(os.read(file, 2**30)).hexdigest()
    finally:
        os.close(file)


@lru_cache
def _template(folder):
    """A trained place, made once for all tests of a session."""
    place = Place(folder / 'place')
    write_motions(place.data)
    (place.data / 'audio').mkdir()
    for number, row in enumerate(read_table(place.data)):
        tone = np.sin(np.arange(1600) * 0.05 * (1 + number % 3))
        soundfile.write(place.data / 'audio' / f'{row["id"]}.wav', 0.5 * tone, 16000)
    common = CONFIG.format(configs=str(REPOSITORY / 'configs'), root='data/motions', method='fdkd')
    common = TINY + common.replace('ResNet18', 'TinyNet')
    alone = common + ALONE
    place.pair.parent.mkdir(parents=True)
    place.imu.write_text(alone)
    place.pair.write_text(common + TAUGHT.format(teacher='configs/pair/imu.py'))
    steps = "dict(type='LoadAudio', modality='imu', seconds=0.1),\n    dict(type='Spectrogram', modality='imu')"
    audio = alone.replace("dict(type='LoadArray', modality='imu')", steps).replace('.npy', '.wav')
    place.audio.write_text(audio.replace('imu', 'audio'))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.root)
        _leave_unformatted(patch)
        train('configs/pair/imu.py')
        train('configs/pair/image_from_imu.py')
    return place


def _leave_unformatted(patch):
    """Laying out the text of a config, which every run logs and saves, takes longer than a tiny training."""
    patch.setattr('yapf.yapflib.yapf_api.FormatCode', lambda text, **_: (text, True))


@pytest.fixture(name='place')
def new_place(tmp_path, tmp_path_factory, monkeypatch):
    """A place of one's own, to be broken; the current folder."""
    root = shutil.copytree(_template(tmp_path_factory.getbasetemp()).root, tmp_path / 'place')
    monkeypatch.chdir(root)
    _leave_unformatted(monkeypatch)
    return Place(root, monkeypatch)
