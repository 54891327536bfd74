"""The converter against pixels computed from the arrays in natural order, and what it does when it is interrupted."""

import csv
import hashlib
import json

import cv2
import h5py
import numpy as np
import pytest

from fdkd.datasets.prepare import nyu
from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.prepare.nyu import convert_nyu
from fdkd.version import __version__

SIZE = (64, 48)


def read_frame(out, frame):
    paths = out / 'rgb' / f'{frame:04d}.jpg', out / 'depth' / f'{frame:04d}.png', out / 'label40' / f'{frame:04d}.png'
    return [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]


def expected_labels(files):
    """The raw labels of all frames through the mapping, one value at a time."""
    to_40 = [0, *files.mapping['mapClass'].ravel().tolist()]
    return np.array([to_40[raw] for raw in files.labels.ravel().tolist()]).reshape(files.labels.shape)


def contents(folder):
    """Every file but the manifest, which has the time of day."""
    files = {path.relative_to(folder): path for path in folder.rglob('*') if path.is_file()}
    return {str(name): path.read_bytes() for name, path in files.items() if name.name != 'manifest.json'}


def die_after(frames, files):
    """A conversion of ``files`` that is interrupted while it encodes the frame after the first ``frames``."""
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, frames)
        with pytest.raises(KeyboardInterrupt):
            convert_nyu(**files.sources, out=files.out, size=SIZE)


def stop_after(monkeypatch, frames, error=KeyboardInterrupt):
    """Lets the converter die while it encodes the frame after the first ``frames``; returns the frames encoded."""
    encode, seen = nyu.encode_frame, []

    def encode_or_die(labeled, frame, table, size):
        if len(seen) == frames:
            raise error
        seen.append(frame)
        return encode(labeled, frame, table, size)

    monkeypatch.setattr(nyu, 'encode_frame', encode_or_die)
    return seen


def test_every_pixel_arrives(small_set):
    convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    millimetres = [[[round(float(metres) * 1000) for metres in row] for row in frame] for frame in small_set.depth]
    labels = expected_labels(small_set)
    for frame in range(1, 7):
        bgr, depth, label = read_frame(small_set.out, frame)
        assert depth.dtype == np.uint16
        np.testing.assert_array_equal(depth, millimetres[frame - 1])
        assert label.dtype == np.uint8
        np.testing.assert_array_equal(label, labels[frame - 1])
        assert np.abs(bgr[..., ::-1].astype(int) - small_set.rgb[frame - 1]).max() <= 6


def test_splits_are_sorted_ids(small_set):
    convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    assert (small_set.out / 'train.txt').read_text() == '0002\n0003\n0005\n0006\n'
    assert (small_set.out / 'test.txt').read_text() == '0001\n0004\n'


def test_manifest_counts_and_hashes(small_set):
    manifest = convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    assert json.loads((small_set.out / 'manifest.json').read_text()) == manifest
    labels = expected_labels(small_set)
    for split, frames in {'train': [2, 3, 5, 6], 'test': [1, 4]}.items():
        chosen = labels[np.array(frames) - 1]
        assert manifest['pixels'][split] == [int((chosen == number).sum()) for number in range(41)]
    assert manifest['frames'] == {'train': 4, 'test': 2}
    assert manifest['size'] == [64, 48]
    assert manifest['fdkd_version'] == __version__
    for role, path in small_set.sources.items():
        assert manifest['sources'][role]['bytes'] == len(path.read_bytes())
    assert (
        manifest['sources']['splits']['sha256'] == hashlib.sha256(small_set.sources['splits'].read_bytes()).hexdigest()
    )

    sums = (small_set.out / 'SHA256SUMS').read_bytes()
    assert manifest['files'] == {
        'count': 6 * 3 + 3,
        'list': 'SHA256SUMS',
        'sha256_of_list': hashlib.sha256(sums).hexdigest(),
    }
    listed = dict(reversed(line.split('  ')) for line in sums.decode().splitlines())
    found = {name: hashlib.sha256(data).hexdigest() for name, data in contents(small_set.out).items()}
    assert listed == {name: digest for name, digest in found.items() if name != 'SHA256SUMS'}


def test_class_table_names_void_and_the_40(small_set):
    manifest = convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    rows = list(csv.DictReader((small_set.out / 'classes40.csv').open()))
    assert [row['name'] for row in rows][:3] == ['void', 'wall', 'floor']
    assert [int(row['test_pixels']) for row in rows] == manifest['pixels']['test']


def test_smaller_size_averages_colours_and_picks_nearest_depth_and_label(small_set):
    convert_nyu(**small_set.sources, out=small_set.out, size=(32, 32))
    rows = [int((row + 0.5) * 1.5) for row in range(32)]
    columns = [int((column + 0.5) * 2) for column in range(32)]
    bgr, depth, label = read_frame(small_set.out, 3)
    np.testing.assert_array_equal(depth, np.rint(small_set.depth[2].astype(float) * 1000)[np.ix_(rows, columns)])
    np.testing.assert_array_equal(label, expected_labels(small_set)[2][np.ix_(rows, columns)])
    # the colours are linear in x and y, so that an area's mean is the value at its middle
    y, x = np.mgrid[:32, :32]
    red, green = 4 * ((x + 0.5) * 2 - 0.5), 5 * ((y + 0.5) * 1.5 - 0.5)
    assert np.abs(bgr[..., 2] - red).max() <= 6
    assert np.abs(bgr[..., 1] - green).max() <= 6


def test_reads_one_frame_at_a_time(small_set, monkeypatch):
    read, largest = h5py.Dataset.__getitem__, {}

    def measured(dataset, key):
        value = read(dataset, key)
        largest[dataset.name] = max(largest.get(dataset.name, 0), np.size(value))
        return value

    monkeypatch.setattr(h5py.Dataset, '__getitem__', measured)
    convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    assert {key: largest[f'/{key}'] for key in ('images', 'depths', 'labels')} == {
        'images': 3 * 64 * 48,
        'depths': 64 * 48,
        'labels': 64 * 48,
    }


def test_killed_run_continues(small_set, monkeypatch, tmp_path):
    convert_nyu(**small_set.sources, out=tmp_path / 'whole', size=SIZE)
    partial = small_set.out.with_name('nyu.partial')
    die_after(3, small_set)
    assert not small_set.out.exists()
    assert not (partial / 'manifest.json').exists()
    written = {path.name: path.stat().st_ino for path in (partial / 'depth').iterdir()}
    assert sorted(written) == ['0001.png', '0002.png', '0003.png']

    encoded = stop_after(monkeypatch, frames=99)
    convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    assert encoded == [4, 5, 6]
    assert {name: (small_set.out / 'depth' / name).stat().st_ino for name in written} == written
    assert contents(small_set.out) == contents(tmp_path / 'whole')
    assert not partial.exists()


def test_continuing_repairs_what_the_crash_damaged(small_set, monkeypatch, tmp_path):
    convert_nyu(**small_set.sources, out=tmp_path / 'whole', size=SIZE)
    partial = small_set.out.with_name('nyu.partial')
    die_after(4, small_set)
    (partial / 'rgb' / '0002.jpg').write_bytes(b'')  # as a file system may leave it when the power fails
    journal = partial / 'journal.jsonl'
    journal.write_bytes(journal.read_bytes()[:-40])  # the last line, of frame 4, is cut off

    encoded = stop_after(monkeypatch, frames=99)
    convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    assert encoded == [2, 4, 5, 6]
    assert contents(small_set.out) == contents(tmp_path / 'whole')


def test_full_disk_leaves_nothing_that_looks_complete(small_set, monkeypatch):
    stop_after(monkeypatch, frames=2, error=OSError(28, 'No space left on device'))
    with pytest.raises(OSError, match='No space left'):
        convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    assert not small_set.out.exists()


def test_partial_of_other_parameters_is_refused(small_set):
    die_after(3, small_set)
    with pytest.raises(
        SourceError, match=r'nyu\.partial: was begun with size \[64, 48\] and not \[32, 24\]; delete it'
    ):
        convert_nyu(**small_set.sources, out=small_set.out, size=(32, 24))


def test_finished_folder_is_left_alone(small_set):
    first = convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    before = {path: path.stat().st_mtime_ns for path in small_set.out.rglob('*')}
    small_set.sources['mat'].unlink()  # the large file may have been deleted since
    assert convert_nyu(**small_set.sources, out=small_set.out, size=SIZE) == first
    assert {path: path.stat().st_mtime_ns for path in small_set.out.rglob('*')} == before


def test_finished_folder_of_other_sources_is_refused(small_set):
    convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    before = contents(small_set.out)
    with pytest.raises(SourceError, match=r'made with size \[64, 48\] and not \[32, 24\]; nothing is overwritten'):
        convert_nyu(**small_set.sources, out=small_set.out, size=(32, 24))
    small_set.splits['testNdxs'], small_set.splits['trainNdxs'] = small_set.splits.values()
    small_set.write()
    with pytest.raises(SourceError, match='made with splits sha256'):
        convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    assert contents(small_set.out) == before


def test_finished_folder_with_a_file_missing_is_refused(small_set):
    convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    (small_set.out / 'depth' / '0002.png').unlink()
    with pytest.raises(SourceError, match=r'1 of its 21 files are missing, first depth/0002\.png'):
        convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)


def test_foreign_folder_is_not_touched(small_set):
    small_set.out.mkdir()
    (small_set.out / 'mine.txt').write_text('mine')
    with pytest.raises(SourceError, match=r'nyu: exists, but holds no finished conversion .* nothing is overwritten'):
        convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    assert contents(small_set.out) == {'mine.txt': b'mine'}


def test_frames_are_not_enlarged(small_set):
    with pytest.raises(SourceError, match=r'mat\.mat: its frames are 64x48, expected at least the 640x480'):
        convert_nyu(**small_set.sources, out=small_set.out)


def test_bad_values_are_listed_with_their_frames_before_anything_is_written(small_set):
    small_set.depth[1, 0, 0] = np.nan
    small_set.depth[2, 5, 5] = -0.001
    small_set.depth[4, 5, 5] = 65.5354
    small_set.labels[[0, 2], 7, 7] = 13
    small_set.write()
    with pytest.raises(SourceError) as caught:
        convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    assert [problem.partition(': ')[2] for problem in caught.value.problems] == [
        "'labels' exceeds 12, the number of 'names' in 2 frames (1, 3)",
        "'depths' has NaN or infinite values in frame 2",
        "'depths' leaves 0..65.535 m in 2 frames (3, 5)",
    ]
    assert not small_set.out.with_name('nyu.partial').exists()


def test_extreme_values_that_fit_are_kept(small_set):
    small_set.depth[0, 0, :2] = 0, 65.535
    small_set.labels[0, 0, :2] = 0, 12
    small_set.write()
    convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    _, depth, label = read_frame(small_set.out, 1)
    assert depth[0, :2].tolist() == [0, 65535]
    assert label[0, :2].tolist() == [0, 2]


def test_damaged_pixels_name_the_frame(small_set):
    with h5py.File(small_set.sources['mat']) as file:
        chunk = file['images'].id.get_chunk_info(1)  # frames 3 and 4
    with open(small_set.sources['mat'], 'r+b') as file:
        file.seek(chunk.byte_offset + 20)
        file.write(b'\xff' * 200)
    with pytest.raises(SourceError, match="frame 3 of 'images' is damaged"):
        convert_nyu(**small_set.sources, out=small_set.out, size=SIZE)
    assert not small_set.out.exists()
