"""CrisisMMD's images: copied, or rewritten where training could not read them."""

import cv2
import numpy as np
import pytest
from PIL import Image

from fdkd.datasets import CrisisMMD
from fdkd.datasets.prepare.crisismmd import convert_crisismmd, encode_image
from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.transforms.images import read_rgb

NAME = 'task_humanitarian_text_img_agreed_lab_{split}.tsv'
RED = (200, 30, 10)
HEADER = 'event_name\ttweet_id\timage_id\ttweet_text\timage\tlabel\n'
LABELS = (
    *('rescue_volunteering_or_donation_effort', 'not_humanitarian', 'injured_or_dead_people', 'vehicle_damage'),
    'other_relevant_information',
)


def save(path, mode, suffix='JPEG'):
    """A picture all in RED, as that mode has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new('RGB', (16, 12), RED)
    (picture.quantize(4) if mode == 'P' else picture.convert(mode)).save(path, suffix)


def read_back(tmp_path, encoded):
    (name,) = encoded.files
    path = tmp_path / 'back' / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encoded.files[name])
    return read_rgb(str(path))


@pytest.mark.parametrize(('mode', 'name'), [('RGB', 'a.jpg'), ('L', 'a.jpg'), ('RGB', 'a.png'), ('L', 'a.png')])
def test_plain_images_are_copied(tmp_path, mode, name):
    save(tmp_path / name, mode, 'PNG' if name.endswith('png') else 'JPEG')
    encoded = encode_image(name, tmp_path / name)
    assert encoded == ({name: (tmp_path / name).read_bytes()}, '')
    assert read_back(tmp_path, encoded).shape == (12, 16, 3)


@pytest.mark.parametrize(
    ('mode', 'kind', 'name', 'told'),
    [
        ('CMYK', 'JPEG', 'a.jpg', 'mode CMYK'),
        ('P', 'GIF', 'a.jpg', 'GIF'),
        ('P', 'PNG', 'a.png', 'mode P'),
        ('RGBA', 'PNG', 'a.png', 'mode RGBA'),
        ('RGBA', 'PNG', 'a.jpg', 'mode RGBA'),
    ],
)
def test_odd_modes_become_rgb(tmp_path, mode, kind, name, told):
    save(tmp_path / name, mode, kind)
    encoded = encode_image(name, tmp_path / name)
    assert encoded.changed == told
    np.testing.assert_allclose(read_back(tmp_path, encoded).reshape(-1, 3).astype(int), [RED] * 192, atol=4)
    with Image.open(tmp_path / 'back' / name) as written:
        assert (written.mode, written.format) == ('RGB', 'PNG' if name.endswith('png') else 'JPEG')


@pytest.mark.parametrize('channels', [1, 3])
def test_16_bits_keep_their_upper_8(tmp_path, channels):
    values = np.random.default_rng(0).integers(0, 65536, (6, 8, channels)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / 'a.png'), values)
    encoded = encode_image('a.png', tmp_path / 'a.png')
    assert encoded.changed == '16 bits'
    expected = np.broadcast_to(values[..., ::-1] >> 8, (6, 8, 3))
    assert np.array_equal(read_back(tmp_path, encoded), expected)


def test_transparent_parts_become_white(tmp_path):
    Image.new('RGBA', (4, 4), (0, 0, 0, 0)).save(tmp_path / 'a.png')
    assert (read_back(tmp_path, encode_image('a.png', tmp_path / 'a.png')) == 255).all()


@pytest.mark.parametrize('data', [b'', b'<html>', 'half'])
def test_damaged_images(tmp_path, data):
    save(tmp_path / 'a.jpg', 'RGB')
    whole = (tmp_path / 'a.jpg').read_bytes()
    (tmp_path / 'a.jpg').write_bytes(whole[: len(whole) // 2] if data == 'half' else data)
    with pytest.raises(SourceError, match=r'a\.jpg: unreadable or truncated image'):
        encode_image('a.jpg', tmp_path / 'a.jpg')


def write_lists(folder):
    lines = [f'irma\t{n}\t{n}_0\ta "quote\tdata_image/irma/{n}_0.jpg\t{label}\n' for n, label in enumerate(LABELS)]
    (folder / NAME.format(split='train')).write_text(HEADER + ''.join(lines))
    (folder / NAME.format(split='dev')).write_text(HEADER + lines[1].replace('1_0', '11_0'))
    test = lines[2].replace('2_0', '12_0') + lines[3].replace('3_0', '13_0')
    (folder / NAME.format(split='test')).write_text(HEADER + test)


@pytest.mark.parametrize('folder', ['raw', 'raw/data_image'])
def test_converted_folder_is_what_the_data_set_reads(tmp_path, folder):
    write_lists(tmp_path)
    for number in (*range(5), 11, 12):
        save(tmp_path / 'raw' / 'data_image' / 'irma' / f'{number}_0.jpg', 'CMYK' if number == 2 else 'RGB')
    out = tmp_path / 'set'
    manifest = convert_crisismmd(tmp_path, tmp_path / folder, out)
    assert manifest['splits']['test'] == dict(listed=2, found=1, usable=1, missing=1, unreadable=0, silent=0)
    assert manifest['classes']['train']['vehicle_damage']['usable'] == 1
    assert manifest['missing'] == ['data_image/irma/13_0.jpg']
    assert manifest['changed'] == {'mode CMYK': 1}
    sample = CrisisMMD(out, 'train').get_data_info(2)
    assert sample['text'] == 'a "quote'
    assert sample['gt_label'] == 2
    assert sample['image'] == str(out / 'data_image' / 'irma' / '2_0.jpg')


def test_missing_lists_images_and_columns(tmp_path, annotations):
    with pytest.raises(SourceError, match=r'_train\.tsv: missing; crisismmd_datasplit_agreed_label\.zip .* http'):
        convert_crisismmd(annotations / 'crisismmd', tmp_path, tmp_path / 'set')
    write_lists(tmp_path)
    with pytest.raises(
        SourceError, match=r'none of the 8 listed images .* data_image/irma/0_0\.jpg, \.\.\.; Crisis.* http'
    ):
        convert_crisismmd(tmp_path, tmp_path, tmp_path / 'set')
    (tmp_path / NAME.format(split='dev')).write_text('tweet_id\tlabel\n1\tx\n')
    with pytest.raises(SourceError, match=r"_dev\.tsv: no column 'image', it has tweet_id, label"):
        convert_crisismmd(tmp_path, tmp_path, tmp_path / 'set')
