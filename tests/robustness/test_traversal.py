"""Lists, journals and names of samples make no file outside the folder that is being made."""

import json

import h5py
import numpy as np
import pytest
from PIL import Image

from fdkd.apis.presentation.classification import write_predictions
from fdkd.commands.prepare import main
from fdkd.datasets import PairedDataset
from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.prepare.nyu_source import open_sources
from fdkd.datasets.prepare.partial import PartialFolder, finished, leads_astray
from fdkd.datasets.prepare.samples import Encoded, Job, convert
from fdkd.datasets.prepare.tally import Row
from fdkd.datasets.stores import DiskStore
from fdkd.datasets.transforms.cache import Cached
from fdkd.doctor.findings import Finding
from fdkd.doctor.report import Report
from fdkd.errors import DataError
from fdkd.report.predictions import read_predictions

#: Names that would leave a folder, on this system or another, or take the place of its own files.
ASTRAY = (
    '../x', 'a/../../x', '/x', '//server/x', '..', '', '.', './', 'C:/x', 'C:x', '..\\x', 'a\\..\\..\\x', '\\x', 'a\0b',
    'a\nb', 'a\x1b[2J', 'manifest.json', './journal.jsonl', 'SHA256SUMS', 'Journal.jsonl',
)  # fmt: skip
FINE = ('a', 'a.b', 'a/b', '..a', 'a..b', '-a', 'a b', 'ä', '=1+1', 'a/manifest.json', "a'b", '...')


def everything(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob('*')}


@pytest.mark.parametrize('name', ASTRAY)
def test_names_that_lead_astray(name):
    assert leads_astray(name)


@pytest.mark.parametrize('name', FINE)
def test_names_that_stay(name):
    assert not leads_astray(name)


class TestConverters:
    @pytest.mark.parametrize('name', ASTRAY)
    def test_a_listed_name_is_refused_before_anything_is_written(self, tmp_path, name):
        rows = [Row('train', 'x', 'good'), Row('train', 'x', name)]
        job = Job('set', rows, {'good': 1, name: 1}, lambda name, _: Encoded({name: b'x'}), {}, {}, 'none')
        with pytest.raises(SourceError, match=r'set: the lists name .* expected a name within the folder'):
            convert(job, tmp_path / 'in' / 'set', 1)
        assert everything(tmp_path) == set()

    def test_a_sample_does_not_take_the_place_of_a_list(self, tmp_path):
        rows = [Row('train', 'x', 'train.csv')]
        job = Job('set', rows, {'train.csv': 1}, lambda name, _: Encoded({name: b'x'}), {'train.csv': b''}, {}, 'none')
        with pytest.raises(SourceError, match=r"the lists name 'train[.]csv'"):
            convert(job, tmp_path / 'set', 1)
        assert everything(tmp_path) == set()

    @pytest.mark.parametrize('name', ASTRAY)
    def test_no_converter_can_write_elsewhere(self, tmp_path, name):
        folder = PartialFolder(tmp_path / 'set', {})
        folder.begin()
        before = everything(tmp_path)
        with pytest.raises(SourceError, match=r"set[.]partial: 'one' would write"):
            folder.add('one', {'fine': b'1', name: b'2'})
        assert everything(tmp_path) == before
        assert folder.samples == {}

    def test_nor_through_a_link(self, tmp_path):
        folder = PartialFolder(tmp_path / 'set', {})
        folder.begin()
        (tmp_path / 'other').mkdir()
        (folder.path / 'audio').symlink_to(tmp_path / 'other')
        with pytest.raises(SourceError, match='expected a name within the folder'):
            folder.add('one', {'audio/a.wav': b'1'})
        assert everything(tmp_path / 'other') == set()

    def test_crisismmd_as_the_user_starts_it(self, tmp_path, capsys):
        lists, images = tmp_path / 'lists', tmp_path / 'images'
        (images / 'data_image').mkdir(parents=True)
        lists.mkdir()
        Image.new('RGB', (4, 4)).save(tmp_path / 'stolen.png')
        Image.new('RGB', (4, 4)).save(images / 'data_image' / 'a.png')
        head = 'event_name\ttweet_id\timage_id\ttweet_text\timage\tlabel\n'
        for split, image in (('train', '../stolen.png'), ('dev', 'data_image/a.png'), ('test', 'data_image/a.png')):
            row = f'e\t1\t1\ttext\t{image}\tnot_humanitarian\n'
            (lists / f'task_humanitarian_text_img_agreed_lab_{split}.tsv').write_text(head + row)
        before = everything(tmp_path)
        out = tmp_path / 'deep' / 'set'
        arguments = ['--annotations', str(lists), '--images', str(images), '--out', str(out), '--workers', '1']
        assert main(['crisismmd', *arguments]) == 1
        assert "error: crisismmd: the lists name '../stolen.png'" in capsys.readouterr().err
        assert everything(tmp_path) == before

    def test_a_journal_and_a_list_of_hashes_lead_to_reading_alone(self, tmp_path):
        """What a killed run left is believed only as far as its hashes fit, and nothing is deleted for it."""
        (tmp_path / 'good').write_text('good')
        folder = PartialFolder(tmp_path / 'set', {'a': 1})
        folder.begin()
        entry = {'sample': 'x', 'files': {'../good': 'not its hash'}}
        with (folder.path / 'journal.jsonl').open('a') as journal:
            journal.write(json.dumps(entry) + '\n')
        again = PartialFolder(tmp_path / 'set', {'a': 1})
        assert again.samples == {}
        again.begin()
        again.add('one', {'a': b'1'})
        again.finish({}, {})
        with (tmp_path / 'set' / 'SHA256SUMS').open('a') as sums:
            sums.write('0  ../absent\n')
        with pytest.raises(SourceError, match=r'1 of its 2 files are missing, first \.\./absent'):
            finished(tmp_path / 'set', {'a': 1})
        assert (tmp_path / 'good').read_text() == 'good'


class TestNyu:
    """HDF5 files may refer to others, which would end up in the converted data."""

    @pytest.fixture
    def sources(self, tmp_path):
        secret = tmp_path / 'secret.h5'
        shapes = {'images': ((2, 3, 4, 5), 'u1'), 'depths': ((2, 4, 5), 'f4'), 'labels': ((2, 4, 5), 'u2')}
        for path in (secret, tmp_path / 'mat.mat'):
            with h5py.File(path, 'w') as file:
                for key, (shape, kind) in shapes.items():
                    file[key] = np.ones(shape, kind)
                names = file.create_dataset('names', (1, 1), h5py.ref_dtype)
                names[0, 0] = file.create_dataset('#refs#/a', data=np.array([[97]], np.uint16)).ref
        for name in ('splits.mat', 'mapping.mat'):
            (tmp_path / name).write_bytes(b'none')
        return tmp_path / 'mat.mat', secret, shapes['depths'][0]

    @pytest.mark.parametrize('kind', ['link', 'soft', 'external', 'virtual'])
    def test_what_lies_in_another_file_is_refused(self, sources, tmp_path, kind):
        mat, secret, shape = sources
        with h5py.File(mat, 'a') as file:
            del file['depths']
            if kind == 'link':
                file['depths'] = h5py.ExternalLink(str(secret), '/depths')
            elif kind == 'soft':
                file['way'] = h5py.ExternalLink(str(secret), '/depths')
                file['depths'] = h5py.SoftLink('/way')
            elif kind == 'external':
                file.create_dataset('depths', shape, 'f4', external=[(str(secret), 0, 4 * int(np.prod(shape)))])
            else:
                layout = h5py.VirtualLayout(shape, 'f4')
                layout[:] = h5py.VirtualSource(str(secret), 'depths', shape)
                file.create_virtual_dataset('depths', layout)
        with (
            pytest.raises(SourceError, match=r"mat[.]mat: 'depths' lies in another file, expected it in this one"),
            open_sources(mat, tmp_path / 'splits.mat', tmp_path / 'mapping.mat'),
        ):
            pass

    def test_a_text_that_lies_in_another_file_is_refused(self, sources, tmp_path):
        mat, secret, _ = sources
        with h5py.File(mat, 'a') as file:
            text = file.create_dataset('#refs#/b', (1,), 'u2', external=[(str(secret), 0, 2)])
            file['names'][0, 0] = text.ref
        with (
            pytest.raises(SourceError, match=r"mat[.]mat: a text of 'names' lies in another file"),
            open_sources(mat, tmp_path / 'splits.mat', tmp_path / 'mapping.mat'),
        ):
            pass


class TestSamples:
    """Ids and values of a table, in training and afterwards, name no file that is written."""

    IDS = ('../../x', '/etc/x', 'a\\..\\x', '=1+1', '\x1b[2Jx')

    def test_a_cache_names_its_files_itself(self, tmp_path):
        store = tmp_path / 'cache'
        cached = Cached('text', str(store), [])
        for name in self.IDS:
            cached.apply(np.ones(3), name)
        DiskStore(store).put('ab' * 32, 1)
        assert {path.suffix for path in store.rglob('*') if path.is_file()} == {'.bin'}
        assert everything(tmp_path) == {'cache', *(f'cache/{name}' for name in everything(store))}

    def test_predictions_and_findings_hold_ids_as_values(self, tmp_path):
        (tmp_path / 'out').mkdir()
        path = tmp_path / 'out' / 'predictions.csv'
        found = [{'sample_id': name, 'label': 0, 'predicted': 0, 'score': 1.0} for name in self.IDS]
        write_predictions(path, found, ['=cmd()'])
        problems = []
        assert [(row.sample_id, row.label) for row in read_predictions(path, problems)] == [
            (name, '=cmd()') for name in self.IDS
        ]
        findings = [Finding('error', 'train', name, 'imu', name, 'missing', '@x') for name in self.IDS]
        Report('c', str(tmp_path), findings, [], 0.0).write_csv(tmp_path / 'out' / 'findings.csv')
        assert everything(tmp_path) == {'out', 'out/predictions.csv', 'out/findings.csv'}

    @pytest.mark.parametrize('place', ['../elsewhere', '{folder}/elsewhere'])
    def test_a_table_may_name_files_anywhere_to_be_read(self, tmp_path, place):
        """As data sets do that list absolute paths; what is there is decoded, and nothing is written."""
        np.save(tmp_path / 'elsewhere.npy', np.ones(3, np.float32))
        (tmp_path / 'data').mkdir()
        row = place.format(folder=tmp_path)
        (tmp_path / 'data' / 'table.csv').write_text(f'id,label,split\n{row},a,train\nb,a,test\n')
        before = everything(tmp_path)
        sources = {'imu': '{id}.npy'}
        data = PairedDataset(str(tmp_path / 'data'), 'train', annotations='table.csv', sources=sources, classes=('a',))
        assert data.get_data_info(0)['imu'] == str(tmp_path / 'elsewhere.npy')
        assert everything(tmp_path) == before

    def test_a_null_byte_names_no_file(self, tmp_path):
        (tmp_path / 'table.csv').write_text('id,label,split\na\0b,a,train\n')
        with pytest.raises(DataError, match='1 files do not exist'):
            PairedDataset(str(tmp_path), 'train', annotations='table.csv', sources={'imu': '{id}.npy'}, classes=('a',))
