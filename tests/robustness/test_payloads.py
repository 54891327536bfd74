"""Nothing that is read runs: every file that fdkd opens, with a payload in it that would leave a marker."""

import json
import pickle
import re
import shutil

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn

from fdkd.apis.check_data import check_data
from fdkd.apis.config import load_config
from fdkd.apis.cutoff import cutoff
from fdkd.apis.features import read_features
from fdkd.apis.options import RunOptions
from fdkd.apis.replay import replay
from fdkd.apis.test import test as score
from fdkd.apis.train import train
from fdkd.checkpoint import read_checkpoint, write_checkpoint
from fdkd.datasets.stores import DiskStore
from fdkd.datasets.transforms import LoadArray
from fdkd.datasets.transforms.images import read_rgb
from fdkd.datasets.transforms.text import load_tokenizer
from fdkd.engine.history import confine_best_checkpoint
from fdkd.engine.teacher_cache.layout import layout_of
from fdkd.engine.teacher_cache.store import RowStore, UnusableError
from fdkd.errors import CheckpointError, DataError, ExportError
from fdkd.export.reading import load as load_exported
from fdkd.models import HuggingFaceInit, ImageNetInit, ResNet18, TransformerText
from fdkd.registry import DATASETS
from fdkd.report import report
from fdkd.reproduce.fill import _read_images
from fdkd.reproduce.ledger import Ledger
from tests.models.conftest import write_bert
from tests.report.work_dirs import results, write_log, write_picture
from tests.support import payloads
from tests.support.motions import write_configs, write_motions


@pytest.fixture
def marker(tmp_path):
    """What a payload makes; it must not be there at the end of a test."""
    path = tmp_path / 'marker'
    yield path
    assert not path.exists(), 'a payload ran'


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """``data``, ``imu.py`` and ``image_from_imu.py``, and ``run``, where ``imu.py`` was trained for an epoch."""
    folder = tmp_path_factory.mktemp('runs')
    write_motions(folder / 'data')
    write_configs(folder, folder / 'data')
    train(folder / 'imu.py', work_dir=folder / 'run')
    return folder


@pytest.fixture(autouse=True)
def elsewhere(runs, tmp_path, monkeypatch):
    """Teachers that are trained on the way go to the test's own folder."""
    monkeypatch.setattr('fdkd.apis.train.WORK_DIRS', tmp_path / 'work_dirs')


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def refused(path, kind='refused, since it holds objects that would run code'):
    return pytest.raises((CheckpointError, DataError), match=f'{re.escape(str(path))}: {kind}')


def test_the_payload_works(tmp_path):
    path = payloads.write_checkpoint(tmp_path / 'a.pth', tmp_path / 'made')
    torch.load(path, weights_only=False)
    (tmp_path / 'made').rmdir()
    np.load(payloads.write_arrays(tmp_path / 'a.npy', tmp_path / 'made'), allow_pickle=True)
    (tmp_path / 'made').rmdir()
    pickle.loads(payloads.kept(tmp_path / 'made')[8:])
    (tmp_path / 'made').rmdir()
    exec(payloads.code(tmp_path / 'made'), {})
    assert (tmp_path / 'made').is_dir()


class TestCheckpoints:
    def test_teacher(self, runs, tmp_path, marker):
        path = payloads.write_checkpoint(tmp_path / 'teacher.pth', marker, meta={'modality': 'imu'})
        with refused(path):
            train(runs / 'image_from_imu.py', teacher=str(path), work_dir=tmp_path / 'run')
        assert not list(tmp_path.rglob('*student.pth'))

    def test_a_teacher_in_the_folder_of_runs_is_told_and_left(self, runs, tmp_path, marker, capsys, monkeypatch):
        folder = tmp_path / 'work_dirs' / runs.name / 'imu'
        folder.mkdir(parents=True)
        path = payloads.write_checkpoint(folder / 'student.pth', marker, meta={'finished': True})
        before = path.read_bytes()
        trained = []

        def stop(*args, **options):
            trained.append(args)
            raise DataError('far enough')

        monkeypatch.setattr('fdkd.apis.teacher.load_config', load_config)
        monkeypatch.setattr('fdkd.apis.train.Runner.from_cfg', stop)
        with pytest.raises(DataError, match='far enough'):
            train(runs / 'image_from_imu.py', work_dir=tmp_path / 'run')
        assert f'{path}: refused' in capsys.readouterr().out
        assert trained
        assert path.read_bytes() == before

    def test_resume(self, runs, tmp_path, marker):
        folder = shutil.copytree(runs / 'run', tmp_path / 'run')
        whole = torch.load(folder / 'epoch_1.pth', weights_only=True)
        torch.save(whole | {'extra': payloads.Payload(marker)}, folder / 'epoch_1.pth')
        before = contents(folder)
        with refused(folder / 'epoch_1.pth'):
            train(runs / 'imu.py', work_dir=folder, resume=True)
        after = contents(folder)
        for name in ('epoch_1.pth', 'student.pth', 'results.json', 'predictions.csv'):
            assert after[(folder / name).relative_to(folder)] == before[(folder / name).relative_to(folder)]

    def test_load_from(self, runs, tmp_path, marker):
        path = payloads.write_checkpoint(tmp_path / 'start.pth', marker)
        with refused(path):
            train(runs / 'imu.py', RunOptions(cfg_options={'load_from': str(path)}), work_dir=tmp_path / 'run')
        assert not (tmp_path / 'run' / 'student.pth').exists()

    def test_test_features_and_cutoff(self, runs, tmp_path, marker):
        path = payloads.write_checkpoint(tmp_path / 'student.pth', marker, meta={'modality': 'imu'})
        with refused(path):
            score(runs / 'imu.py', path)
        with refused(path):
            read_features(load_config(runs / 'imu.py', RunOptions()), path)
        with refused(path):
            cutoff(runs / 'image_from_imu.py', path, path, split='train')
        assert not (tmp_path / 'test').exists()

    def test_pretrained_weights_whatever_is_said_of_checkpoints(self, runs, tmp_path, marker):
        path = payloads.write_checkpoint(tmp_path / 'resnet.pth', marker)
        init = {'type': 'ImageNetInit', 'arch': 'resnet18', 'checkpoint': str(path)}
        options = RunOptions(cfg_options={'model.model.backbone.init_cfg': init})
        with refused(path):
            train(runs / 'imu.py', options, work_dir=tmp_path / 'run', unsafe_checkpoint=True)
        assert not list(tmp_path.rglob('student.pth'))

    def test_the_cache_of_downloads(self, tmp_path, marker, monkeypatch):
        monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
        (tmp_path / 'checkpoints').mkdir()
        path = payloads.write_checkpoint(tmp_path / 'checkpoints' / 'resnet18-f37072fd.pth', marker)
        with refused(path):
            ImageNetInit('resnet18')(ResNet18(in_channels=3))

    def test_a_whole_network_in_place_of_its_weights(self, tmp_path):
        torch.save(nn.Linear(1, 1), tmp_path / 'model.pth')
        with refused(tmp_path / 'model.pth'):
            read_checkpoint(tmp_path / 'model.pth')

    def test_nothing_is_allowed_beyond_what_torch_allows(self):
        for entry in torch.serialization.get_safe_globals():
            package = entry.__module__.partition('.')[0]
            own = package in ('torch', 'traceback')  # torch adds what its tensors and its processes' errors are made of
            assert own or (package == 'builtins' and issubclass(entry, BaseException)), entry


class TestUnsafe:
    """``--unsafe-checkpoint`` is the one way round, and leads to the checkpoints of one call alone."""

    def test_it_unpickles_what_it_is_meant_for(self, tmp_path):
        path = payloads.write_checkpoint(tmp_path / 'a.pth', tmp_path / 'made')
        assert 'state_dict' in read_checkpoint(path, unsafe=True)
        assert (tmp_path / 'made').is_dir()

    def test_a_teacher_that_is_trained_on_the_way_does_not_get_it(self, runs, tmp_path, monkeypatch):
        asked = []

        def stop(cfg):
            asked.append((cfg.model.type, cfg.get('unsafe_checkpoint')))
            raise DataError('far enough')

        monkeypatch.setattr('fdkd.apis.train.Runner.from_cfg', stop)
        with pytest.raises(DataError, match='far enough'):
            train(runs / 'image_from_imu.py', work_dir=tmp_path / 'run', unsafe_checkpoint=True)
        assert asked == [('SingleModality', False)]

    def test_a_config_cannot_ask_for_it(self, runs, tmp_path, marker):
        path = payloads.write_checkpoint(tmp_path / 'start.pth', marker)
        changes = {'load_from': str(path), 'unsafe_checkpoint': True}
        with refused(path):
            train(runs / 'imu.py', RunOptions(cfg_options=changes), work_dir=tmp_path / 'run')
        changes = {'model.teacher.unsafe_checkpoint': True}
        with refused(path):
            train(
                runs / 'image_from_imu.py', RunOptions(cfg_options=changes), teacher=str(path), work_dir=tmp_path / 'b'
            )


class TestConfigInACheckpoint:
    """MMEngine executes the config text that it finds in a checkpoint it resumes."""

    def test_it_is_not_executed(self, runs, tmp_path, marker):
        folder = shutil.copytree(runs / 'run', tmp_path / 'run')
        for name in ('epoch_1.pth', 'student.pth'):
            whole = torch.load(folder / name, weights_only=True)
            whole['meta']['cfg'] = payloads.code(marker)
            if 'history' in whole:
                whole['history']['info']['cfg'] = payloads.code(marker)
            write_checkpoint(whole, folder / name)
        found = train(runs / 'imu.py', work_dir=folder, resume=True)
        assert found['student']['samples'] == 6
        read_features(load_config(runs / 'imu.py', RunOptions()), folder / 'student.pth')

    def test_a_history_names_no_file_to_delete_but_its_own(self, tmp_path):
        hub = MessageHub.get_instance(tmp_path.name)
        hub.update_info_dict(
            {
                'best_ckpt': '/home/user',
                'best_ckpt_a': '/x/best_a_epoch_1.pth',
                'best_ckpt_b': '../best_b.pth',
                'best_score': 1.0,
            }
        )
        confine_best_checkpoint(hub, tmp_path)
        assert hub.runtime_info == {
            'best_ckpt_a': str(tmp_path / 'best_a_epoch_1.pth'),
            'best_ckpt_b': str(tmp_path / 'best_b.pth'),
            'best_score': 1.0,
        }


class TestHuggingFace:
    @pytest.fixture(scope='class')
    def bert(self, tmp_path_factory):
        return write_bert(tmp_path_factory.mktemp('bert'))

    @pytest.fixture
    def folder(self, bert, tmp_path):
        """A model without its weights."""
        shutil.copytree(bert, tmp_path / 'model')
        (tmp_path / 'model' / 'model.safetensors').unlink()
        return tmp_path / 'model'

    def test_pickled_weights(self, bert, folder, marker):
        payloads.write_checkpoint(folder / 'pytorch_model.bin', marker)
        with refused(folder, 'cannot be read as a Hugging Face model'):
            HuggingFaceInit(str(folder))(TransformerText(bert))

    def test_a_pickle_that_is_called_safetensors(self, bert, folder, marker):
        payloads.write_checkpoint(folder / 'model.safetensors', marker)
        with refused(folder, 'cannot be read as a Hugging Face model'):
            HuggingFaceInit(str(folder))(TransformerText(bert))

    @pytest.mark.parametrize('place', ['part.bin', '../part.bin', '{tmp}/part.bin'])
    def test_an_index_that_leads_to_a_pickle(self, bert, folder, tmp_path, marker, place):
        place = place.replace('{tmp}', str(tmp_path))
        payloads.write_checkpoint(folder / place, marker)
        weights = {'embeddings.word_embeddings.weight': place}
        (folder / 'model.safetensors.index.json').write_text(json.dumps({'metadata': {}, 'weight_map': weights}))
        with refused(folder, 'cannot be read as a Hugging Face model'):
            HuggingFaceInit(str(folder))(TransformerText(bert))

    @pytest.mark.parametrize('kind', ['bert', 'my_own'])
    def test_code_that_comes_with_a_model(self, folder, tmp_path, marker, kind, monkeypatch):
        monkeypatch.setattr('builtins.input', lambda *_: 'y')  # nobody is asked
        (folder / 'evil.py').write_text(payloads.code(marker))
        config = json.loads((folder / 'config.json').read_text())
        config |= {'model_type': kind, 'auto_map': {'AutoConfig': 'evil.Evil', 'AutoModel': 'evil.Evil'}}
        (folder / 'config.json').write_text(json.dumps(config))
        if kind == 'bert':  # the library knows how
            TransformerText(str(folder))
            return
        with refused(folder, 'cannot be read as a Hugging Face model'):
            TransformerText(str(folder))

    def test_files_of_a_tokenizer(self, folder, marker, monkeypatch):
        monkeypatch.setattr('builtins.input', lambda *_: 'y')
        (folder / 'evil.py').write_text(payloads.code(marker))
        settings = {'tokenizer_class': 'Evil', 'auto_map': {'AutoTokenizer': ['evil.Evil', None]}}
        (folder / 'tokenizer_config.json').write_text(json.dumps(settings))
        for name in ('tokenizer.json', 'vocab.txt', 'vocab.pkl', 'vocab.json', 'spiece.model'):
            (folder / name).write_bytes(payloads.pickled(marker))
        with refused(folder, 'cannot be read as a Hugging Face model'):
            load_tokenizer(str(folder))


class TestCaches:
    @pytest.mark.parametrize('write', [payloads.pickled, payloads.kept])
    def test_what_is_kept_of_samples_counts_as_damaged(self, tmp_path, marker, write):
        store = DiskStore(tmp_path)
        store.put('ab12', {'x': np.arange(3)})
        [path] = (tmp_path / 'ab').iterdir()
        path.write_bytes(write(marker))
        assert store.get('ab12') is None
        store.put('ab12', {'x': np.arange(3)})
        assert store.get('ab12')['x'].tolist() == [0, 1, 2]

    def test_a_training_computes_it_again(self, runs, tmp_path, marker):
        folder = tmp_path / 'cache'
        changes = {'train_dataloader.dataset.cache': 'disk', 'train_dataloader.dataset.cache_folder': str(folder)}
        dataset = load_config(runs / 'imu.py', RunOptions(cfg_options=changes)).train_dataloader.dataset
        samples = DATASETS.build(dataset)
        first = samples[0]['inputs']['imu']
        files = [path for path in folder.rglob('*') if path.is_file()]
        for path in files:
            path.write_bytes(payloads.kept(marker))
        assert files
        assert torch.equal(samples[0]['inputs']['imu'], first)
        assert all(path.read_bytes() != payloads.kept(marker) for path in files)

    def test_the_header_of_the_teachers_tensors(self, tmp_path, marker):
        layout = layout_of({'feat': torch.ones(2, 3)})
        RowStore.create(tmp_path / 'cache', layout, 4, {}).close()
        (tmp_path / 'cache' / 'header.json').write_bytes(payloads.pickled(marker))
        with pytest.raises(UnusableError, match=r'header[.]json cannot be read'):
            RowStore.open(tmp_path / 'cache', 4, {})

    @pytest.mark.parametrize('change', [{'shape': [-1, -3]}, {'dtype': 'load'}, {'dtype': 'hub'}, {'shape': ['3']}])
    def test_a_header_that_describes_no_tensor(self, tmp_path, change):
        RowStore.create(tmp_path / 'cache', layout_of({'feat': torch.ones(2, 3)}), 4, {}).close()
        header = json.loads((tmp_path / 'cache' / 'header.json').read_text())
        header['leaves'][0] |= change | ({'order': [0, 1]} if len(change.get('shape', [])) == 2 else {})
        (tmp_path / 'cache' / 'header.json').write_text(json.dumps(header))
        with pytest.raises(UnusableError, match=r'header[.]json cannot be read'):
            RowStore.open(tmp_path / 'cache', 4, {})

    def test_rows_are_not_written_through_a_link(self, tmp_path):
        RowStore.create(tmp_path / 'cache', layout_of({'feat': torch.ones(2, 3)}), 4, {}).close()
        good = tmp_path / 'good'
        (tmp_path / 'cache' / 'leaf_0.bin').rename(good)
        (tmp_path / 'cache' / 'leaf_0.bin').symlink_to(good)
        with pytest.raises(UnusableError, match=r'leaf_0[.]bin is a link'):
            RowStore.open(tmp_path / 'cache', 4, {})


class TestData:
    def test_arrays_of_objects(self, tmp_path, marker):
        for name in ('a.npy', 'b.npz'):
            path = payloads.write_arrays(tmp_path / name, marker, array=None)
            with refused(path, ''):
                LoadArray('imu').apply(str(path), 'a')
        (tmp_path / 'c.npy').write_bytes(payloads.pickled(marker))
        with refused(tmp_path / 'c.npy', 'not a readable .npy file of numbers'):
            LoadArray('imu').apply(str(tmp_path / 'c.npy'), 'c')

    def test_the_doctor_reads_and_runs_nothing(self, runs, tmp_path, marker):
        data = shutil.copytree(runs / 'data', tmp_path / 'data')
        payloads.write_arrays(data / 'imu' / 'c00.npy', marker)
        (data / 'image' / 'c01.png').write_bytes(payloads.pickled(marker))
        found = check_data(runs / 'image_from_imu.py', RunOptions(data_root=str(data), workers=0)).findings
        assert {(one.sample_id, one.what) for one in found if one.severity == 'error'} == {
            ('c00', 'unreadable'), ('c01', 'unreadable'),
        }  # fmt: skip

    def test_a_picture_that_is_a_program_is_not_handed_to_ghostscript(self, tmp_path, marker, monkeypatch):
        ghostscript = tmp_path / 'bin' / 'gs'
        ghostscript.parent.mkdir()
        ghostscript.write_text(f'#!/bin/sh\nmkdir {marker}\n')
        ghostscript.chmod(0o755)
        monkeypatch.setenv('PATH', str(ghostscript.parent), prepend=':')
        monkeypatch.setattr('PIL.EpsImagePlugin.gs_binary', None)
        path = tmp_path / 'photo.jpg'
        path.write_text('%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n')
        with refused(path, 'unreadable or truncated image'):
            read_rgb(str(path))


class TestResults:
    """What the page and the tables are made from."""

    @pytest.mark.parametrize('name', ['results.json', 'predictions.csv', 'spectral_cka.json', 'samples.png'])
    def test_the_page_names_what_it_leaves_out(self, tmp_path, marker, name):
        folder = self.work_dir(tmp_path)
        (folder / name).write_bytes(payloads.pickled(marker))
        page = report([folder], tmp_path / 'report.html').read_text()
        assert f'{folder / name}: ' in page

    def test_a_dumped_config_is_not_executed(self, tmp_path, marker):
        folder = self.work_dir(tmp_path)
        (folder / 'config.py').write_text(payloads.code(marker))
        page = report([folder], tmp_path / 'report.html').read_text()
        assert f'{folder / "config.py"}: not a config' in page
        (folder / 'config.py').write_text(f'a = dict(b=__import__("os").mkdir({str(marker)!r}))\n')
        assert 'not a config' in report([folder], tmp_path / 'report.html').read_text()

    @staticmethod
    def work_dir(tmp_path):
        folder = tmp_path / 'run'
        write_log(folder, [{'accuracy': 40.0, 'step': 1}])
        (folder / 'results.json').write_text(json.dumps(results()))
        write_picture(folder / 'samples.png')
        return folder

    def test_a_saved_step(self, tmp_path, marker):
        folder = tmp_path / 'run' / 'nonfinite'
        folder.mkdir(parents=True)
        path = payloads.write_checkpoint(folder / 'iter_3.pth', marker, kind='fdkd: a step that was not finite')
        with refused(path):
            replay(path)

    def test_pixel_counts_of_objects(self, tmp_path, marker):
        names = dict.fromkeys(('intersection', 'predicted', 'labelled'))
        path = payloads.write_arrays(tmp_path / 'images.npz', marker, **names)
        with refused(path, 'damaged'):
            _read_images(path)
        path.write_bytes(payloads.pickled(marker))
        with refused(path, 'damaged'):
            _read_images(path)

    def test_the_ledger_skips_and_keeps_a_line(self, tmp_path, marker):
        path = tmp_path / 'ledger.jsonl'
        ledger = Ledger(path)
        ledger.append({'key': 'k', 'name': 'n', 'status': 'done', 'config': 'c', 'seed': 0})
        before = path.read_bytes()
        path.write_bytes(before + payloads.pickled(marker).replace(b'\n', b' ') + b'\n')
        assert [row['key'] for row in ledger.rows()] == ['k']
        assert [line for line, _ in ledger.damaged] == [2]
        ledger.append({'key': 'l', 'name': 'n', 'status': 'done', 'config': 'c', 'seed': 0})
        assert path.read_bytes().startswith(before)
        assert ledger.done() == {'k', 'l'}


class TestExports:
    """What the weights of an exported student say of their network."""

    @pytest.mark.parametrize('kind', ['os.mkdir', 'mmseg.os.mkdir', 'os', None, ['os.mkdir']])
    @pytest.mark.parametrize('deep', [False, True])
    def test_a_network_that_is_a_call(self, tmp_path, marker, kind, deep):
        call = {'type': kind, 'path': str(marker), 'mode': 0o777}
        config = {'type': 'EncoderDecoder', 'backbone': call, 'decode_head': [call]} if deep else call
        plain = {'library': 'mmseg', 'config': config}
        meta = {'plain': plain, 'inputs': [], 'normalisation': {}, 'align_corners': False}
        write_checkpoint({'meta': meta, 'state_dict': {}}, tmp_path / 'student.pth')
        with pytest.raises(ExportError, match=r'student[.]pth: refused, since its network names'):
            load_exported(tmp_path / 'student.pth')

    def test_a_network_that_is_no_network(self, tmp_path):
        meta = {'plain': {'library': 'torchvision', 'arch': 'get_model_weights', 'num_classes': 2, 'in_channels': 3}}
        write_checkpoint({'meta': meta, 'state_dict': {}}, tmp_path / 'student.pth')
        with pytest.raises(ExportError, match=r'student[.]pth: refused, since its network is'):
            load_exported(tmp_path / 'student.pth')
